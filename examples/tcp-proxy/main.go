// Command tcp-proxy hands every connection on to another address, both ways.
// A side that reads slowly slows the other down: no more than a few hundred
// kilobytes per connection ever wait in memory.
//
//	go run ./examples/tcp-proxy -listen tcp://127.0.0.1:9000 -to tcp://127.0.0.1:8000
//
// Both may be unix:///path. Exit status: 0 after SIGINT or SIGTERM, 1 if it
// cannot listen or the loop fails, with the reason on standard error, 2 for
// wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/reactor"
)

// The marks of what waits for one side, in bytes: above high the other side is
// not read from until low is reached.
const low, high = 64 << 10, 256 << 10

// goodbye is how long the connections have for what is still to be written,
// once a signal came.
const goodbye = 2 * time.Second

func main() {
	listen := flag.String("listen", "tcp://127.0.0.1:9000", "`URL` to listen on")
	to := flag.String("to", "tcp://127.0.0.1:8000", "`URL` to connect to")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(*listen, *to); err != nil {
		fmt.Fprintln(os.Stderr, "tcp-proxy:", err)
		os.Exit(1)
	}
}

// serve runs the proxy until a signal comes.
func serve(listen, to string) error {
	m, err := reactor.New(reactor.WithLogger(clog.New(os.Stdout, slog.LevelInfo)))
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := proxy(m, listen, to)
	if err != nil {
		return err
	}
	m.Logger().Info("listening", "url", listen, "local", l.LocalAddr(), "to", to)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	_, err = m.Drain(goodbye)
	return err
}

// proxy connects whoever connects to one URL with the other.
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
		c.Fail(err)
		return
	}
	c.Fn, c.FnData = pass, d
	c.Pause() // until there is somewhere to write to
	d.SetWater(low, high)
}

// pass hands on what one side says to the other.
func pass(c *reactor.Conn, ev reactor.Event, data any) {
	other := c.FnData.(*reactor.Conn)
	switch ev {
	case reactor.EvConnect:
		other.Resume()
	case reactor.EvRead:
		other.Write(c.Recv.Bytes()) // which fails only if the other is closing
		c.Recv.Reset()
	case reactor.EvHighWater:
		other.Pause()
	case reactor.EvLowWater:
		other.Resume()
	case reactor.EvError:
		c.Manager().Logger().Info("failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
	case reactor.EvClose:
		other.Drain() // after what it still has to write
	}
}
