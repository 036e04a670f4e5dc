package broker

import (
	"bytes"
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

// house is a broker and its clients, on one manager whose clock stands still.
type house struct {
	t     *testing.T
	m     *reactor.Manager
	b     *Broker
	log   bytes.Buffer
	now   time.Time
	urls  map[string]string // by transport
	peers map[string]*peer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	before := len(looptest.OpenFiles())
	h := &house{t: t, now: noon, urls: map[string]string{}, peers: map[string]*peer{}}
	log := slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.m = looptest.NewManager(t, reactor.WithLogger(log), reactor.WithClock(func() time.Time { return h.now }))
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
		if n := len(h.b.sessions) + len(h.b.clients); n != 0 {
			t.Errorf("%d sessions are left when all is closed", n)
		}
		if after := len(looptest.OpenFiles()); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
	return h
}

// until polls until done.
func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	looptest.Await(h.t, h.m, what, done)
}

// peer is a client of bare packets. It acknowledges what it gets unless it is mute.
type peer struct {
	conn   *reactor.Conn
	ws     bool
	mute   bool  // those of that name
	level  uint8 // of the CONNECT it sent last
	open   bool  // CONNACK 0 came
	closed bool
	in     []byte
	pongs  int
	got    []string // as show prints them, PINGRESP excepted

	connack, lastPublish mqtt.Message
}

func (h *house) dial(name, transport string) *peer {
	h.t.Helper()
	p := &peer{level: 4, ws: transport == "ws", mute: name == "mute"}
	var err error
	if p.ws {
		p.conn, err = ws.Connect(h.m, h.urls[transport]+"/mqtt", p.handle, nil, "Sec-WebSocket-Protocol: mqtt\r\n")
	} else {
		p.conn, err = h.m.Connect(h.urls[transport], p.handle, nil)
	}
	if err != nil {
		h.t.Fatal(err)
	}
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
		p.in = p.in[n:] // m keeps its bytes: more are appended behind them
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
		p.got = append(p.got, show(m))
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

// settle waits until all that was sent has had its effect: a PINGRESP comes
// behind everything that the broker did before it saw the PINGREQ. A QoS 2
// handshake takes four of those.
func (h *house) settle() {
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
		h.until("the broker to forget those who left", func() bool { return len(h.b.sessions) == h.alive() })
	}
}

func (h *house) alive() (n int) {
	for _, p := range h.peers {
		if !p.closed {
			n++
		}
	}
	return n
}

// take returns what came since the last take: "a: THIS, THAT; b: OTHER".
func (h *house) take() string {
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

// expect fails unless exactly that has come.
func (h *house) expect(want string) {
	h.t.Helper()
	h.settle()
	if got := h.take(); got != want {
		h.t.Fatalf("\ngot  %s\nwant %s", got, want)
	}
}
