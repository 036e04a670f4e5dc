// Command multi-core uses several cores: one event loop per core, each on a
// goroutine and with a listener of its own on the same address. The kernel
// spreads the connections over them (SO_REUSEPORT); the loops share nothing.
//
//	go run ./examples/multi-core -loops 4
//	curl http://127.0.0.1:8000/   # says which loop answered
//
// Exit status: 0 after SIGINT or SIGTERM, 1 if it cannot listen, with the reason
// on standard error, 2 for wrong usage.
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
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// loop is one event loop and what its handler needs.
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
	if err == nil && listener.IsTLS() { // which wants a certificate: websocket-server shows how
		err = cli.Usage("-listen %s: this example has no TLS", url)
	}
	if err != nil {
		m.Close()
		return nil, nil, err
	}
	return l, listener, nil
}

// run polls until ctx is done and then ends the loop in order.
func (l *loop) run(ctx context.Context, log *slog.Logger) error {
	if err := l.m.Run(ctx); ctx.Err() == nil {
		return fmt.Errorf("loop %d: %w", l.number, err)
	}
	_, err := l.m.Drain(time.Second)
	log.Info("stopped", "loop", l.number, "answers", l.answers)
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("multi-core", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	count := f.Int("loops", runtime.GOMAXPROCS(0), "`number` of event loops")
	return cli.Run(f, args, stderr, func() error {
		if *count < 1 || *count > 1024 {
			return cli.Usage("-loops %d is not in 1..1024", *count)
		}
		return serve(*url, *count, clog.New(stdout, slog.LevelInfo))
	})
}

// serve runs the loops until a signal comes or one of them fails.
func serve(url string, count int, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
		if started == 0 { // port 0: the others take the port that the first got
			log.Info("listening", "local", listener.LocalAddr(), "loops", count)
			u, _ := reactor.ParseURL(url) // Listen took it
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
