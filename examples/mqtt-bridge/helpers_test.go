package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// quick are the delays between attempts in tests.
var quick = session.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}

// fixture is a bridge with both brokers, a publisher and a subscriber on one loop.
type fixture struct {
	t        *testing.T
	m        *reactor.Manager
	b        *bridge
	log      bytes.Buffer
	from, to string // URLs
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, b: &bridge{limit: 1 << 20}}
	f.b.log = slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.b.limited = f.b.log
	f.m = looptest.NewManager(t, reactor.WithLogger(slog.New(slog.DiscardHandler)))
	return f
}

// start starts the bridge between two brokers.
func (f *fixture) start(from, to string, fl flags) {
	f.t.Helper()
	f.from, f.to = from, to
	fl.from, fl.to, fl.id, fl.expiry = from, to, "bridge", time.Hour
	if err := f.b.configure(&fl); err != nil {
		f.t.Fatal(err)
	}
	f.b.source.Backoff, f.b.destination.Backoff = quick, quick
	if err := f.b.start(f.m); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) until(what string, done func() bool) {
	f.t.Helper()
	looptest.Await(f.t, f.m, what, done)
}

func (f *fixture) logged(text string) bool { return strings.Contains(f.log.String(), text) }

// broker starts a broker and returns its URL.
func (f *fixture) broker(scheme string) string {
	f.t.Helper()
	path := map[string]string{"ws": "/mqtt"}[scheme]
	l, err := broker.New(f.m, slog.New(slog.DiscardHandler)).Listen(scheme + "://127.0.0.1:0" + path)
	if err != nil {
		f.t.Fatal(err)
	}
	return scheme + "://" + l.LocalAddr().String() + path
}

// session makes a session of the test.
func (f *fixture) session(url string, version uint8) *session.Session {
	f.t.Helper()
	s, err := session.New(f.m, &session.Options{URLs: []string{url}, Login: mqtt.Options{Version: version}, Backoff: quick}, nil, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fixture) publish(s *session.Session, m *session.Message) {
	f.t.Helper()
	if _, err := s.Publish(m); err != nil {
		f.t.Fatal(err)
	}
}

// subscribe waits until a subscription is granted. The messages are added to the result, as text.
func (f *fixture) subscribe(url, filter string, version uint8) *[]string {
	f.t.Helper()
	var got []string
	granted := false
	err := f.session(url, version).Subscribe(session.Subscription{Filter: filter, QoS: 2, RetainAsPublished: version == 5,
		Fn:   func(_ *reactor.Conn, _ reactor.Event, data any) { got = append(got, show(data.(*mqtt.Message))) },
		Done: func(r *session.SubResult) { granted = r.Err == nil }})
	if err != nil {
		f.t.Fatal(err)
	}
	f.until("the subscriber", func() bool { return granted })
	return &got
}

// show returns a message as text. Subscription identifiers are those of the subscriber.
func show(m *mqtt.Message) string {
	text := fmt.Sprintf("%s %s QoS %d", m.Topic, m.Data, m.QoS)
	if m.Retain {
		text += " retain"
	}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch {
		case p.ID == mqtt.PropSubscriptionIdentifier:
		case p.ID == mqtt.PropUserProperty:
			text += fmt.Sprintf(" [%v %s=%s]", p.ID, p.Key, p.Value)
		case p.Value != nil:
			text += fmt.Sprintf(" [%v %s]", p.ID, p.Value)
		default:
			text += fmt.Sprintf(" [%v %d]", p.ID, p.Int)
		}
	}
	return text
}

// peer is a scripted broker for one client.
type peer struct {
	t       *testing.T
	suback  mqtt.ReasonCode // granted
	url     string
	version uint8
	c       *reactor.Conn        // the last connection that has sent CONNECT
	silent  bool                 // sends no CONNACK
	mute    bool                 // acknowledges no message
	refuse  string               // a topic that is not authorized
	limits  []mqtt.Property      // 5.0: of CONNACK
	send    []mqtt.PublishPacket // after SUBSCRIBE
	packets map[string]int       // received, by type
	late    []byte               // what mute has not sent
}

func (f *fixture) peer() *peer {
	f.t.Helper()
	p := &peer{t: f.t, suback: 2, packets: map[string]int{}}
	l, err := f.m.Listen("tcp://127.0.0.1:0", p.handle, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	p.url = "mqtt://" + l.LocalAddr().String()
	return p
}

// got returns how many packets of a type have arrived.
func (p *peer) got(packet string) int { return p.packets[packet] }

// accept sends the CONNACK that silent has not sent.
func (p *peer) accept() {
	p.silent = false
	p.c.Write(p.must(mqtt.AppendConnack(nil, p.version, false, 0, p.limits)))
}

// acknowledge sends what mute has not sent.
func (p *peer) acknowledge() {
	p.mute = false
	p.c.Write(p.late)
}

func (p *peer) must(packet []byte, err error) []byte {
	if err != nil {
		p.t.Error(err)
	}
	return packet
}

func (p *peer) handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for {
		var m mqtt.Message
		n, err := mqtt.Parse(c.Recv.Bytes(), p.version, &m)
		if err != nil {
			return
		}
		p.packets[m.Cmd.String()]++
		p.packet(c, &m)
		c.Recv.Consume(n)
	}
}

func (p *peer) packet(c *reactor.Conn, m *mqtt.Message) {
	ack := func(cmd mqtt.Cmd, code mqtt.ReasonCode) []byte {
		return p.must(mqtt.AppendAck(nil, p.version, cmd, m.ID, code, nil))
	}
	switch m.Cmd {
	case mqtt.CmdConnect:
		if p.c, p.version = c, m.Version; !p.silent {
			p.accept()
		}
	case mqtt.CmdSubscribe:
		c.Write(p.must(mqtt.AppendSuback(nil, p.version, m.ID, []mqtt.ReasonCode{p.suback}, nil)))
		for i := range p.send {
			p.send[i].ID = uint16(i + 1)
			c.Write(p.must(mqtt.AppendPublish(nil, p.version, &p.send[i])))
		}
	case mqtt.CmdPublish:
		if m.QoS == 0 {
			return
		}
		code := mqtt.ReasonSuccess
		if string(m.Topic) == p.refuse {
			code = mqtt.ReasonNotAuthorized
		}
		if answer := ack([]mqtt.Cmd{mqtt.CmdPuback, mqtt.CmdPubrec}[m.QoS-1], code); p.mute {
			p.late = append(p.late, answer...)
		} else {
			c.Write(answer)
		}
	case mqtt.CmdPubrec:
		c.Write(ack(mqtt.CmdPubrel, 0))
	case mqtt.CmdPubrel:
		c.Write(ack(mqtt.CmdPubcomp, 0))
	case mqtt.CmdPingreq:
		c.Write(mqtt.AppendPingresp(nil))
	}
}
