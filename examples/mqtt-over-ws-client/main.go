// The tutorial "MQTT over WebSocket client": it opens a WebSocket to a
// broker, logs in with a will, subscribes to a topic, publishes a message
// there, receives it back and closes.
//
// Without -url it runs a small broker beside itself, on the same event loop;
// with -tls that speaks TLS, under a certificate made on the spot.
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

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/examples/internal/certs"
	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/clog"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// maxPacket bounds the packets that the client puts together, in bytes.
const maxPacket = 1 << 20

// session is the handler's state, in FnData.
type session struct {
	url, topic, message string
	user, password      string
	hexdump             bool
	ownTLS              bool          // its own broker speaks TLS
	tls                 *tls.Config   // of a wss:// URL
	patience            time.Duration // with the broker, over all
	log, brokerLog      *slog.Logger

	in       reactor.Buffer // MQTT bytes from WebSocket messages: a packet may be split over several
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
		err := mqtt.Login(c, &mqtt.Options{
			User: s.user, Password: s.password, Clean: true, Version: 4,
			Topic: s.topic, Message: []byte("goodbye"), QoS: 1, // the will
		})
		wrap(c, start, err)
	case reactor.EvWSMsg:
		if s.received {
			return // the connection is draining
		}
		m := data.(*ws.Message)
		s.log.Info(fmt.Sprintf("GOT %d bytes WS msg", len(m.Data)))
		if m.Op != ws.OpBinary {
			c.Fail(errors.New("the broker sent a text message, MQTT is binary [MQTT-6.0.0-1]"))
			return
		}
		s.in.Append(m.Data)
		s.packets(c)
	case reactor.EvMQTTOpen:
		if data.(mqtt.ReasonCode) != 0 {
			return // the CONNACK that refuses fails the connection
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
		s.done = true // end event loop
	case reactor.EvClose:
		s.done = true // end event loop
	}
}

// wrap frames what was appended to Send since it was start bytes long.
func wrap(c *reactor.Conn, start int, err error) {
	if err != nil {
		c.Fail(err)
		return
	}
	if n := c.Send.Len() - start; n > 0 {
		ws.Wrap(c, n, ws.OpBinary)
	}
}

// packets handles every packet that is complete.
func (s *session) packets(c *reactor.Conn) {
	for !s.received && !c.Stopped() {
		n, err := 0, mqtt.CheckSize(s.in.Bytes(), 4, maxPacket)
		if err == nil {
			n, err = mqtt.Parse(s.in.Bytes(), 4, &s.msg)
		}
		if err == mqtt.ErrIncomplete {
			return // the rest is still to come
		}
		if err != nil {
			c.Fail(err)
			return
		}
		s.packet(c)
		s.in.Consume(n)
	}
}

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
		start := c.Send.Len()
		wrap(c, start, mqtt.Ack(c, &s.msg))
		c.Drain()
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit status: 0 when the message came back, 1 with a reason
// on stderr when it did not, 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	s := &session{patience: 30 * time.Second}
	f := flag.NewFlagSet("mqtt-over-ws-client", flag.ContinueOnError)
	f.StringVar(&s.url, "url", "", "ws://host:port/path or wss://… of the broker (default: one of its own)")
	f.BoolVar(&s.ownTLS, "tls", false, "have its own broker speak TLS")
	var trust certs.Client
	trust.Flags(f)
	f.StringVar(&s.topic, "topic", "mg/test", "topic to subscribe and publish to")
	f.StringVar(&s.message, "message", "hello", "message to publish")
	f.StringVar(&s.user, "user", "", "MQTT user name")
	f.StringVar(&s.password, "password", "", "MQTT password")
	f.BoolVar(&s.hexdump, "hexdump", false, "log all bytes sent and received")
	verbose := f.Bool("v", false, "log more")
	return cli.Run(f, args, stderr, func() (err error) {
		switch {
		case !mqtt.ValidTopic(s.topic):
			return cli.Usage("-topic %q is not a topic that can be published to", s.topic)
		case s.ownTLS && s.url != "":
			return cli.Usage("-tls is for the program's own broker, without -url")
		}
		level, brokerLevel := slog.LevelInfo, slog.LevelWarn
		if *verbose {
			level, brokerLevel = slog.LevelDebug, slog.LevelDebug
		}
		s.log, s.brokerLog = clog.New(stdout, level), clog.New(stdout, brokerLevel)
		if s.tls, err = trust.Config(s.url, s.log); err != nil {
			return err
		}
		return s.loop()
	})
}

// loop runs the event loop until the session is over.
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
			if server, s.tls, err = certs.OnTheSpot(); err != nil {
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
		s.url = u.Redacted() // from here on it is only logged
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(func() { c.Fail(errors.New("interrupted")) }) })
	m.AddTimer(s.patience, reactor.TimerOnce, func() {
		c.Fail(fmt.Errorf("no message came back within %v", s.patience))
	})
	for !s.done {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	switch {
	case s.received: // whatever came of closing
		return nil
	case s.err == nil:
		return errors.New("the connection was closed before the message came back")
	}
	return s.err
}
