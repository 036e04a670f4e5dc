// Command tcp-proxy hands every connection on to another address, both ways.
// A side that reads slowly slows the other down: no more than a few hundred
// kilobytes per connection ever wait in memory.
//
// What one side does is what the other sees. An end of stream is passed on as an end
// of stream, behind all data, while the other direction goes on. A reset or any other
// failure is passed on as a reset, so an answer that was cut off never looks whole.
//
//	go run ./examples/tcp-proxy -listen tcp://127.0.0.1:9000 -to tcp://127.0.0.1:8000
//
// Both may be unix:///path, which has no resets: there a failure looks like an end. -to
// may be tls://host:port. Exit status: 0 after SIGINT or SIGTERM, 1 if it cannot listen or
// the loop fails, with the reason on standard error, 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/reactor"
)

// The marks of what waits for one side, in bytes: above high the other side is
// not read from until low is reached.
const low, high = 64 << 10, 256 << 10

// grace is how long connections may go on after a signal. Those that have not ended by
// then are reset.
const grace = 2 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("tcp-proxy", flag.ContinueOnError)
	listen := f.String("listen", "tcp://127.0.0.1:9000", "`URL` to listen on")
	to := f.String("to", "tcp://127.0.0.1:8000", "`URL` to connect to")
	return cli.Run(f, args, stderr, func() error { return serve(*listen, *to, clog.New(stdout, slog.LevelInfo)) })
}

// serve runs the proxy until a signal comes.
func serve(listen, to string, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := proxy(m, listen, to)
	if err != nil {
		return err
	}
	if l.IsTLS() { // which wants a certificate: websocket-server shows how
		return cli.Usage("-listen %s: this example has no TLS", listen)
	}
	log.Info("listening", "url", listen, "local", l.LocalAddr(), "to", to)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return leave(m, l)
}

// leave stops listening and gives the connections time to end by themselves. Draining
// them would tell both sides of each that the other has ended.
func leave(m *reactor.Manager, l *reactor.Conn) error {
	l.Close()
	late := false
	defer m.AddTimer(grace, reactor.TimerOnce, func() { late = true }).Stop()
	for !late && m.Stats().Conns > 0 {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	for c := range m.Conns() {
		c.Abort()
	}
	return m.Poll(0)
}

// proxy connects what connects to one URL with the other.
func proxy(m *reactor.Manager, listen, to string) (*reactor.Conn, error) {
	l, err := m.Listen(listen, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			join(c, to)
		}
	}, nil)
	if err == nil {
		l.SetWater(low, high)
	}
	return l, err
}

// join makes the connection that c is joined to: each is the other's FnData.
func join(c *reactor.Conn, to string) {
	d, err := c.Manager().Connect(to, pass, c)
	if err != nil {
		c.Manager().Logger().Error("cannot connect", "to", to, "error", err)
		c.Abort()
		return
	}
	c.Fn, c.FnData = pass, d
	c.SetHalfClose(true)
	d.SetHalfClose(true)
	c.Pause() // until there is somewhere to write to
	d.SetWater(low, high)
}

// pass hands on what one side says to the other. When both sides have ended, both
// connections close by themselves.
func pass(c *reactor.Conn, ev reactor.Event, data any) {
	other := c.FnData.(*reactor.Conn)
	switch ev {
	case reactor.EvConnect:
		other.Resume()
	case reactor.EvRead:
		other.Write(c.Recv.Bytes()) // fails only if the other is closing
		c.Recv.Reset()
	case reactor.EvHighWater:
		other.Pause()
	case reactor.EvLowWater:
		other.Resume()
	case reactor.EvEnd:
		other.CloseWrite() // behind what it still has to write
	case reactor.EvError:
		c.Manager().Logger().Info("failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
		other.Abort()
	}
}
