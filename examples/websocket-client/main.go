// Command websocket-client is Mongoose's tutorial "WebSocket client". It opens a WebSocket,
// sends text messages, logs the reply to each, and closes.
//
//	go run ./examples/websocket-server &
//	go run ./examples/websocket-client -n 3
//	go run ./examples/websocket-client -url wss://localhost:9001 -ca ca.pem
//
// With -echo it sends no messages of its own. It sends every message back until the server
// closes.
//
// It logs to standard output. The exit status is 0 if all replies came and both sides sent a
// Close frame [RFC 6455 7.1.4], 1 if not, and 2 for wrong usage. The reason for 1 and 2 is on
// standard error.
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
	"time"

	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// maxUnsent is the number of unsent bytes above which the client stops reading. Otherwise a
// server that does not read the echoes would fill the memory. One message may exceed maxUnsent.
const maxUnsent = 1 << 20

// session is the state of the handler. It is the connection's FnData.
type session struct {
	url        string
	count      int // messages to send
	echo       bool
	maxMessage int // bytes
	deflate    bool
	tls        *tls.Config   // for a wss:// URL
	timeout    time.Duration // for connecting, and for a server that sends or reads nothing
	log        *slog.Logger

	received int
	closed   bool // the server has sent a Close frame
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
	case reactor.EvHighWater: // the server does not read: stop reading from it
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvWSCtl:
		s.control(data.(*ws.Message))
	case reactor.EvError:
		if !s.closed { // errors after the Close frame do not count
			s.err = data.(error)
		}
	case reactor.EvClose:
		s.done = true // end the event loop
	}
}

// send sends the next message, or a Close frame after the last one.
func (s *session) send(c *reactor.Conn) {
	switch {
	case s.echo: // the client sends only echoes
	case s.received < s.count:
		ws.Printf(c, ws.OpText, "hello %d", s.received+1)
		s.log.Info(fmt.Sprintf("SENT hello %d", s.received+1))
	case s.received == s.count:
		ws.Close(c, ws.StatusNormalClosure, "")
	}
}

// message handles a text or binary message.
func (s *session) message(c *reactor.Conn, m *ws.Message) {
	s.received++
	switch {
	case s.echo:
		s.log.Debug("ECHOED", "op", ws.OpName(m.Op), "bytes", len(m.Data))
		ws.Send(c, m.Data, m.Op) // fails only if the connection is closing
		return
	case m.Op == ws.OpText:
		s.log.Info(fmt.Sprintf("RECEIVED %s", m.Data))
	default:
		s.log.Info(fmt.Sprintf("RECEIVED % x", m.Data))
	}
	s.send(c)
}

// control logs a control frame and notes the Close frame. Package ws has answered it.
func (s *session) control(m *ws.Message) {
	if m.Op != ws.OpClose {
		s.log.Debug("GOT", "op", ws.OpName(m.Op), "bytes", len(m.Data))
		return
	}
	code, reason := m.CloseStatus()
	s.log.Info("CLOSED "+ws.StatusName(code), "reason", reason)
	s.closed = true
	if !s.echo && s.received < s.count {
		s.err = fmt.Errorf("the server closed with code %s and reason %q after %d of %d messages", ws.StatusName(code), reason, s.received, s.count)
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &session{timeout: 30 * time.Second}
	f := flag.NewFlagSet("websocket-client", flag.ContinueOnError)
	f.StringVar(&s.url, "url", "ws://127.0.0.1:8000/", "`URL` of the server, ws://host:port/path or wss://…")
	var trust certs.Client
	trust.Flags(f)
	f.IntVar(&s.count, "n", 1, "`number` of messages to send, each after the reply to the one before")
	f.BoolVar(&s.echo, "echo", false, "only send each message back, until the server closes")
	f.IntVar(&s.maxMessage, "max-message", ws.DefaultMaxMessage, "size in `bytes` of the largest message that is accepted")
	f.BoolVar(&s.deflate, "deflate", false, "offer compression (permessage-deflate)")
	verbose := f.Bool("v", false, "log more")
	return cli.Run(f, args, stderr, func() (err error) {
		switch {
		case s.count < 0:
			return cli.Usage("-n %d is negative", s.count)
		case s.maxMessage < 1:
			return cli.Usage("-max-message %d is not positive", s.maxMessage)
		}
		if err := ws.CheckConnect(s.url, ""); err != nil {
			return cli.Usage("-url: %w", err)
		}
		s.log = termlog.New(stdout, cli.Level(*verbose))
		if s.tls, err = trust.Config(s.url, s.log); err != nil {
			return err
		}
		return s.loop()
	})
}

// loop runs the event loop until the connection has closed.
func (s *session) loop() error {
	deadlines := reactor.Deadlines{Connect: s.timeout, Handshake: s.timeout, Idle: s.timeout, Stall: s.timeout}
	opts := &ws.Options{Limits: ws.Limits{Message: s.maxMessage}, CloseWait: s.timeout}
	if s.echo { // the server may be silent, but it must answer pings
		deadlines.Idle, opts.Ping = 0, s.timeout
	}
	m, err := reactor.New(reactor.WithLogger(s.log), reactor.WithDeadlines(deadlines))
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
		s.url = u.Redacted() // from here on the URL is only logged
	}
	ctx, stop := cli.UntilSignal(context.Background())
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
