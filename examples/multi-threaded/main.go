// Command multi-threaded is Mongoose's tutorial "multi-threaded": an HTTP server that does slow
// work on a goroutine for each request. Meanwhile the event loop serves other requests. Wakeup
// sends the result to the connection that waits for it.
//
//	go run ./examples/multi-threaded
//	curl http://127.0.0.1:8000/fast   # answered at once
//	curl http://127.0.0.1:8000/       # answered when the work is done
//
// What differs from the C program: the number of jobs at the same time is limited. Beyond -jobs the
// answer is 503, because a client that closes its connection at once leaves its job behind: the
// number of connections is no limit. The goroutine gets no copy of the request, which it does not
// use. As in C it has the ID of the connection.
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
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
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
	m.Wakeup(id, []byte("hi!"))
	m.Post(func() { s.jobs-- }) // after Wakeup, and also if the connection has closed
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		switch {
		case string(hm.URI) == "/fast":
			http.Reply(c, 200, "Content-Type: text/plain\r\n", "hi\n")
		case s.jobs >= s.most:
			http.Reply(c, 503, "Content-Type: text/plain\r\nRetry-After: 1\r\n", "too many jobs\n")
		default:
			s.jobs++
			go s.work(c.Manager(), c.ID()) // EvWakeup sends the answer
		}
	case reactor.EvWakeup:
		http.Reply(c, 200, "Content-Type: text/plain\r\n", "Result: %s\n", *data.(*[]byte))
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &server{}
	s.job = func() { time.Sleep(s.took) } // stands for slow work
	f := flag.NewFlagSet("multi-threaded", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	cli.Timeout(f, &s.took, "work", 2*time.Second, "`time` that the slow work takes")
	cli.Count(f, &s.most, "jobs", 64, "largest `number` of jobs at the same time")
	return cli.Run(f, args, stderr, func() error {
		if s.most == 0 {
			return cli.Usage("-jobs 0 is not positive")
		}
		if err := cli.CheckListen("-listen", *url, "http"); err != nil {
			return err
		}
		return s.serve(*url, termlog.New(stdout, slog.LevelInfo))
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
		return cli.ListenError("-listen", url, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info("listening", "local", l.LocalAddr())
	return cli.RunThenDrain(ctx, m, s.took+time.Second)
}
