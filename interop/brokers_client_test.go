package interop

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// client is an MQTT client on rikki. It uses mqtt.Connect, or it works by hand as
// examples/mqtt-over-ws-client does: it opens a WebSocket, reassembles the packets and
// frames its own.
type client struct {
	*loop
	name   string
	target target
	opts   mqtt.Options
	conn   *reactor.Conn
	in     reactor.Buffer // by hand: MQTT bytes from WebSocket messages
	msg    mqtt.Message   // by hand
	mute   bool           // by hand: it acknowledges nothing

	opened  bool
	code    mqtt.ReasonCode // in the CONNACK
	present bool            // Session Present in the CONNACK
	got     []publication   // from EvMQTTMsg; by hand from every PUBLISH
	packets []packet        // all others except PINGRESP, in order
	pongs   int
	err     error
	closed  bool
}

// packet is the part of a received packet that tests compare.
type packet struct {
	cmd  mqtt.Cmd
	id   uint16
	code mqtt.ReasonCode
}

// start connects a client. It does not wait for the connection.
func (l *loop) start(name string, tg target, opts mqtt.Options) *client {
	l.t.Helper()
	opts.Version = tg.version
	c := &client{loop: l, name: name, target: tg, opts: opts}
	var err error
	if tg.byHand {
		c.conn, err = ws.Connect(l.m, tg.url, c.handle, nil, "Sec-WebSocket-Protocol: mqtt\r\n")
	} else {
		c.conn, err = mqtt.Connect(l.m, tg.url, &opts, c.handle, nil)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	if secure(tg.url) {
		c.conn.StartTLS(identities().client())
	}
	l.clients = append(l.clients, c)
	return c
}

// connected waits for a CONNACK that accepts the client.
func (c *client) connected() *client {
	c.t.Helper()
	c.until(c.name+"'s CONNACK", func() bool { return c.opened || c.closed })
	if c.err != nil || !c.opened || c.code != 0 {
		c.t.Fatalf("%s is not connected: CONNACK %d, error %v", c.name, c.code, c.err)
	}
	return c
}

func (c *client) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSOpen:
		if c.target.byHand {
			c.send(func() error { return mqtt.Login(c.conn, &c.opts) })
		}
	case reactor.EvWSMsg:
		if c.target.byHand {
			c.in.Append(data.(*ws.Message).Data)
			c.parse()
		}
	case reactor.EvMQTTOpen:
		c.opened, c.code = true, data.(mqtt.ReasonCode)
	case reactor.EvMQTTMsg:
		c.published(data.(*mqtt.Message))
	case reactor.EvMQTTCmd:
		c.packet(data.(*mqtt.Message))
	case reactor.EvError:
		c.err = data.(error)
	case reactor.EvClose:
		c.closed = true
	}
}

// parse handles the complete packets in c.in.
func (c *client) parse() {
	for !c.conn.InputStopped() {
		n, err := mqtt.Parse(c.in.Bytes(), c.target.version, &c.msg)
		if err == mqtt.ErrIncomplete {
			return
		}
		if err != nil {
			c.conn.Fail(err)
			return
		}
		m := &c.msg
		switch m.Cmd {
		case mqtt.CmdConnack:
			c.conn.Call(reactor.EvMQTTOpen, m.Ack)
		case mqtt.CmdPublish:
			c.published(m)
		}
		c.packet(m)
		switch {
		case m.Cmd == mqtt.CmdConnack && m.Ack != 0:
			c.conn.Fail(&mqtt.RefusedError{Cmd: m.Cmd, Code: m.Ack, Version: c.target.version})
		case m.Cmd == mqtt.CmdDisconnect:
			c.conn.Fail(&mqtt.RefusedError{Cmd: m.Cmd, Code: m.Ack, Version: c.target.version})
		case !c.mute:
			c.send(func() error { return mqtt.Ack(c.conn, m) })
		}
		c.in.Consume(n)
	}
}

func (c *client) published(m *mqtt.Message) {
	p := publication{topic: string(m.Topic), data: string(m.Data), qos: m.QoS, retain: m.Retain, dup: m.Dup}
	var prop mqtt.Property
	for ofs := m.NextProp(&prop, 0); ofs > 0; ofs = m.NextProp(&prop, ofs) {
		p.props = append(p.props, show(prop))
	}
	c.got = append(c.got, p)
}

func (c *client) packet(m *mqtt.Message) {
	switch m.Cmd {
	case mqtt.CmdPublish:
	case mqtt.CmdPingresp:
		c.pongs++
	default:
		c.present = c.present || m.Cmd == mqtt.CmdConnack && m.SessionPresent
		c.packets = append(c.packets, packet{m.Cmd, m.ID, m.Ack})
	}
}

// send calls add, which appends packets to Send. If the client works by hand, send frames them.
func (c *client) send(add func() error) {
	start := c.conn.Send.Len()
	if err := add(); err != nil {
		c.t.Errorf("%s: %v", c.name, err)
		return
	}
	if n := c.conn.Send.Len() - start; c.target.byHand && n > 0 {
		ws.Wrap(c.conn, n, ws.OpBinary)
	}
}

// pub publishes and returns the packet identifier.
func (c *client) pub(opts mqtt.Options) (id uint16) {
	c.t.Helper()
	opts.Version = c.target.version
	c.send(func() (err error) {
		id, err = mqtt.Pub(c.conn, &opts)
		return err
	})
	return id
}

// sub subscribes, waits for the SUBACK and returns its code.
func (c *client) sub(filter string, qos uint8, props ...mqtt.Property) (code mqtt.ReasonCode) {
	c.t.Helper()
	var id uint16
	c.send(func() (err error) {
		id, err = mqtt.Sub(c.conn, &mqtt.Options{Topic: filter, QoS: qos, Props: props, Version: c.target.version})
		return err
	})
	return c.answer(mqtt.CmdSuback, id)
}

func (c *client) unsub(filter string) mqtt.ReasonCode {
	c.t.Helper()
	var id uint16
	c.send(func() (err error) {
		id, err = mqtt.Unsub(c.conn, &mqtt.Options{Topic: filter, Version: c.target.version})
		return err
	})
	return c.answer(mqtt.CmdUnsuback, id)
}

// answer waits for a packet with a type and an identifier, and returns its code.
func (c *client) answer(cmd mqtt.Cmd, id uint16) (code mqtt.ReasonCode) {
	c.t.Helper()
	c.until(fmt.Sprintf("%s's %s %d", c.name, cmd, id), func() bool {
		for _, p := range c.packets {
			if p.cmd == cmd && p.id == id {
				code = p.code
				return true
			}
		}
		return c.checkOpen()
	})
	return code
}

// count returns the number of received packets of a type.
func (c *client) count(cmd mqtt.Cmd) (n int) {
	for _, p := range c.packets {
		if p.cmd == cmd {
			n++
		}
	}
	return n
}

// checkOpen fails the test if the connection has closed. Otherwise it returns false.
func (c *client) checkOpen() bool {
	if c.closed {
		c.t.Fatalf("%s lost its connection: %v", c.name, c.err)
	}
	return false
}

// receive waits for n publications. It returns all that have come and have not been
// returned yet.
func (c *client) receive(n int) []publication {
	c.t.Helper()
	c.until(fmt.Sprintf("%s's %d publications", c.name, n), func() bool { return len(c.got) >= n || c.checkOpen() })
	got := c.got
	c.got = nil
	return got
}

// ping sends a PINGREQ and waits for the answer.
func (c *client) ping() {
	c.t.Helper()
	want := c.pongs + 1
	c.send(func() error { return mqtt.Ping(c.conn) })
	c.until(c.name+"'s PINGRESP", func() bool { return c.pongs >= want || c.checkOpen() })
}

// disconnect sends DISCONNECT and waits until the connection has closed.
func (c *client) disconnect() {
	c.t.Helper()
	c.send(func() error { return mqtt.Disconnect(c.conn, nil) })
	c.conn.Drain()
	c.ended()
	if c.err != nil {
		c.t.Fatalf("%s: after DISCONNECT: %v", c.name, c.err)
	}
}

// vanish closes the connection without a DISCONNECT.
func (c *client) vanish() {
	c.t.Helper()
	c.conn.Close()
	c.ended()
}

// ended waits until the connection has closed.
func (c *client) ended() {
	c.t.Helper()
	c.until(c.name+"'s end", func() bool { return c.closed })
}

// report logs the state of a client after a failure.
func (c *client) report() {
	var last []string
	for _, p := range c.packets[max(0, len(c.packets)-12):] {
		last = append(last, fmt.Sprintf("%s %d (%#x)", p.cmd, p.id, uint8(p.code)))
	}
	c.t.Logf("%s: opened %v, code %d, error %v, %d publications not taken; last packets: %s",
		c.name, c.opened, c.code, c.err, len(c.got), strings.Join(last, ", "))
}
