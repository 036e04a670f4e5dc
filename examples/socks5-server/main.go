// Command socks5-server is Mongoose's tutorial "SOCKS5 server": a proxy that connects to where its
// clients ask for [RFC 1928]. It supports CONNECT, with and without a password [RFC 1929].
//
//	go run ./examples/socks5-server
//	curl --socks5-hostname 127.0.0.1:1080 http://example.com/
//	go run ./examples/socks5-server -auth users.txt   # lines of user:password
//
// What differs from the C program: the reply to a request is sent when the connection to the
// target is established or has failed, with the matching code and the address that the server
// connects from. The C program replies "succeeded" at once, with the address of the request.
// Half-closes and resets are forwarded, and a side that reads slowly slows the other down, as in
// tcp-proxy. The flags -handshake, -connect, -stall, -idle and -conns bound what a client can make
// the server hold.
//
// The clients reach every address that the server reaches, on its own host too. Without -auth it
// warns if it listens on more than loopback. SOCKS sends passwords as plain text.
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
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/relay"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	relay.Options
	listen, auth string
	handshake    time.Duration
	verbose      bool
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "tcp://127.0.0.1:1080", "`URL` to listen on")
	cli.File(f, &o.auth, "auth", "`file` with a line user:password for each user (default: everyone is let in)")
	cli.Timeout(f, &o.handshake, "handshake", 10*time.Second, "`time` until a client has sent its request; 0 is no limit")
	f.BoolVar(&o.verbose, "v", false, "log every request")
	o.Flags(f)
}

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("socks5-server", flag.ContinueOnError)
	var o options
	o.flags(f)
	return cli.Run(f, args, stderr, func() error {
		if err := cli.CheckListen("-listen", o.listen, "tcp", "unix"); err != nil {
			return err
		}
		return serve(o, termlog.New(stdout, cli.Level(o.verbose)))
	})
}

// deadlines returns the deadlines of all connections.
func (o *options) deadlines() reactor.Deadlines {
	d := o.Deadlines()
	d.Handshake = cli.Deadline(o.handshake)
	return d
}

// serve runs the server until SIGINT or SIGTERM.
func serve(o options, log *slog.Logger) error {
	s := &server{options: o, log: termlog.Limit(log)}
	if o.auth != "" {
		var err error
		if s.users, err = readUsers(o.auth); err != nil {
			return cli.Usage("-auth: %w", err)
		}
	}
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithDeadlines(o.deadlines()))
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := relay.Listen(m, o.listen, &o.Options, s.accept)
	if err != nil {
		return cli.ListenError("-listen", o.listen, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info("listening", "url", o.listen, "local", l.LocalAddr(), "users", len(s.users))
	if local := l.LocalAddr().Addr(); s.users == nil && local.IsValid() && !local.IsLoopback() {
		log.Warn("EVERYONE ON THE NETWORK CAN CONNECT TO THIS HOST'S SERVICES: set -auth, or listen on loopback")
	}
	return relay.RunThenShutDown(ctx, m, l)
}
