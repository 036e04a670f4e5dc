package session_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// schemes are the transports of MQTT.
var schemes = []string{"mqtt", "mqtts", "ws", "wss"}

// server is a scripted MQTT server. It runs on the manager of the session that it serves, and
// parses and makes its packets itself.
type server struct {
	t        testing.TB
	m        *reactor.Manager
	listener *reactor.Conn
	scheme   string
	url      string
	clientTL *looptest.Authority
	peers    []*peer  // all connections, in order
	log      []string // the packets of clients, as text
	kept     map[string]bool

	// on handles a packet instead of the server, if it returns true. It may be nil.
	on func(p *peer, m *mqtt.Message) bool
	// connack are the properties of CONNACK.
	connack []mqtt.Property
	// refuse is the code of CONNACK.
	refuse mqtt.ReasonCode
}

// peer is a connection of the server.
type peer struct {
	s       *server
	c       *reactor.Conn
	version uint8
	id      string
	in      []byte
	closed  bool
	eof     error // EvError
}

// newServer makes a server with the given scheme.
func newServer(t testing.TB, m *reactor.Manager, scheme string) *server {
	t.Helper()
	s := &server{t: t, m: m, scheme: scheme, kept: map[string]bool{}}
	socket := map[string]string{"mqtt": "tcp", "mqtts": "tls", "ws": "ws", "wss": "wss"}[scheme]
	s.listen(socket + "://127.0.0.1:0")
	return s
}

func (s *server) listen(url string) {
	s.t.Helper()
	var err error
	if s.scheme == "mqtt" || s.scheme == "mqtts" {
		s.listener, err = s.m.Listen(url, s.handle, nil)
	} else {
		s.listener, err = ws.Listen(s.m, url, s.handle, nil, &ws.Options{Protocols: []string{"mqtt"}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if s.scheme == "mqtts" || s.scheme == "wss" {
		s.clientTL = authority(s.t)
		s.listener.StartTLS(s.clientTL.Server(s.t))
	}
	s.url = fmt.Sprintf("%s://%v/", s.scheme, s.listener.LocalAddr())
}

var sharedAuthority *looptest.Authority

func authority(t testing.TB) *looptest.Authority {
	if sharedAuthority == nil {
		sharedAuthority = looptest.NewAuthority(t)
	}
	return sharedAuthority
}

func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvAccept:
		p := &peer{s: s, c: c, version: 4}
		c.FnData = p
		s.peers = append(s.peers, p)
	case reactor.EvRead:
		if s.scheme == "mqtt" || s.scheme == "mqtts" {
			p := c.FnData.(*peer)
			p.in = append(p.in, c.Recv.Bytes()...)
			c.Recv.Reset()
			p.parse()
		}
	case reactor.EvWSMsg:
		p := c.FnData.(*peer)
		p.in = append(p.in, data.(*ws.Message).Data...)
		p.parse()
	case reactor.EvError:
		err := data.(error)
		_ = err.Error()
		if p, ok := c.FnData.(*peer); ok {
			p.eof = err
		}
	case reactor.EvClose:
		if p, ok := c.FnData.(*peer); ok {
			p.closed = true
		}
	}
}

func (p *peer) parse() {
	for len(p.in) > 0 {
		var m mqtt.Message
		n, err := mqtt.Parse(p.in, p.version, &m)
		if err == mqtt.ErrIncomplete {
			return
		}
		if err != nil {
			p.s.t.Errorf("the client has sent a bad packet: %v", err)
			p.c.Close()
			return
		}
		p.packet(&m)
		p.in = p.in[n:]
	}
}

func (p *peer) packet(m *mqtt.Message) {
	if m.Cmd == mqtt.CmdConnect {
		p.version = m.Version
	}
	p.s.log = append(p.s.log, text(m))
	if p.s.on != nil && p.s.on(p, m) {
		return
	}
	p.answer(m)
}

// answer does what a server does.
func (p *peer) answer(m *mqtt.Message) {
	switch m.Cmd {
	case mqtt.CmdConnect:
		cp := m.Connect()
		p.id = cp.ClientID
		present := p.s.kept[p.id] && !cp.CleanStart && p.s.refuse == 0
		if p.s.refuse == 0 {
			p.s.kept[p.id] = !cp.CleanStart
		}
		p.send(mqtt.AppendConnack(nil, p.version, present, p.s.refuse, p.s.connack))
		if p.s.refuse != 0 {
			p.c.Drain()
		}
	case mqtt.CmdPublish:
		switch m.QoS {
		case 1:
			p.send(mqtt.AppendAck(nil, p.version, mqtt.CmdPuback, m.ID, 0, nil))
		case 2:
			p.send(mqtt.AppendAck(nil, p.version, mqtt.CmdPubrec, m.ID, 0, nil))
		}
	case mqtt.CmdPubrec:
		p.send(mqtt.AppendAck(nil, p.version, mqtt.CmdPubrel, m.ID, 0, nil))
	case mqtt.CmdPubrel:
		p.send(mqtt.AppendAck(nil, p.version, mqtt.CmdPubcomp, m.ID, 0, nil))
	case mqtt.CmdSubscribe:
		p.send(mqtt.AppendSuback(nil, p.version, m.ID, codes(m), nil))
	case mqtt.CmdUnsubscribe:
		var list []mqtt.ReasonCode
		if p.version == 5 { // 3.1.1 has no codes here
			list = codes(m)
		}
		p.send(mqtt.AppendUnsuback(nil, p.version, m.ID, list, nil))
	case mqtt.CmdPingreq:
		p.send(mqtt.AppendPingresp(nil), nil)
	case mqtt.CmdDisconnect:
		if p.s.scheme == "mqtt" || p.s.scheme == "mqtts" {
			p.c.Drain()
		}
	}
}

func codes(m *mqtt.Message) (list []mqtt.ReasonCode) {
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		list = append(list, mqtt.ReasonCode(f.QoS))
	}
	return list
}

// send sends a packet, in a message of its own over WebSocket.
func (p *peer) send(packet []byte, err error) {
	if err != nil {
		p.s.t.Errorf("the server's packet: %v", err)
		return
	}
	if p.s.scheme == "mqtt" || p.s.scheme == "mqtts" {
		p.c.Write(packet)
	} else {
		ws.Send(p.c, packet, ws.OpBinary)
	}
}

// publish sends a PUBLISH.
func (p *peer) publish(pp mqtt.PublishPacket) { p.send(mqtt.AppendPublish(nil, p.version, &pp)) }

// last returns the newest connection.
func (s *server) last() *peer { return s.peers[len(s.peers)-1] }

// take returns the packets of clients since the last call.
func (s *server) take() string {
	got := strings.Join(s.log, ", ")
	s.log = nil
	return got
}

// text returns a packet in a short form.
func text(m *mqtt.Message) string {
	out := m.Cmd.String()
	switch m.Cmd {
	case mqtt.CmdConnect:
		p := m.Connect()
		out += fmt.Sprintf(" %q clean=%v", p.ClientID, p.CleanStart)
	case mqtt.CmdPublish:
		out += fmt.Sprintf(" %s=%.20s q%d", m.Topic, m.Data, m.QoS)
		if m.Dup {
			out += " dup"
		}
	case mqtt.CmdSubscribe, mqtt.CmdUnsubscribe:
		var f mqtt.Filter
		for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
			out += " " + f.Topic
		}
	}
	if m.Ack != 0 {
		out += fmt.Sprintf(" %02X", uint8(m.Ack))
	}
	return out
}

// client is a session under test. It notes the events of the session.
type client struct {
	*session.Session
	t      testing.TB
	m      *reactor.Manager
	k      *looptest.Clock
	events []string
	errs   []error
	finals int
	on     func(c *reactor.Conn, ev reactor.Event, data any)
	all    bool // note the events of connections too
}

// newLoop returns a manager with a clock that the test advances.
func newLoop(t testing.TB) (*reactor.Manager, *looptest.Clock) {
	t.Helper()
	k := looptest.NewClock()
	return looptest.NewManager(t, reactor.WithClock(k.Now)), k
}

// newClient makes a session. Its delays are as long as they can be.
func newClient(t testing.TB, m *reactor.Manager, k *looptest.Clock, o session.Options) *client {
	t.Helper()
	cl, err := tryClient(t, m, k, o)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func tryClient(t testing.TB, m *reactor.Manager, k *looptest.Clock, o session.Options) (*client, error) {
	t.Helper()
	for _, u := range o.URLs {
		if strings.HasPrefix(u, "mqtts") || strings.HasPrefix(u, "wss") {
			o.Login.TLS = authority(t).Client()
		}
	}
	session.SetRandom(&o, func(n int64) int64 { return n - 1 })
	cl := &client{t: t, m: m, k: k}
	var err error
	cl.Session, err = session.New(m, &o, cl.handle, cl)
	return cl, err
}

func (cl *client) note(format string, args ...any) {
	cl.events = append(cl.events, fmt.Sprintf(format, args...))
}

func (cl *client) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if cl.finals > 0 && ev != reactor.EvClose {
		cl.t.Errorf("%v after the final event", ev)
	}
	if c.FnData != any(cl) {
		cl.t.Errorf("%v: FnData is %v", ev, c.FnData)
	}
	if ev != reactor.EvClose && cl.Session != nil && session.Of(c) != cl.Session {
		cl.t.Errorf("%v: Of does not find the session", ev)
	}
	switch ev {
	case reactor.EvSessionUp:
		cl.note("up present=%v", data.(*session.Up).Present)
	case reactor.EvSessionDown:
		d := data.(*session.Down)
		cl.errs = append(cl.errs, d.Err)
		if d.Final {
			cl.finals++
			cl.note("down final")
		} else {
			cl.note("down %v", d.Next)
		}
	case reactor.EvSessionRetry:
		r := data.(*session.Retry)
		cl.errs = append(cl.errs, r.Err)
		if r.Final {
			cl.finals++
			cl.note("retry final")
		} else {
			cl.note("retry %v", r.Next)
		}
	case reactor.EvSessionPub:
		o := data.(*session.Outcome)
		cl.note("%s", outcome(o))
	case reactor.EvSessionSub:
		r := data.(*session.SubResult)
		cl.note("sub %s %02X", r.Filter, uint8(r.Code))
	case reactor.EvMQTTMsg:
		m := data.(*mqtt.Message)
		cl.note("msg %s=%s", m.Topic, m.Data)
	default:
		if cl.all {
			cl.note("%v", ev)
		}
	}
	if cl.on != nil {
		cl.on(c, ev, data)
	}
}

func outcome(o *session.Outcome) string {
	name := [...]string{"", "sent", "acknowledged", "rejected", "dropped", "expired", "abandoned"}[o.Result]
	if o.Message != nil {
		name += fmt.Sprintf(" %s", o.Message.Data)
	}
	if o.Code != 0 {
		name += fmt.Sprintf(" %02X", uint8(o.Code))
	}
	if (o.Err == nil) != (o.Result == session.Sent || o.Result == session.Acknowledged) {
		name += fmt.Sprintf(" with error %v", o.Err)
	}
	return name
}

// take returns the noted events since the last call.
func (cl *client) take() string {
	got := strings.Join(cl.events, ", ")
	cl.events = nil
	return got
}

// await runs the loop until an event with this beginning is noted.
func (cl *client) await(event string) {
	cl.t.Helper()
	looptest.Await(cl.t, cl.m, event, func() bool { return cl.has(event) })
}

func (cl *client) has(event string) bool {
	for _, e := range cl.events {
		if strings.HasPrefix(e, event) {
			return true
		}
	}
	return false
}

// want compares the events since the last call.
func (cl *client) want(events string) {
	cl.t.Helper()
	if got := cl.take(); got != events {
		cl.t.Errorf("events %s\nwant   %s", got, events)
	}
}

// lastErr returns the error of the last EvSessionDown or EvSessionRetry.
func (cl *client) lastErr() error {
	if len(cl.errs) == 0 {
		return errors.New("no event had an error")
	}
	return cl.errs[len(cl.errs)-1]
}

// wait lets time pass, and runs the loop.
func (cl *client) wait(d time.Duration) {
	cl.t.Helper()
	cl.k.Advance(d)
	looptest.Settle(cl.t, cl.m)
}

// must publishes a message.
func (cl *client) must(topic, data string, qos uint8) session.Handle {
	cl.t.Helper()
	h, err := cl.Publish(&session.Message{Topic: topic, Data: []byte(data), QoS: qos})
	if err != nil {
		cl.t.Fatal(err)
	}
	return h
}

func looptestMust(t testing.TB, err error) {
	t.Helper()
	looptest.Must(t, err)
}

// awaitLog runs the loop until the server has got a packet with this beginning.
func awaitLog(t testing.TB, s *server, packet string) {
	t.Helper()
	looptest.Await(t, s.m, packet, func() bool {
		for _, p := range s.log {
			if strings.HasPrefix(p, packet) {
				return true
			}
		}
		return false
	})
}
