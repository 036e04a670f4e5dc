// Command mqtt-over-ws-client is Mongoose's tutorial "MQTT over WebSocket client". It opens a
// WebSocket to a broker, logs in with a will, subscribes to a topic, publishes a message to
// that topic, receives the message and closes.
//
//	go run ./examples/mqtt-over-ws-client
//	go run ./examples/mqtt-over-ws-client -tls
//	go run ./examples/mqtt-over-ws-client -url wss://localhost:8084/mqtt -ca ca.pem
//
// Without -url it starts a small broker on the same event loop and connects to that. With -tls
// this broker uses TLS, with a self-signed certificate.
//
// It logs to standard output. The exit status is 0 if the message came back, 1 if it did not,
// and 2 for wrong usage. The reason for 1 and 2 is on standard error.
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

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// maxPacket is the size in bytes of the largest packet that the client accepts.
const maxPacket = 1 << 20

// session is the state of the handler. It is the connection's FnData.
type session struct {
	url, topic, message string
	user, password      string
	hexdump             bool
	ownTLS              bool          // the program's own broker uses TLS
	tls                 *tls.Config   // for a wss:// URL
	timeout             time.Duration // for the whole session
	log, brokerLog      *slog.Logger

	in       reactor.Buffer // MQTT bytes from WebSocket messages; a packet may span several
	msg      mqtt.Message
	received bool
	err      error
	done     bool
}

func handler(c *reactor.Conn, ev reactor.Event, data any) {
	s := c.FnData.(*session)
	switch ev {
	case reactor.EvOpen:
		c.SetHexdump(s.hexdump)
	case reactor.EvTLSHS:
		t := c.TLS()
		s.log.Info("Secured with "+tls.VersionName(t.Version), "cipher", tls.CipherSuiteName(t.CipherSuite))
	case reactor.EvWSOpen:
		s.log.Info("Connected to WS. Logging in to MQTT...")
		start := c.Send.Len()
		wrap(c, start, mqtt.Login(c, s.login()))
	case reactor.EvWSMsg:
		if s.received {
			return // the connection is closing
		}
		m := data.(*ws.Message)
		s.log.Info(fmt.Sprintf("GOT %d bytes WS msg", len(m.Data)))
		if m.Op != ws.OpBinary {
			c.Fail(errors.New("the broker sent a text message, but MQTT needs binary messages [MQTT-6.0.0-1]"))
			return
		}
		s.in.Append(m.Data)
		s.packets(c)
	case reactor.EvMQTTOpen:
		if data.(mqtt.ReasonCode) != 0 {
			return // s.packet fails the connection
		}
		s.log.Info("CONNECTED to " + s.url)
		start := c.Send.Len()
		_, err := mqtt.Sub(c, &mqtt.Options{Topic: s.topic, QoS: 1})
		wrap(c, start, err)
		s.log.Info("SUBSCRIBED to " + s.topic)
		start = c.Send.Len()
		_, err = mqtt.Pub(c, &mqtt.Options{Topic: s.topic, Message: []byte(s.message), QoS: 1})
		wrap(c, start, err)
		s.log.Info("PUBLISHED " + s.message + " -> " + s.topic)
	case reactor.EvError:
		s.err = data.(error)
		s.done = true // end the event loop
	case reactor.EvClose:
		s.done = true // end the event loop
	}
}

// wrap frames the bytes that were appended to Send since it had start bytes. If err is not nil,
// wrap fails the connection instead.
func wrap(c *reactor.Conn, start int, err error) {
	if err != nil {
		c.Fail(err)
		return
	}
	if n := c.Send.Len() - start; n > 0 {
		ws.Wrap(c, n, ws.OpBinary)
	}
}

// packets handles the complete packets in s.in.
func (s *session) packets(c *reactor.Conn) {
	for !s.received && !c.InputStopped() {
		n, err := 0, mqtt.CheckSize(s.in.Bytes(), 4, maxPacket)
		if err == nil {
			n, err = mqtt.Parse(s.in.Bytes(), 4, &s.msg)
		}
		if err == mqtt.ErrIncomplete {
			return // wait for the rest of the packet
		}
		if err != nil {
			c.Fail(err)
			return
		}
		s.packet(c)
		s.in.Consume(n)
	}
}

// packet handles the packet in s.msg.
func (s *session) packet(c *reactor.Conn) {
	switch s.msg.Cmd {
	case mqtt.CmdConnack:
		c.Call(reactor.EvMQTTOpen, s.msg.Ack)
		if s.msg.Ack != 0 {
			c.Fail(&mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: s.msg.Ack, Version: 4})
		}
	case mqtt.CmdSuback:
		if s.msg.Ack >= 0x80 {
			c.Fail(errors.New("the broker refused the subscription to " + s.topic))
		}
	case mqtt.CmdPublish:
		s.log.Info(fmt.Sprintf("RECEIVED %s <- %s", s.msg.Data, s.msg.Topic))
		s.received = true
		s.close(c)
	}
}

// close acknowledges the message in s.msg and closes the connection: DISCONNECT ends MQTT, so that
// the broker does not publish the will, and a Close frame ends the WebSocket. EvClose follows when
// the broker has answered the Close frame or has ended the stream.
func (s *session) close(c *reactor.Conn) {
	start := c.Send.Len()
	wrap(c, start, mqtt.Ack(c, &s.msg))
	start = c.Send.Len()
	wrap(c, start, mqtt.Disconnect(c, nil))
	ws.Close(c, ws.StatusNormalClosure, "")
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &session{timeout: 30 * time.Second}
	f := flag.NewFlagSet("mqtt-over-ws-client", flag.ContinueOnError)
	f.StringVar(&s.url, "url", "", "`URL` of the broker, ws://host:port/path or wss://… (default: start a broker)")
	f.BoolVar(&s.ownTLS, "tls", false, "use TLS with the broker that the program starts; not with -url")
	var trust certs.Client
	trust.Flags(f)
	f.StringVar(&s.topic, "topic", "mg/test", "`topic` to subscribe and publish to")
	f.StringVar(&s.message, "message", "hello", "`text` to publish")
	f.StringVar(&s.user, "user", "", "user `name` for the broker")
	f.StringVar(&s.password, "password", "", "`password` for the broker")
	f.BoolVar(&s.hexdump, "hexdump", false, "log all bytes sent and received")
	verbose := f.Bool("v", false, "log more")
	return cli.Run(f, args, stderr, func() (err error) {
		switch {
		case !mqtt.ValidTopic(s.topic):
			return cli.Usage("-topic %q is not valid for publishing", s.topic)
		case s.ownTLS && s.url != "":
			return cli.Usage("-tls is for the program's own broker and cannot be used with -url")
		}
		if err := s.check(); err != nil {
			return err
		}
		level, brokerLevel := slog.LevelInfo, slog.LevelWarn
		if *verbose {
			level, brokerLevel = slog.LevelDebug, slog.LevelDebug
		}
		s.log, s.brokerLog = termlog.New(stdout, level), termlog.New(stdout, brokerLevel)
		if s.tls, err = trust.Config(s.url, s.log); err != nil {
			return err
		}
		return s.loop()
	})
}

// check checks the URL, and what the program sends in CONNECT.
func (s *session) check() error {
	if s.url != "" {
		if err := ws.CheckConnect(s.url, ""); err != nil {
			return cli.Usage("-url: %w", err)
		}
	}
	if err := mqtt.CheckConnect("ws://localhost", s.login()); err != nil {
		return cli.Usage("-user or -password: %w", err)
	}
	return nil
}

// login returns the options of CONNECT, with the will.
func (s *session) login() *mqtt.Options {
	return &mqtt.Options{
		User: s.user, Password: s.password, Clean: true, Version: 4,
		Topic: s.topic, Message: []byte("goodbye"), QoS: 1, // the will
	}
}

// loop runs the event loop until the session ends.
func (s *session) loop() error {
	m, err := reactor.New(reactor.WithLogger(s.log))
	if err != nil {
		return err
	}
	defer m.Close()
	if s.url == "" {
		scheme := "ws://"
		if s.ownTLS {
			scheme = "wss://"
		}
		l, err := broker.New(m, s.brokerLog).Listen(scheme + "127.0.0.1:0/mqtt")
		if err != nil {
			return err
		}
		s.url = scheme + l.LocalAddr().String() + "/mqtt"
		if s.ownTLS {
			var server *tls.Config
			if server, s.tls, err = certs.SelfSigned(); err != nil {
				return err
			}
			l.StartTLS(server)
		}
	}
	c, err := ws.Connect(m, s.url, handler, s, "Sec-WebSocket-Protocol: mqtt\r\n")
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
	m.AddTimer(s.timeout, reactor.TimerOnce, func() {
		c.Fail(fmt.Errorf("the message did not come back within %v", s.timeout))
	})
	for !s.done {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	switch {
	case s.received: // errors while closing do not count
		return nil
	case s.err == nil:
		return errors.New("the connection was closed before the message came back")
	}
	return s.err
}
