// The tutorial "WebSocket client": it opens a WebSocket, sends messages, prints
// what it receives for each, and closes.
//
//	go run ./examples/websocket-server &
//	go run ./examples/websocket-client -n 3
//	go run ./examples/websocket-client -url wss://localhost:9001 -ca ca.pem
//
// With -echo it sends every message back instead, until the server closes.
//
// It logs to standard output. Exit status: 0 after a clean close, that is when
// both sides have sent a Close frame [RFC 6455 7.1.4] and no reply is missing; 1 if
// it came to another end, with the reason on standard error; 2 for wrong usage.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// maxUnsent is how many bytes of echoes may wait for a server that sends faster
// than it reads before it is not read from any more. One message can exceed it.
const maxUnsent = 1 << 20

// session is the handler's state, in FnData.
type session struct {
	url        string
	count      int // messages to send
	echo       bool
	maxMessage int // bytes
	deflate    bool
	tls        *tls.Config   // of a wss:// URL
	patience   time.Duration // with a server that says nothing or reads nothing
	log        *slog.Logger

	received int
	closed   bool // the server's Close frame came
	err      error
	done     bool
}

func handler(c *reactor.Conn, ev reactor.Event, data any) {
	s := c.FnData.(*session)
	switch ev {
	case reactor.EvOpen:
		c.SetWater(maxUnsent/2, maxUnsent)
	case reactor.EvTLSHS:
		t := c.TLS()
		s.log.Info("SECURED with "+tls.VersionName(t.Version), "cipher", tls.CipherSuiteName(t.CipherSuite))
	case reactor.EvWSOpen:
		s.log.Info("CONNECTED to " + s.url)
		s.send(c)
	case reactor.EvWSMsg:
		s.message(c, data.(*ws.Message))
	case reactor.EvHighWater: // a peer that does not read is not read either
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvWSCtl:
		s.control(data.(*ws.Message))
	case reactor.EvError:
		if !s.closed { // whatever comes of closing
			s.err = data.(error)
		}
	case reactor.EvClose:
		s.done = true // end event loop
	}
}

// send sends the next message, or a Close frame if that was the last.
func (s *session) send(c *reactor.Conn) {
	switch {
	case s.echo: // it is the server who sends
	case s.received < s.count:
		ws.Printf(c, ws.OpText, "hello %d", s.received+1)
		s.log.Info(fmt.Sprintf("SENT hello %d", s.received+1))
	case s.received == s.count:
		ws.Close(c, ws.CloseNormal, "")
	}
}

func (s *session) message(c *reactor.Conn, m *ws.Message) {
	s.received++
	switch {
	case s.echo:
		s.log.Debug("ECHOED", "op", m.Op, "bytes", len(m.Data))
		ws.Send(c, m.Data, m.Op) // which fails only on a connection that is closing
		return
	case m.Op == ws.OpText:
		s.log.Info(fmt.Sprintf("RECEIVED %s", m.Data))
	default:
		s.log.Info(fmt.Sprintf("RECEIVED % x", m.Data))
	}
	s.send(c)
}

// control takes note of pings, pongs and the Close frame, which have been answered.
func (s *session) control(m *ws.Message) {
	if m.Op != ws.OpClose {
		s.log.Debug("GOT", "op", m.Op, "bytes", len(m.Data))
		return
	}
	code, reason := m.CloseStatus()
	s.log.Info(fmt.Sprintf("CLOSED %d %s", code, reason))
	s.closed = true
	if !s.echo && s.received < s.count {
		s.err = fmt.Errorf("the server closed with code %d and reason %q after %d of %d messages", code, reason, s.received, s.count)
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &session{patience: 30 * time.Second}
	f := flag.NewFlagSet("websocket-client", flag.ContinueOnError)
	f.StringVar(&s.url, "url", "ws://127.0.0.1:8000/", "`URL` of the server, ws://host:port/path or wss://…")
	var trust certs.Client
	trust.Flags(f)
	f.IntVar(&s.count, "n", 1, "messages to send, each after the reply to the one before")
	f.BoolVar(&s.echo, "echo", false, "send every message back until the server closes, and none else")
	f.IntVar(&s.maxMessage, "max-message", 64<<20, "`bytes` of the largest message that is taken")
	f.BoolVar(&s.deflate, "deflate", false, "offer to compress messages (permessage-deflate)")
	verbose := f.Bool("v", false, "log more")
	return cli.Run(f, args, stderr, func() (err error) {
		switch {
		case s.count < 0:
			return cli.Usage("-n %d is negative", s.count)
		case s.maxMessage < 1:
			return cli.Usage("-max-message %d is not positive", s.maxMessage)
		}
		s.log = clog.New(stdout, clog.Level(*verbose))
		if s.tls, err = trust.Config(s.url, s.log); err != nil {
			return err
		}
		return s.loop()
	})
}

// loop runs the event loop until the session is over.
func (s *session) loop() error {
	limits := reactor.Deadlines{Connect: s.patience, Handshake: s.patience, Idle: s.patience, Stall: s.patience}
	opts := &ws.Options{Limits: ws.Limits{Message: s.maxMessage}, CloseWait: s.patience}
	if s.echo { // the server sends when it likes, as long as it is there
		limits.Idle, opts.Ping = 0, s.patience
	}
	m, err := reactor.New(reactor.WithLogger(s.log), reactor.WithDeadlines(limits))
	if err != nil {
		return err
	}
	defer m.Close()
	if s.deflate {
		opts.Deflate = &ws.Deflate{}
	}
	c, err := ws.Connect(m, s.url, handler, s, "", opts)
	if err != nil {
		return err
	}
	if c.IsTLS() {
		c.StartTLS(s.tls)
	}
	if u, err := reactor.ParseURL(s.url); err == nil {
		s.url = u.Redacted() // from here on it is only logged
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(func() { c.Fail(errors.New("interrupted")) }) })
	for !s.done {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	if s.err == nil && !s.closed {
		return errors.New("the connection was closed without a Close frame")
	}
	return s.err
}
