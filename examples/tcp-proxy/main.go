// Command tcp-proxy forwards every connection to another address, in both directions.
//
//	go run ./examples/tcp-proxy -listen tcp://127.0.0.1:9000 -to tcp://127.0.0.1:8000
//
// Both URLs may be unix:///path, and -to may be tls://host:port.
//
// If one side reads slowly, the proxy reads slowly from the other. At most a few hundred
// kilobytes per connection wait in memory.
//
// An end of stream is forwarded after all data, while the other direction goes on. A reset or
// another failure is forwarded as a reset. Therefore an incomplete answer never looks complete.
// UNIX-domain sockets have no resets: there a failure looks like an end of stream.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
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

// The water marks for the unsent bytes of a connection. Above high, the proxy stops reading
// from the other connection. At low it continues.
const low, high = 64 << 10, 256 << 10

// grace is how long connections may go on after a signal. Then they are reset.
const grace = 2 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("tcp-proxy", flag.ContinueOnError)
	listen := f.String("listen", "tcp://127.0.0.1:9000", "`URL` to listen on")
	to := f.String("to", "tcp://127.0.0.1:8000", "`URL` to connect to")
	return cli.Run(f, args, stderr, func() error { return serve(*listen, *to, clog.New(stdout, slog.LevelInfo)) })
}

// serve runs the proxy until SIGINT or SIGTERM.
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
	if l.IsTLS() {
		return cli.Usage("-listen %s: this example does not accept TLS; websocket-server does", listen)
	}
	log.Info("listening", "url", listen, clog.Addr("local", l.LocalAddr()), "to", to)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return shutDown(m, l)
}

// shutDown closes the listener and waits until the connections have closed, for at most grace.
// It does not drain them: both peers would read an end of stream that the other has not sent.
func shutDown(m *reactor.Manager, l *reactor.Conn) error {
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

// proxy listens on one URL and connects each accepted connection to the other.
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

// join makes a connection to the target URL and pairs it with c. Each has the other as its
// FnData.
func join(c *reactor.Conn, to string) {
	d, err := c.Manager().Connect(to, forward, c)
	if err != nil {
		c.Manager().Logger().Error("cannot connect", "id", c.ID(), clog.Addr("remote", c.RemoteAddr()), "url", to, "error", err)
		c.Abort()
		return
	}
	c.Fn, c.FnData = forward, d
	c.SetHalfClose(true)
	d.SetHalfClose(true)
	c.Pause() // until d is connected
	d.SetWater(low, high)
}

// forward is the handler of both connections. It writes the bytes that one receives to the
// other. Each connection closes when both of its directions have ended.
func forward(c *reactor.Conn, ev reactor.Event, data any) {
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
		other.CloseWrite() // takes effect after its unsent bytes
	case reactor.EvError:
		c.Manager().Logger().Info("connection failed", "id", c.ID(), clog.Addr("remote", c.RemoteAddr()), "error", data.(error))
		other.Abort()
	}
}
