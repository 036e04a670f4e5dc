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
	"flag"
	"io"
	"log/slog"
	"os"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/relay"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	relay.Options
	listen, to string
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "tcp://127.0.0.1:9000", "`URL` to listen on")
	f.StringVar(&o.to, "to", "tcp://127.0.0.1:8000", "`URL` to connect to")
	o.Flags(f)
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("tcp-proxy", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if err := cli.CheckListen("-listen", o.listen, "tcp", "unix"); err != nil {
			return err
		}
		return serve(&o, termlog.New(stdout, slog.LevelInfo))
	})
}

// serve runs the proxy until SIGINT or SIGTERM.
func serve(o *options, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithDeadlines(o.Deadlines()))
	if err != nil {
		return err
	}
	defer m.Close()
	if err := check(m, o.to); err != nil {
		return err
	}
	l, err := relay.Forward(m, o.listen, o.to, &o.Options)
	if err != nil {
		return cli.ListenError("-listen", o.listen, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info("listening", "url", o.listen, "local", l.LocalAddr(), "to", o.to)
	return relay.RunThenShutDown(ctx, m, l)
}

// check returns an error if the proxy cannot connect to such a URL. It sends nothing: the loop
// begins to connect in Poll, and the connection is closed by then.
func check(m *reactor.Manager, to string) error {
	c, err := m.Connect(to, nil, nil)
	if err != nil {
		return cli.Usage("-to: %w", err)
	}
	c.Close()
	if u, _ := reactor.ParseURL(to); u.Scheme == "udp" {
		return cli.Usage("-to %s: datagrams have no end of stream: want tcp://, tls:// or unix://", to)
	}
	return nil
}
