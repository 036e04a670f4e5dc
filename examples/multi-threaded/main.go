// Command multi-threaded is Mongoose's multi-threaded tutorial: an HTTP server that does slow
// work on separate goroutines. Meanwhile the event loop serves other requests. Wakeup sends the
// result to the loop.
//
//	go run ./examples/multi-threaded
//	curl http://127.0.0.1:8000/       # answered at once
//	curl http://127.0.0.1:8000/slow   # answered when the work is done
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// work does the slow work. It runs on its own goroutine, where it must not use a connection.
// Therefore it gets the connection's ID.
func work(m *reactor.Manager, id uint64, took time.Duration) {
	time.Sleep(took) // stands for slow work
	m.Wakeup(id, fmt.Appendf(nil, "hello, this took %v", took))
}

// server is the state of the handler.
type server struct{ took time.Duration }

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		if string(hm.URI) == "/slow" {
			go work(c.Manager(), c.ID(), s.took) // EvWakeup sends the answer
			return
		}
		http.Reply(c, 200, "Content-Type: text/plain\r\n", "hi\n")
	case reactor.EvWakeup:
		http.Reply(c, 200, "Content-Type: text/plain\r\n", "%s\n", *data.(*[]byte))
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &server{}
	f := flag.NewFlagSet("multi-threaded", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	f.DurationVar(&s.took, "work", 2*time.Second, "`time` that the slow work takes")
	return cli.Run(f, args, stderr, func() error { return s.serve(*url, clog.New(stdout, slog.LevelInfo)) })
}

// serve runs the loop until SIGINT or SIGTERM.
func (s *server) serve(url string, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := http.Listen(m, url, s.handle, nil)
	if err != nil {
		return err
	}
	if l.IsTLS() {
		return cli.Usage("-listen %s: this example has no TLS; websocket-server has", url)
	}
	log.Info("listening", "local", l.LocalAddr())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	log.Info("stopping")
	_, err = m.Drain(s.took + time.Second)
	return err
}
