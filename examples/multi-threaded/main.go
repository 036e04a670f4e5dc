// Command multi-threaded is Mongoose's multi-threaded tutorial: an HTTP server that does slow
// work on separate goroutines. Meanwhile the event loop serves other requests. Wakeup sends the
// result to the loop.
//
//	go run ./examples/multi-threaded
//	curl http://127.0.0.1:8000/       # answered at once
//	curl http://127.0.0.1:8000/slow   # answered when the work is done
//
// The number of jobs at the same time is limited. Beyond -jobs the answer is 503: a client that
// closes its connection at once leaves its job behind, so the number of connections is no limit.
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

// server is the state of the handler.
type server struct {
	took time.Duration
	job  func() // the slow work
	most int    // jobs at the same time
	jobs int    // now
}

// work does the slow work. It runs on its own goroutine, where it must not use a connection.
// Therefore it gets the connection's ID.
func (s *server) work(m *reactor.Manager, id uint64) {
	s.job()
	m.Wakeup(id, fmt.Appendf(nil, "hello, this took %v", s.took))
	m.Post(func() { s.jobs-- }) // after Wakeup, and also if the connection has closed
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		switch {
		case string(hm.URI) != "/slow":
			http.Reply(c, 200, "Content-Type: text/plain\r\n", "hi\n")
		case s.jobs >= s.most:
			http.Reply(c, 503, "Content-Type: text/plain\r\nRetry-After: 1\r\n", "too many jobs\n")
		default:
			s.jobs++
			go s.work(c.Manager(), c.ID()) // EvWakeup sends the answer
		}
	case reactor.EvWakeup:
		http.Reply(c, 200, "Content-Type: text/plain\r\n", "%s\n", *data.(*[]byte))
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &server{}
	s.job = func() { time.Sleep(s.took) } // stands for slow work
	f := flag.NewFlagSet("multi-threaded", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	f.DurationVar(&s.took, "work", 2*time.Second, "`time` that the slow work takes")
	f.IntVar(&s.most, "jobs", 64, "largest `number` of jobs at the same time")
	return cli.Run(f, args, stderr, func() error {
		switch {
		case s.took < 0:
			return cli.Usage("-work %v is negative", s.took)
		case s.most < 1:
			return cli.Usage("-jobs %d is not positive", s.most)
		}
		return s.serve(*url, clog.New(stdout, slog.LevelInfo))
	})
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
