// Command json-rpc-over-websocket is Mongoose's tutorial "JSON-RPC over WebSocket". A WebSocket at
// /websocket takes calls of the methods sum, mul and rpc.list. Every five seconds all clients get
// the notification "notification1".
//
//	go run ./examples/json-rpc-over-websocket
//
// Any other path is a page that calls them: open http://127.0.0.1:8000/ in a browser.
//
// What differs from the C program: a call with wrong parameters gets an error, where the C program
// takes what is missing for 0. Replies have the member "jsonrpc", and so have the notifications;
// requests need not have it. Batches work. The page is part of the program, and it is one file.
// A client that does not read is disconnected when a megabyte waits for it. In C the clients are
// marked and found among all connections; here they are in a map.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/jsonrpc"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// maxUnsent is the number of unsent bytes with which a client is disconnected.
const maxUnsent = 1 << 20

// page is the page with a client for browsers. It loads no other files.
//
//go:embed page.html
var page []byte

// binary returns a method that computes a result of two numbers.
func binary(compute func(a, b float64) float64) jsonrpc.Method {
	return func(r *jsonrpc.Request) (any, error) {
		var a, b float64
		if err := r.Args(&a, &b); err != nil {
			return nil, err
		}
		return compute(a, b), nil
	}
}

// server is the state of the handler.
type server struct {
	log     *slog.Logger
	methods jsonrpc.Methods
	clients map[*reactor.Conn]bool // with an open WebSocket
}

func newServer(log *slog.Logger) *server {
	s := &server{log: log, clients: map[*reactor.Conn]bool{}}
	s.methods.Lenient = true // as in Mongoose, "jsonrpc" may be missing
	s.methods.Add("sum", binary(func(a, b float64) float64 { return a + b }))
	s.methods.Add("mul", binary(func(a, b float64) float64 { return a * b }))
	s.methods.Add("rpc.list", s.methods.List)
	return s
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		if hm := data.(*http.Message); string(hm.URI) == "/websocket" {
			ws.Upgrade(c, hm, "") // an error is logged
		} else {
			http.ReplyBytes(c, 200, "Content-Type: text/html; charset=utf-8\r\nConnection: close\r\n", page)
		}
	case reactor.EvWSOpen:
		s.clients[c] = true
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		reply := s.methods.Append(nil, m.Data, c)
		s.log.Debug("message", "id", c.ID(), "in", string(m.Data), "out", string(reply))
		if len(reply) > 0 { // a notification has none
			ws.Send(c, reply, ws.OpText)
		}
	case reactor.EvClose:
		delete(s.clients, c)
	}
}

// notify is the function of the timer. It sends a notification to all clients.
func (s *server) notify() {
	frame, err := jsonrpc.AppendNotification(nil, "notification1", []int{1, 2, 3})
	if err != nil {
		s.log.Error("no notification", "error", err)
		return
	}
	for c := range s.clients {
		ws.Send(c, frame, ws.OpText)
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("json-rpc-over-websocket", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	every := f.Duration("every", 5*time.Second, "`time` between two notifications")
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
	s := newServer(log)
	m.AddTimer(every, reactor.TimerRepeat, s.notify)
	l, err := http.Listen(m, url, s.handle, nil)
	if err != nil {
		return cli.ListenError("-listen", url, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info(fmt.Sprintf("Starting WS listener on ws://%s/websocket", l.LocalAddr()))
	return cli.RunThenDrain(ctx, m, time.Second)
}
