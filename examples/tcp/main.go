// Command tcp is Mongoose's tutorial "TCP": a server that sends back what it receives, and a client
// that connects to it, in one program. The client sends a message five seconds after it has
// connected and closes after five more. Every fifteen seconds it connects again.
//
//	go run ./examples/tcp
//	go run ./examples/tcp -url tls://localhost:8765    # with a certificate that it makes
//
// What differs from the C program: there the client counts the events of mg_mgr_poll to know the
// time, 50 of 100 ms. Here two timers do that, and the loop sleeps until then. The client says
// "connecting" before "initialized", because Connect calls no handler. The certificate is made at
// the start, so there are no files; only the server has one. If the server cannot listen, the
// program ends with status 1.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot
// listen or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// client is the client's side.
type client struct {
	m    *reactor.Manager
	log  *slog.Logger
	url  string
	tls  *tls.Config   // for a tls:// URL
	step time.Duration // from the connection to the message, and from there to the end
	conn *reactor.Conn // nil: none
	wait *reactor.Timer
}

// connect is the function of a timer. It connects if there is no connection.
func (cl *client) connect() {
	if cl.conn != nil {
		return
	}
	c, err := cl.m.Connect(cl.url, cl.handle, nil)
	if err != nil {
		cl.log.Info(fmt.Sprintf("CLIENT failed: %v", err))
		return
	}
	cl.conn = c
	cl.log.Info("CLIENT connecting")
}

// handle is the handler of the client's connection.
func (cl *client) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvOpen:
		cl.log.Info("CLIENT has been initialized")
	case reactor.EvConnect:
		cl.log.Info("CLIENT connected")
		if c.IsTLS() {
			c.StartTLS(cl.tls)
		}
		cl.wait = cl.m.AddTimer(cl.step, reactor.TimerOnce, cl.send)
	case reactor.EvRead:
		cl.log.Info(fmt.Sprintf("CLIENT got data: %s", c.Recv.Bytes()))
		c.Recv.Reset()
	case reactor.EvError:
		cl.log.Info(fmt.Sprintf("CLIENT error: %v", data.(error)))
	case reactor.EvClose:
		cl.log.Info("CLIENT disconnected")
		if cl.wait != nil {
			cl.wait.Stop()
		}
		cl.conn, cl.wait = nil, nil
	}
}

// send sends the message. Then the connection is drained after another step.
func (cl *client) send() {
	cl.conn.Write([]byte("Hi, there"))
	cl.log.Info("CLIENT sent data")
	cl.wait = cl.m.AddTimer(cl.step, reactor.TimerOnce, cl.conn.Drain)
}

// server is the server's side.
type server struct{ log *slog.Logger }

// handle is the handler of the listener and of the connections that it accepts.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvOpen:
		if c.IsListening() {
			s.log.Info("SERVER is listening")
		}
	case reactor.EvAccept:
		s.log.Info("SERVER accepted a connection")
	case reactor.EvRead:
		s.log.Info(fmt.Sprintf("SERVER got data: %s", c.Recv.Bytes()))
		c.Write(c.Recv.Bytes()) // echo it back
		c.Recv.Reset()
	case reactor.EvError:
		s.log.Info(fmt.Sprintf("SERVER error: %v", data.(error)))
	case reactor.EvClose:
		s.log.Info("SERVER disconnected")
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("tcp", flag.ContinueOnError)
	url := f.String("url", "tcp://localhost:8765", "`URL` of the server, tcp://host:port or tls://localhost:port")
	step := f.Duration("step", 5*time.Second, "`time` until the client sends its message, and from there until it closes")
	return cli.Run(f, args, stderr, func() error {
		if *step < time.Millisecond {
			return cli.Usage("-step %v is less than 1ms", *step)
		}
		return serve(*url, *step, termlog.New(stdout, slog.LevelInfo))
	})
}

// serve runs the server and the client until SIGINT or SIGTERM.
func serve(url string, step time.Duration, log *slog.Logger) error {
	if err := cli.CheckListen("-url", url, "tcp", "tls"); err != nil {
		return err
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return err
	}
	m, err := reactor.New(reactor.WithLogger(log))
	if err != nil {
		return err
	}
	defer m.Close()
	s := &server{log: log}
	l, err := m.Listen(url, s.handle, nil)
	if err != nil {
		return cli.ListenError("-url", url, err)
	}
	serverTLS, clientTLS, err := certs.SelfSigned()
	if err != nil {
		return err
	}
	if l.IsTLS() {
		l.StartTLS(serverTLS) // for the connections that it accepts
	}
	port := strconv.Itoa(int(l.LocalAddr().Port())) // of -url, or the one that the system chose for 0
	cl := &client{m: m, log: log, url: u.Scheme + "://" + net.JoinHostPort(u.Host, port), tls: clientTLS, step: step}
	m.AddTimer(3*step, reactor.TimerRepeat|reactor.TimerRunNow, cl.connect)
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}
