// Command multi-core is an HTTP server that uses several cores. It runs one event loop per
// core, each on its own goroutine and with its own listener on the same address. The kernel
// distributes the connections among the listeners (SO_REUSEPORT). The loops share nothing.
//
//	go run ./examples/multi-core -loops 4
//	curl http://127.0.0.1:8000/   # the answer names the loop
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or a loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// loop is one event loop with the state of its handler.
type loop struct {
	number  int
	m       *reactor.Manager
	answers int
}

func (l *loop) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvHTTPMsg {
		l.answers++
		http.Reply(c, 200, "Content-Type: text/plain\r\n", "loop %d, answer %d\n", l.number, l.answers)
	}
}

// newLoop makes a loop that listens on url.
func newLoop(number int, url string, log *slog.Logger) (*loop, *reactor.Conn, error) {
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithSockets(reactor.Sockets{ReusePort: true}))
	if err != nil {
		return nil, nil, err
	}
	l := &loop{number: number, m: m}
	listener, err := http.Listen(m, url, l.handle, nil)
	if err != nil {
		m.Close()
		return nil, nil, cli.ListenError("-listen", url, err)
	}
	return l, listener, nil
}

// run polls until ctx is done. Then it closes the connections gracefully.
func (l *loop) run(ctx context.Context, log *slog.Logger) error {
	if err := l.m.Run(ctx); ctx.Err() == nil {
		return fmt.Errorf("loop %d: %w", l.number, err)
	}
	_, err := l.m.Drain(time.Second)
	log.Info("stopped", "loop", l.number, "answers", l.answers)
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("multi-core", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	count := f.Int("loops", runtime.GOMAXPROCS(0), "`number` of event loops")
	return cli.Run(f, args, stderr, func() error {
		if *count < 1 || *count > 1024 {
			return cli.Usage("-loops %d is not between 1 and 1024", *count)
		}
		if err := cli.CheckListen("-listen", *url, "http"); err != nil {
			return err
		}
		return serve(*url, *count, termlog.New(stdout, slog.LevelInfo))
	})
}

// serve runs the loops until SIGINT or SIGTERM, or until one of them fails.
func serve(url string, count int, log *slog.Logger) error {
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan error)
	started := 0
	var failure error
	for ; started < count && failure == nil; started++ {
		l, listener, err := newLoop(started, url, log)
		if err != nil {
			failure = err
			cancel(err)
			break
		}
		if started == 0 { // if the port is 0, the other loops use the port of the first
			log.Info("listening", "local", listener.LocalAddr(), "loops", count)
			u, _ := reactor.ParseURL(url) // Listen has parsed it without an error
			url = "http://" + net.JoinHostPort(u.Host, strconv.Itoa(int(listener.LocalAddr().Port())))
		}
		go func() { results <- l.run(ctx, log) }()
	}
	for range started {
		if err := <-results; err != nil {
			failure = errors.Join(failure, err)
			cancel(err)
		}
	}
	return failure
}
