// Command mdns-query is Mongoose's tutorials "mDNS client" and "mDNS server": it asks the local
// network for the addresses of a host, and meanwhile answers for a name of its own.
//
//	go run ./examples/mdns-query -name printer.local
//	go run ./examples/mdns-query -name "" -host sensor -timeout 0   # only answers
//
// What differs from the C:
//
//   - The question is repeated until the time is up, because datagrams get lost. The C asks once.
//   - IPv6 addresses are asked for too.
//   - The program ends after -timeout. The C never ends.
//   - Nothing is answered unless -host gives a name. The C answers for "Mongoose".
//
// It logs to standard output. The exit status is 0 if the host was found and after SIGINT or
// SIGTERM, 1 if it was not found, and 2 for wrong usage. The reason for 1 and 2 is on standard
// error.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mdns"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// program is the state of the handlers.
type program struct {
	name, host, iface string
	timeout           time.Duration
	log               *slog.Logger
	stop              context.CancelFunc
	err               error
}

// query is the handler of the question.
func (p *program) query(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMDNSResp:
		r := data.(*mdns.Response)
		p.log.Info(r.Record.Name+" is: "+r.Record.Addr.String(), "remote", r.From)
	case reactor.EvError:
		p.err = data.(error)
	case reactor.EvClose:
		p.stop()
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	p := &program{}
	f := flag.NewFlagSet("mdns-query", flag.ContinueOnError)
	f.StringVar(&p.name, "name", "Server.local", "`name` of the host to find; empty asks for none")
	f.StringVar(&p.host, "host", "", "`name` to answer for, without .local")
	f.StringVar(&p.iface, "interface", "", "`name` of the network interface; by default the system chooses")
	cli.Timeout(f, &p.timeout, "timeout", 5*time.Second, "`time` to wait for answers; 0 is no limit")
	return cli.Run(f, args, stderr, func() error { return p.run(termlog.New(stdout, slog.LevelInfo)) })
}

// run runs the loop until the time is up, or SIGINT or SIGTERM.
func (p *program) run(log *slog.Logger) error {
	p.log = termlog.Limit(log)
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	if p.name == "" && p.host == "" {
		return cli.Usage("neither -name nor -host")
	}
	if strings.ContainsFunc(p.host, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(":/", r) }) {
		return cli.Usage("-host %q is no name of a host", p.host)
	}
	if p.host != "" {
		if _, err := mdns.Listen(m, &mdns.Options{Host: p.host, Interface: p.iface}, nil, nil); err != nil {
			return cli.ListenError("-host", p.host, err)
		}
	}
	if p.name != "" {
		o := &mdns.QueryOptions{Interface: p.iface, Timeout: cli.Deadline(p.timeout)}
		if _, err := mdns.Query(m, p.name, o, p.query, nil); err != nil {
			return cli.Usage("-name: %w", err)
		}
	}
	if p.host != "" {
		log.Info("answering", "name", p.host+".local")
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	ctx, p.stop = context.WithCancel(ctx)
	defer p.stop()
	if p.name == "" && p.timeout > 0 {
		m.AddTimer(p.timeout, reactor.TimerOnce, p.stop)
	}
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.err
}
