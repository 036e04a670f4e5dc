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
// another failure is forwarded as a reset, after the data that came before it. Therefore an
// incomplete answer never looks complete. UNIX-domain sockets have no resets: there a failure
// looks like an end of stream.
//
// Nothing stays when one side is gone, or when neither side does anything: the flags -connect,
// -stall and -idle bound each wait. When such a time passes, both sides are reset. Beyond -conns
// clients, a new one is refused, because a client that is silent may wait for a long answer.
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

// grace is how long connections may go on after a signal. Then they are reset.
const grace = 2 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line. A time of 0 means no limit.
type options struct {
	listen, to           string
	connect, stall, idle time.Duration
	conns                int // clients; 0: as many as there are descriptors
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "tcp://127.0.0.1:9000", "`URL` to listen on")
	f.StringVar(&o.to, "to", "tcp://127.0.0.1:8000", "`URL` to connect to")
	cli.Timeout(f, &o.connect, "connect", 10*time.Second, "`time` to connect to the target, without the look-up of its name; 0 is no limit")
	cli.Timeout(f, &o.stall, "stall", 30*time.Second, "`time` that a side may read nothing while bytes wait for it; 0 is no limit")
	cli.Count(f, &o.conns, "conns", 0, "largest `number` of clients; 0 is as many as the limit of descriptors allows")
	cli.Timeout(f, &o.idle, "idle", 10*time.Minute, "`time` that both sides may be silent, and up to a quarter more; 0 is no limit")
}

// deadlines returns the deadlines of all connections.
func (o *options) deadlines() reactor.Deadlines {
	return reactor.Deadlines{Connect: cli.Deadline(o.connect), Stall: cli.Deadline(o.stall)}
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("tcp-proxy", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error { return serve(&o, clog.New(stdout, slog.LevelInfo)) })
}

// serve runs the proxy until SIGINT or SIGTERM.
func serve(o *options, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithDeadlines(o.deadlines()))
	if err != nil {
		return err
	}
	defer m.Close()
	if err := check(m, o.to); err != nil {
		return err
	}
	l, err := proxy(m, o)
	if err != nil {
		return err
	}
	if l.IsTLS() {
		return cli.Usage("-listen %s: this example does not accept TLS; websocket-server does", o.listen)
	}
	log.Info("listening", "url", o.listen, clog.Addr("local", l.LocalAddr()), "to", o.to)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return shutDown(m, l)
}

// check returns an error if the proxy cannot connect to such a URL. It sends nothing: the loop
// begins to connect in Poll, and the connection is closed by then.
func check(m *reactor.Manager, to string) error {
	c, err := m.Connect(to, nil, nil)
	if err != nil {
		return cli.Usage("-to: %w", err)
	}
	c.Close()
	return nil
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
