package mqtt_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// bareConn is a connection without any layer, and its other end.
func bareConn(t *testing.T, m *reactor.Manager, r *recorder) (*reactor.Conn, *peer) {
	t.Helper()
	c, fd := looptest.Wrap(t, m, r.handle)
	return c, newPeer(t, fd)
}

// sending is a call and the packet that it makes; $v is the length of no
// properties, which 3.1.1 has not.
type sending struct {
	name, want string
	call       func(c *reactor.Conn) error
}

// pub wants Pub to return an identifier.
func pub(wantID uint16, opts mqtt.Options) func(c *reactor.Conn) error {
	return func(c *reactor.Conn) error {
		id, err := mqtt.Pub(c, &opts)
		if err == nil && id != wantID {
			err = fmt.Errorf("packet identifier %d, want %d", id, wantID)
		}
		return err
	}
}

// calls are what a client may send after Login, and the packets they make
// when they are made in this order.
func calls(version uint8) []sending {
	rows := []sending{
		{"Sub", "82 08 00 01$v 00 03'a/#' 01", func(c *reactor.Conn) error {
			id, err := mqtt.Sub(c, &mqtt.Options{Topic: "a/#", QoS: 1})
			if id != 1 {
				return fmt.Errorf("id %d, %v", id, err)
			}
			return err
		}},
		{"Pub QoS 0", "30 07 00 03'a/b'$v'hi'", pub(0, *publishing(0))},
		{"Pub QoS 1", "32 09 00 03'a/b' 00 02$v'hi'", pub(2, *publishing(1))},
		{"Pub QoS 2, retain", "35 09 00 03'a/b' 00 03$v'hi'", pub(3, mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: 2, Retain: true})},
		{"MQTT-3.3.1-1 retransmit", "3a 09 00 03'a/b' 00 02$v'hi'", pub(2, mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: 1, RetransmitID: 2})},
		{"MQTT-3.3.1-2 retransmit at QoS 0", "30 07 00 03'a/b'$v'hi'", pub(0, mqtt.Options{Topic: "a/b", Message: []byte("hi"), RetransmitID: 9})},
		{"Pub empty", "31 05 00 03'a/b'$v", pub(0, mqtt.Options{Topic: "a/b", Retain: true})},
		{"Unsub", "a2 07 00 04$v 00 03'a/#'", func(c *reactor.Conn) error {
			id, err := mqtt.Unsub(c, &mqtt.Options{Topic: "a/#"})
			if id != 4 {
				return fmt.Errorf("id %d, %v", id, err)
			}
			return err
		}},
		{"Ping", "c0 00", mqtt.Ping},
	}
	if version != 5 {
		return rows
	}
	return append(rows,
		sending{"Pub with properties", "30 0b 00 03'a/b' 03 23 0007'hi'", pub(0, mqtt.Options{Topic: "a/b", Message: []byte("hi"),
			Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 7}}})},
		sending{"Sub with properties", "82 09 00 05 02 0b 05 00 01'+' 00", func(c *reactor.Conn) error {
			_, err := mqtt.Sub(c, &mqtt.Options{Topic: "+", Props: []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 5}}})
			return err
		}},
		sending{"Unsub with properties", "a2 0d 00 06 07 26 0001'k' 0001'v' 0001'+'",
			func(c *reactor.Conn) error {
				_, err := mqtt.Unsub(c, &mqtt.Options{Topic: "+", Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}}})
				return err
			}})
}

// On mqtt.Connect's connections each call is a packet, in a message of its
// own over WebSocket.
func TestConnCalls(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			x := connected(t, scheme, version, nil)
			for _, row := range calls(version) {
				x.sending(row.name, fmt.Sprintf("%x", sized(row.want, version)), func() error { return row.call(x.c) })
			}
			x.r.wantPackets("")
		}
	})
}

// On others they append bare bytes: nothing is framed, and nothing that
// arrives is parsed.
func TestConnCallsByHand(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		m, r := newManager(t), &recorder{t: t}
		c, p := bareConn(t, m, r)
		if err := mqtt.Login(c, &mqtt.Options{ClientID: "c", Clean: true, Version: version}); err != nil {
			t.Fatal(err)
		}
		if got := c.Send.Bytes(); !bytes.Equal(got, connectC[version]) {
			t.Errorf("Login: % x", got)
		}
		if v := mqtt.Version(c); v != version {
			t.Errorf("version %d", v)
		}
		for _, row := range calls(version) {
			c.Send.Reset()
			if err := row.call(c); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			if got, want := c.Send.Bytes(), sized(row.want, version); !bytes.Equal(got, want) {
				t.Errorf("%s: % x, want % x", row.name, got, want)
			}
		}
		p.write(pack("20 02 00 05 00 00"))
		await(t, m, "the bytes", func() bool { return r.read == 6 })
		if got := c.Recv.Len(); got != 6 || len(r.errs) > 0 || r.packets() != "" {
			t.Errorf("%d bytes in Recv, events %v", got, r.log)
		}
		p.shutdown()
		await(t, m, "EvClose", r.closed)
		if len(r.errs) > 0 { // nobody knows where a packet ends here
			t.Error(r.errs)
		}
	}
}

// Login with nil and on ws.Connect's connection, as the example does it.
func TestConnLoginOverWS(t *testing.T) {
	m := newManager(t)
	wrap := func(c *reactor.Conn, call func() error) {
		start := c.Send.Len()
		if err := call(); err != nil {
			t.Error(err)
		}
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
	}
	r := &recorder{t: t, on: hooks{reactor.EvWSOpen: func(c *reactor.Conn, _ any) {
		wrap(c, func() error { return mqtt.Login(c, &mqtt.Options{ClientID: "c", Clean: true}) })
		wrap(c, func() error { _, err := mqtt.Sub(c, &mqtt.Options{Topic: "t"}); return err })
		wrap(c, func() error { _, err := mqtt.Pub(c, publishing(1)); return err })
	}}}
	fd, addr := listenOn(t)
	if _, err := ws.Connect(m, "ws://"+addr, r.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	p := acceptPeer(t, m, fd)
	p.ws = true
	p.agree(m, "")
	p.wantGot(m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' 82 06 00 01 00 01't' 00 32 09 00 03'a/b' 00 02'hi'")
	if len(p.frames) != 3 {
		t.Errorf("%d frames, want 3", len(p.frames))
	}
	p.send(pack("20 02 00 05"))
	spin(t, m)
	r.wantPackets("")
}

func TestConnLoginNil(t *testing.T) {
	c, _ := bareConn(t, newManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	msg := mustParse(t, c.Send.Bytes(), 4)
	if conn := msg.Connect(); !conn.CleanStart || conn.ClientID == "" || msg.Version != 4 {
		t.Errorf("%+v", conn)
	}
}

// Login that fails leaves the connection as it was.
func TestConnLoginFails(t *testing.T) {
	c, _ := bareConn(t, newManager(t), &recorder{t: t})
	for _, opts := range []mqtt.Options{{Version: 3}, {Version: 6}, {Password: "p"}, {KeepAlive: 70000 * time.Second}} {
		refusesToSend(t, c, fmt.Sprintf("%+v", opts), nil, func() error { return mqtt.Login(c, &opts) })
	}
	if v := mqtt.Version(c); v != 0 {
		t.Errorf("version is %d after Login failed", v)
	}
	refusesAll(t, c, mqtt.ErrNotMQTT)
	if err := mqtt.Login(c, &mqtt.Options{Version: 5}); err != nil {
		t.Error(err)
	}
	refusesToSend(t, c, "a second Login", nil, func() error { return mqtt.Login(c, &mqtt.Options{Version: 3}) })
	if v := mqtt.Version(c); v != 5 {
		t.Errorf("version is %d after another Login failed", v)
	}
}

// [MQTT-2.3.1-1] packet identifiers are not 0.
func TestConnPacketIDsWrap(t *testing.T) {
	c, _ := bareConn(t, newManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	c.Send.Reset()
	for want := 1; want <= 65537; want++ {
		id, err := mqtt.Pub(c, publishing(1))
		if expect := uint16((want-1)%65535 + 1); err != nil || id != expect {
			t.Fatalf("identifier %d, %v, want %d", id, err, expect)
		}
		c.Send.Reset()
	}
}

// An error leaves Send as it was, whatever lay there.
func TestConnCallErrors(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := connected(t, scheme, 4, nil)
		c := x.c
		mqtt.Ping(c)
		for name, opts := range map[string]*mqtt.Options{
			"MQTT-3.3.2-2 wildcard":   {Topic: "a/+"},
			"MQTT-4.7.3-1 no topic":   {},
			"MQTT-3.3.1-4 QoS 3":      {Topic: "t", QoS: 3},
			"MQTT-1.5.3-2 NUL":        {Topic: "\x00"},
			"topic too long":          {Topic: tooLong},
			"properties in 3.1.1":     {Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}},
			"MQTT-1.5.3-1 surrogates": {Topic: "\xed\xa0\x80"},
		} {
			refusesToSend(t, c, "Pub "+name, mqtt.ErrMalformed, func() error { _, err := mqtt.Pub(c, opts); return err })
		}
		for _, filter := range []string{"", "a/#/b", "a+", "\xff"} {
			opts := &mqtt.Options{Topic: filter}
			refusesToSend(t, c, "Sub "+filter, mqtt.ErrMalformed, func() error { _, err := mqtt.Sub(c, opts); return err })
			refusesToSend(t, c, "Unsub "+filter, mqtt.ErrMalformed, func() error { _, err := mqtt.Unsub(c, opts); return err })
		}
		refusesToSend(t, c, "Sub QoS 3", mqtt.ErrMalformed, func() error { _, err := mqtt.Sub(c, &mqtt.Options{Topic: "t", QoS: 3}); return err })
		refusesToSend(t, c, "SendHeader", mqtt.ErrMalformed, func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 6, 0) })
		refusesToSend(t, c, "SendHeader", mqtt.ErrTooLarge, func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 0, 1<<28) })
		refusesToSend(t, c, "Disconnect", mqtt.ErrMalformed, func() error {
			return mqtt.Disconnect(c, &mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropReasonString, Value: []byte("x")}}})
		})
		x.p.wantGot(x.m, "c0 00")
	})
}
