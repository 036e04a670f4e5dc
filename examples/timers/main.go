// Command timers is Mongoose's tutorial "timers": a WebSocket echo server with a timer that sends
// "hi" to all clients every 300 ms.
//
//	go run ./examples/timers
//
// A client, in the console of a browser that shows http://127.0.0.1:8000/:
//
//	new WebSocket("/websocket").onmessage = e => console.log(e.data)
//
// What differs from the C program: a period is a time.Duration, not a number of milliseconds, and
// the timer calls a closure, not a function with an argument. The C program marks WebSockets in the
// label of a connection and walks over all connections; here the server keeps them in a map.
// Other paths are answered with 404, because this example has no files. A client that does not read
// is disconnected when a megabyte waits for it.
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

// server is the state of the handler.
type server struct {
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

// tick is the function of the timer.
func (s *server) tick() {
	for c := range s.clients {
		ws.Send(c, []byte("hi"), ws.OpText)
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("timers", flag.ContinueOnError)
	url := f.String("listen", "http://127.0.0.1:8000", "`URL` to listen on")
	period := f.Duration("period", 300*time.Millisecond, "`time` between two messages")
	return cli.Run(f, args, stderr, func() error {
		if *period < time.Millisecond {
			return cli.Usage("-period %v is less than 1ms", *period)
		}
		if err := cli.CheckListen("-listen", *url, "http"); err != nil {
			return err
		}
		return serve(*url, *period, termlog.New(stdout, slog.LevelInfo))
	})
}

// serve runs the loop until SIGINT or SIGTERM.
func serve(url string, period time.Duration, log *slog.Logger) error {
	m, err := reactor.New(reactor.WithLogger(log), reactor.WithLimits(reactor.Limits{Send: maxUnsent}))
	if err != nil {
		return err
	}
	defer m.Close()
	s := &server{clients: map[*reactor.Conn]bool{}}
	m.AddTimer(period, reactor.TimerRepeat, s.tick)
	l, err := http.Listen(m, url, s.handle, nil)
	if err != nil {
		return cli.ListenError("-listen", url, err)
	}
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	log.Info("listening", "local", l.LocalAddr())
	return cli.RunThenDrain(ctx, m, time.Second)
}
