package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// fixture is a broker and its clients on one manager. Its clock moves only when a test moves
// it.
type fixture struct {
	t     *testing.T
	m     *reactor.Manager
	b     *Broker
	log   bytes.Buffer
	clock *looptest.Clock
	urls  map[string]string // by transport
	peers map[string]*peer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	before := len(looptest.OpenFiles())
	h := &fixture{t: t, clock: looptest.NewClock(), urls: map[string]string{}, peers: map[string]*peer{}}
	log := slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.m = looptest.NewManager(t, reactor.WithLogger(log), reactor.WithClock(h.clock.Now))
	h.b = New(h.m, log)
	for transport, listen := range map[string]string{"tcp": "mqtt://127.0.0.1:0", "ws": "ws://127.0.0.1:0/mqtt"} {
		l, err := h.b.Listen(listen)
		if err != nil {
			t.Fatal(err)
		}
		h.urls[transport] = map[string]string{"tcp": "tcp://", "ws": "ws://"}[transport] + l.LocalAddr().String()
	}
	t.Cleanup(func() {
		h.m.Close()
		for _, s := range h.b.sessions { // those that are away
			h.b.dropWill(s)
			h.b.end(s)
		}
		if n := len(h.b.clients) + len(h.b.sessions); n != 0 {
			t.Errorf("%d clients and sessions are left after the manager was closed", n)
		}
		if h.b.used != 0 || h.b.subs.Len() != 0 {
			t.Errorf("without clients %d bytes and %d filters are counted", h.b.used, h.b.subs.Len())
		}
		if after := len(looptest.OpenFiles()); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
	return h
}

// until polls until done returns true.
func (h *fixture) until(what string, done func() bool) {
	h.t.Helper()
	looptest.Await(h.t, h.m, what, done)
}

// peer is a client that sends packets as bytes. It acknowledges what it gets unless it is mute.
type peer struct {
	conn   *reactor.Conn
	ws     bool
	mute   bool  // the peers whose names begin with that
	ids    bool  // got has packet identifiers: the peers whose names begin with muteID
	level  uint8 // protocol version of the CONNECT that it sent last
	open   bool  // it got CONNACK 0
	closed bool
	in     []byte
	pongs  int
	got    []string // packets except PINGRESP, as show prints them

	connack, lastPublish mqtt.Message
}

func (h *fixture) dial(name, transport string) *peer {
	h.t.Helper()
	p := &peer{level: 4, ws: transport == "ws", mute: strings.HasPrefix(name, "mute")}
	var err error
	if p.ws {
		p.conn, err = ws.Connect(h.m, h.urls[transport]+"/mqtt", p.handle, nil, "Sec-WebSocket-Protocol: mqtt\r\n")
	} else {
		p.conn, err = h.m.Connect(h.urls[transport], p.handle, nil)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	p.ids = strings.HasPrefix(name, "muteID")
	h.peers[name] = p
	arrived := false
	fn := p.conn.Fn
	p.conn.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		arrived = arrived || ev == reactor.EvConnect && !p.ws || ev == reactor.EvWSOpen
		fn(c, ev, data)
	}
	h.until(name+"'s connection", func() bool { return arrived })
	return p
}

func (p *peer) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		if !p.ws {
			p.in = append(p.in, c.Recv.Bytes()...)
			c.Recv.Consume(c.Recv.Len())
			p.parse()
		}
	case reactor.EvWSMsg:
		p.in = append(p.in, data.(*ws.Message).Data...)
		p.parse()
	case reactor.EvClose:
		p.closed = true
		p.got = append(p.got, "closed")
	}
}

func (p *peer) parse() {
	for {
		m := new(mqtt.Message)
		n, err := mqtt.Parse(p.in, p.level, m)
		if err == mqtt.ErrIncomplete {
			return
		}
		if err != nil {
			p.got = append(p.got, err.Error())
			p.conn.Close()
			return
		}
		p.in = p.in[n:] // m keeps its bytes: later ones are appended behind them
		switch m.Cmd {
		case mqtt.CmdConnack:
			p.connack, p.open = *m, m.Ack == 0
		case mqtt.CmdPublish:
			p.lastPublish = *m
		}
		if m.Cmd == mqtt.CmdPingresp {
			p.pongs++
			continue
		}
		if p.ids && m.ID > 0 {
			p.got = append(p.got, fmt.Sprintf("%s #%d", show(m), m.ID))
		} else {
			p.got = append(p.got, show(m))
		}
		if !p.mute {
			p.acknowledge(m)
		}
	}
}

func (p *peer) acknowledge(m *mqtt.Message) {
	cmd := mqtt.Cmd(0)
	switch {
	case m.Cmd == mqtt.CmdPublish && m.QoS == 1:
		cmd = mqtt.CmdPuback
	case m.Cmd == mqtt.CmdPublish && m.QoS == 2:
		cmd = mqtt.CmdPubrec
	case m.Cmd == mqtt.CmdPubrec:
		cmd = mqtt.CmdPubrel
	case m.Cmd == mqtt.CmdPubrel:
		cmd = mqtt.CmdPubcomp
	default:
		return
	}
	p.send(must(mqtt.AppendAck(nil, p.level, cmd, m.ID, 0, nil)))
}

func (p *peer) send(packet []byte) {
	var m mqtt.Message
	if _, err := mqtt.Parse(packet, p.level, &m); err == nil && m.Cmd == mqtt.CmdConnect {
		p.level = m.Version
	}
	if _, err := p.conn.Write(packet); err == nil && p.ws {
		ws.Wrap(p.conn, len(packet), ws.OpBinary)
	}
}

// settle waits until everything that was sent has had its effect: a PINGRESP comes after
// everything that the broker did before it read the PINGREQ. A QoS 2 handshake takes four
// such rounds.
func (h *fixture) settle() {
	h.t.Helper()
	for range 4 {
		for name, p := range h.peers {
			if !p.open || p.closed {
				continue
			}
			want := p.pongs + 1
			p.send([]byte{byte(mqtt.CmdPingreq) << 4, 0})
			h.until(name+"'s PINGRESP", func() bool { return p.pongs >= want || p.closed })
		}
		h.until("the broker to delete the sessions of closed connections", func() bool { return len(h.b.clients) == h.alive() })
	}
}

func (h *fixture) alive() (n int) {
	for _, p := range h.peers {
		if !p.closed {
			n++
		}
	}
	return n
}

// take returns the packets since the last take: "a: THIS, THAT; b: OTHER".
func (h *fixture) take() string {
	var all []string
	for name, p := range h.peers {
		if len(p.got) > 0 {
			all = append(all, name+": "+strings.Join(p.got, ", "))
			p.got = nil
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// expect settles and fails the test unless exactly these packets have come since the last
// take.
func (h *fixture) expect(want string) {
	h.t.Helper()
	h.settle()
	if got := h.take(); got != want {
		h.t.Fatalf("\ngot  %s\nwant %s", got, want)
	}
}

// step is an action of one client and the packets that all clients then get.
type step struct {
	client string
	send   []byte // nil: close the connection
	want   string
}

// script is a test in both versions of MQTT, or in one.
type script struct {
	name    string
	version uint8 // 0: both
	steps   func(v uint8) []step
}

func run(t *testing.T, scripts []script) {
	for _, d := range scripts {
		for _, v := range []uint8{4, 5} {
			if d.version != 0 && d.version != v {
				continue
			}
			for _, transport := range []string{"tcp", "ws"} {
				t.Run(d.name+map[uint8]string{4: "/v4/", 5: "/v5/"}[v]+transport, func(t *testing.T) {
					play(newFixture(t), transport, d.steps(v))
				})
			}
		}
	}
}

func play(h *fixture, transport string, steps []step) {
	h.t.Helper()
	for i, s := range steps {
		h.t.Logf("step %d: %s", i, s.client)
		p := h.peers[s.client]
		if p == nil {
			p = h.dial(s.client, transport)
		}
		if s.send == nil {
			p.conn.Close()
			h.until("the end of "+s.client, func() bool { return p.closed })
		} else {
			p.send(s.send)
		}
		if !p.open && s.send != nil { // settle sends it no PINGREQ
			h.until("the acceptance or the end of "+s.client, func() bool { return p.open || p.closed })
		}
		h.expect(s.want)
	}
}

// wait moves the clock and runs the timers.
func (h *fixture) wait(d time.Duration) {
	h.t.Helper()
	h.clock.Advance(d)
	looptest.Spin(h.t, h.m, 3)
}

// logged fails the test unless the broker logged the reason for closing a connection.
func (h *fixture) logged(reason error) {
	h.t.Helper()
	if !strings.Contains(h.log.String(), reason.Error()) {
		h.t.Errorf("the log does not say %q", reason)
	}
}

// show prints the fields of a packet that the tests look at.
func show(m *mqtt.Message) string {
	s := m.Cmd.String()
	switch m.Cmd {
	case mqtt.CmdPublish:
		s += fmt.Sprintf(" q%d", m.QoS)
		if m.Retain {
			s += " retain"
		}
		if m.Dup {
			s += " dup"
		}
		return s + fmt.Sprintf(" %s=%s", m.Topic, m.Data)
	case mqtt.CmdConnack:
		if m.SessionPresent {
			s += " present"
		}
		return s + fmt.Sprintf(" %#x", uint8(m.Ack))
	case mqtt.CmdSuback, mqtt.CmdUnsuback:
		return s + fmt.Sprintf(" %d %x", m.ID, m.Data)
	case mqtt.CmdPubrel, mqtt.CmdPubcomp, mqtt.CmdPubrec, mqtt.CmdPuback:
		if m.Ack != 0 {
			s += fmt.Sprintf(" %#x", uint8(m.Ack))
		}
		return s
	}
	return s + fmt.Sprintf(" %#x", uint8(m.Ack))
}

func must(packet []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return packet
}

// The functions below make the packets that clients send.

func connect(v uint8, id string, change ...func(*mqtt.ConnectPacket)) []byte {
	p := mqtt.ConnectPacket{ClientID: id, CleanStart: true}
	for _, f := range change {
		f(&p)
	}
	return must(mqtt.AppendConnect(nil, v, &p))
}

func subscribe(v uint8, id uint16, filters ...mqtt.Filter) []byte {
	return must(mqtt.AppendSubscribe(nil, v, id, filters, nil))
}

func unsubscribe(v uint8, id uint16, filters ...string) []byte {
	return must(mqtt.AppendUnsubscribe(nil, v, id, filters, nil))
}

func publish(v, qos uint8, topic, data string, change ...func(*mqtt.PublishPacket)) []byte {
	p := mqtt.PublishPacket{QoS: qos, Topic: topic, Data: []byte(data)}
	if qos > 0 {
		p.ID = 1
	}
	for _, f := range change {
		f(&p)
	}
	return must(mqtt.AppendPublish(nil, v, &p))
}

func retain(p *mqtt.PublishPacket) { p.Retain = true }

func filter(topic string, qos uint8) mqtt.Filter { return mqtt.Filter{Topic: topic, QoS: qos} }

func disconnect(v uint8, code mqtt.ReasonCode) []byte {
	return must(mqtt.AppendDisconnect(nil, v, code, nil))
}

func ack(v uint8, cmd mqtt.Cmd, id uint16, code mqtt.ReasonCode) []byte {
	return must(mqtt.AppendAck(nil, v, cmd, id, code, nil))
}

// keep makes a CONNECT that asks for a session of 100 s. In 3.1.1 it does not expire.
func keep(v uint8, id string, change ...func(*mqtt.ConnectPacket)) []byte {
	return connect(v, id, append([]func(*mqtt.ConnectPacket){func(p *mqtt.ConnectPacket) {
		p.CleanStart = false
		if v == 5 {
			p.Props = []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 100}}
		}
	}}, change...)...)
}

// number returns a change that sets the packet identifier, and DUP if dup is set.
func number(id uint16, dup bool) func(*mqtt.PublishPacket) {
	return func(p *mqtt.PublishPacket) { p.ID, p.Dup = id, dup }
}

func withProps(props ...mqtt.Property) func(*mqtt.ConnectPacket) {
	return func(p *mqtt.ConnectPacket) { p.Props = props }
}
