// Command multi-threaded-12m is Mongoose's tutorial "multi-threaded, one to many": a goroutine
// produces a message every two seconds, and the event loop sends it to all WebSocket clients. What
// a client sends comes back to it.
//
//	go run ./examples/multi-threaded-12m
//
// A client, in the console of a browser that shows http://127.0.0.1:8000/:
//
//	new WebSocket("/websocket").onmessage = e => console.log(e.data)
//
// What differs from the C program: there mg_wakeup with ID 0 raises an event on all connections,
// and the handler of each decides if it is a WebSocket. Here the goroutine posts a function that
// sends the message to the clients, which the server keeps in a map. The C thread never ends; here
// it ends with the loop. A client that does not read is disconnected when a megabyte waits for it.
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
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// maxUnsent is the number of unsent bytes with which a client is disconnected.
const maxUnsent = 1 << 20

// server is the state of the handler. It belongs to the loop.
type server struct {
	log     *slog.Logger
	clients map[*reactor.Conn]bool // with an open WebSocket
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		if hm := data.(*http.Message); string(hm.URI) == "/websocket" {
			ws.Upgrade(c, hm, "") // an error is logged
		} else {
			http.Reply(c, 404, "Content-Type: text/plain\r\n", "not found\n")
		}
	case reactor.EvWSOpen:
		s.clients[c] = true
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		ws.Send(c, m.Data, m.Op)
	case reactor.EvClose:
		delete(s.clients, c)
	}
}

// broadcast sends a message to all clients. It runs on the loop.
func (s *server) broadcast(text string) {
	for c := range s.clients {
		ws.Send(c, []byte(text), ws.OpText)
	}
	s.log.Debug("sent", "clients", len(s.clients))
}

// produce runs on its own goroutine, where it must not use a connection or the map. It ends when
// the manager is closed, or with ctx.
func (s *server) produce(ctx context.Context, m *reactor.Manager, every time.Duration) {
	s.log.Info("THREAD STARTED")
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C: // a tick that comes while the loop is busy is dropped
		}
		if m.Post(func() { s.broadcast("hi!") }) != nil {
			return
		}
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("multi-threaded-12m", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	every := f.Duration("every", 2*time.Second, "`time` between two messages")
	verbose := f.Bool("v", false, "log every message")
	return cli.Run(f, args, stderr, func() error {
		if *every < time.Millisecond {
			return cli.Usage("-every %v is less than 1ms", *every)
		}
		if err := cli.CheckListen("-listen", *url, "http"); err != nil {
			return err
		}
		return serve(*url, *every, termlog.New(stdout, cli.Level(*verbose)))
	})
}

// serve runs the loop until SIGINT or SIGTERM.
func serve(url string, every time.Duration, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithLimits(reactor.Limits{Send: maxUnsent}))
	if err != nil {
		return err
	}
	defer m.Close()
	s := &server{log: log, clients: map[*reactor.Conn]bool{}}
	l, err := http.Listen(m, url, s.handle, nil)
	if err != nil {
		return cli.ListenError("-listen", url, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info("listening", "local", l.LocalAddr())
	go s.produce(ctx, m, every)
	return cli.RunThenDrain(ctx, m, time.Second)
}
