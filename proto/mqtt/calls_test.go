package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// callRow is a call and the packet that it sends, see forVersion.
type callRow struct {
	name, want string
	call       func(c *reactor.Conn) error
}

// pub calls Pub and checks the packet identifier.
func pub(wantID uint16, opts mqtt.Options) func(c *reactor.Conn) error {
	return func(c *reactor.Conn) error {
		id, err := mqtt.Pub(c, &opts)
		if err == nil && id != wantID {
			err = fmt.Errorf("packet identifier %d, want %d", id, wantID)
		}
		return err
	}
}

// calls are the calls of a client, and the packets that they send if they are called in this
// order.
func calls(version uint8) []callRow {
	rows := []callRow{
		{"Sub", "82 08 00 01$v 00 03'a/#' 01", func(c *reactor.Conn) error {
			id, err := mqtt.Sub(c, &mqtt.Options{Topic: "a/#", QoS: 1})
			if id != 1 {
				return fmt.Errorf("id %d, %v", id, err)
			}
			return err
		}},
		{"Pub QoS 0", "30 07 00 03'a/b'$v'hi'", pub(0, *pubOptions(0))},
		{"Pub QoS 1", "32 09 00 03'a/b' 00 02$v'hi'", pub(2, *pubOptions(1))},
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
		callRow{"Pub with properties", "30 0c 00 03'a/b' 04 03 0001'k' 'hi'", pub(0, mqtt.Options{Topic: "a/b", Message: []byte("hi"),
			Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte("k")}}})},
		callRow{"Sub with properties", "82 09 00 05 02 0b 05 00 01'+' 00", func(c *reactor.Conn) error {
			_, err := mqtt.Sub(c, &mqtt.Options{Topic: "+", Props: []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 5}}})
			return err
		}},
		callRow{"Unsub with properties", "a2 0d 00 06 07 26 0001'k' 0001'v' 0001'+'",
			func(c *reactor.Conn) error {
				_, err := mqtt.Unsub(c, &mqtt.Options{Topic: "+", Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}}})
				return err
			}})
}

// On a connection of Connect each call sends one packet. Over WebSocket the packet is one
// message.
func TestCallsOfClient(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			x := connectedClient(t, scheme, version, nil)
			for _, row := range calls(version) {
				x.wantSent(row.name, fmt.Sprintf("%x", forVersion(row.want, version)), func() error { return row.call(x.c) })
			}
			x.r.wantPackets("")
		}
	})
}

// On a connection of Login the calls append bare packets, and the layer does not parse input.
func TestCallsAfterLogin(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		m, r := looptest.NewManager(t), &recorder{t: t}
		c, p := connWithoutLayer(t, m, r)
		if err := mqtt.Login(c, &mqtt.Options{ClientID: "c", Clean: true, Version: version}); err != nil {
			t.Fatal(err)
		}
		if got := c.Send.Bytes(); !bytes.Equal(got, connectC[version]) {
			t.Errorf("Login sent % x, want % x", got, connectC[version])
		}
		if v := mqtt.Version(c); v != version {
			t.Errorf("version %d, want %d", v, version)
		}
		for _, row := range calls(version) {
			c.Send.Reset()
			if err := row.call(c); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			if got, want := c.Send.Bytes(), forVersion(row.want, version); !bytes.Equal(got, want) {
				t.Errorf("%s sent % x, want % x", row.name, got, want)
			}
		}
		p.Write(pack("20 02 00 05 00 00"))
		looptest.Await(t, m, "the bytes", func() bool { return r.Read == 6 })
		if got := c.Recv.Len(); got != 6 || len(r.Errs) > 0 || r.packets() != "" {
			t.Errorf("%d bytes in Recv, want 6; events %v, want none", got, r.Lines)
		}
		p.Shutdown()
		looptest.Await(t, m, "EvClose", r.Closed)
		var closed *mqtt.ClosedError // the program has not sent DISCONNECT
		if err := r.Err(t); !errors.As(err, &closed) {
			t.Errorf("error %v, want a ClosedError", err)
		}
	}
}

// Login, Sub and Pub work on a connection of ws.Connect if the program frames the packets.
func TestLoginOverWebSocket(t *testing.T) {
	m := looptest.NewManager(t)
	wrap := func(c *reactor.Conn, call func() error) {
		start := c.Send.Len()
		if err := call(); err != nil {
			t.Error(err)
		}
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
	}
	r := newRecorder(t, hooks{reactor.EvWSOpen: func(c *reactor.Conn, _ any) {
		wrap(c, func() error { return mqtt.Login(c, &mqtt.Options{ClientID: "c", Clean: true}) })
		wrap(c, func() error { _, err := mqtt.Sub(c, &mqtt.Options{Topic: "t"}); return err })
		wrap(c, func() error { _, err := mqtt.Pub(c, pubOptions(1)); return err })
	}})
	l, addr := looptest.ListenSocket(t)
	if _, err := ws.Connect(m, "ws://"+addr, r.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	p := &peer{Socket: l.AwaitAccept(m)}
	p.ws = true
	p.agree(m, "")
	p.wantGot(m, "10 0d 00 04'MQTT' 04 02 00 00 00 01'c' 82 06 00 01 00 01't' 00 32 09 00 03'a/b' 00 02'hi'")
	if len(p.frames) != 3 {
		t.Errorf("the peer got %d frames, want 3", len(p.frames))
	}
	p.send(pack("20 02 00 05"))
	looptest.Settle(t, m)
	r.wantPackets("")
}

// Login with nil Options requests a clean session with a random client identifier.
func TestLoginWithNilOptions(t *testing.T) {
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	msg := mustParse(t, c.Send.Bytes(), 4)
	if conn := msg.Connect(); !conn.CleanStart || conn.ClientID == "" || msg.Version != 4 {
		t.Errorf("CONNECT is %+v in version %d", conn, msg.Version)
	}
}

// A failed Login leaves the connection unchanged.
func TestFailedLoginChangesNothing(t *testing.T) {
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	for _, opts := range []mqtt.Options{{Version: 3}, {Version: 6}, {Password: "p"}, {KeepAlive: 70000 * time.Second}} {
		wantRefused(t, c, fmt.Sprintf("%+v", opts), nil, func() error { return mqtt.Login(c, &opts) })
	}
	if v := mqtt.Version(c); v != 0 {
		t.Errorf("version %d after a failed Login, want 0", v)
	}
	wantAllRefused(t, c, mqtt.ErrNotMQTT)
	if err := mqtt.Login(c, &mqtt.Options{Version: 5}); err != nil {
		t.Error(err)
	}
	wantRefused(t, c, "a second Login", nil, func() error { return mqtt.Login(c, &mqtt.Options{Version: 3}) })
	if v := mqtt.Version(c); v != 5 {
		t.Errorf("version %d after a second Login failed, want 5", v)
	}
}

// After packet identifier 65535 comes 1, because 0 is not allowed [MQTT-2.3.1-1].
func TestPacketIdentifiersWrapAround(t *testing.T) {
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	c.Send.Reset()
	for want := 1; want <= 65537; want++ {
		id, err := mqtt.Pub(c, pubOptions(1))
		if expect := uint16((want-1)%65535 + 1); err != nil || id != expect {
			t.Fatalf("identifier %d, want %d; error %v", id, expect, err)
		}
		if err := mqtt.Ack(c, &mqtt.Message{Cmd: mqtt.CmdPuback, ID: id}); err != nil {
			t.Fatal(err)
		}
		c.Send.Reset()
	}
}

// A call with invalid arguments returns an error and leaves Send unchanged.
func TestCallsRefuseInvalidArguments(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, nil)
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
			wantRefused(t, c, "Pub "+name, mqtt.ErrMalformed, func() error { _, err := mqtt.Pub(c, opts); return err })
		}
		for _, filter := range []string{"", "a/#/b", "a+", "\xff"} {
			opts := &mqtt.Options{Topic: filter}
			wantRefused(t, c, "Sub "+filter, mqtt.ErrMalformed, func() error { _, err := mqtt.Sub(c, opts); return err })
			wantRefused(t, c, "Unsub "+filter, mqtt.ErrMalformed, func() error { _, err := mqtt.Unsub(c, opts); return err })
		}
		wantRefused(t, c, "Sub QoS 3", mqtt.ErrMalformed, func() error { _, err := mqtt.Sub(c, &mqtt.Options{Topic: "t", QoS: 3}); return err })
		wantRefused(t, c, "SendHeader", mqtt.ErrMalformed, func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 6, 0) })
		wantRefused(t, c, "SendHeader", mqtt.ErrTooLarge, func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 0, 1<<28) })
		wantRefused(t, c, "Disconnect", mqtt.ErrMalformed, func() error {
			return mqtt.Disconnect(c, &mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropReasonString, Value: []byte("x")}}})
		})
		x.p.wantGot(x.m, "c0 00")
	})
}

// SendHeader appends a fixed header and does not frame it.
func TestSendHeader(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, nil)
		start := x.c.Send.Len()
		if err := mqtt.SendHeader(x.c, mqtt.CmdPublish, 3, 200); err != nil {
			t.Fatal(err)
		}
		if got, want := x.c.Send.Bytes()[start:], pack("33 c8 01"); !bytes.Equal(got, want) {
			t.Errorf("SendHeader appended % x, want % x", got, want)
		}
		x.c.Write(bytes.Repeat([]byte("x"), 200))
		if scheme == "ws" {
			ws.Wrap(x.c, x.c.Send.Len()-start, ws.OpBinary)
		}
		looptest.Await(t, x.m, "the packet", func() bool { x.p.readAll(); return len(x.p.got) == 203 })
		if scheme == "ws" && len(x.p.frames) != 1 {
			t.Errorf("the peer got %d frames, want 1", len(x.p.frames))
		}
	})
}

// Ack sends the acknowledgement for a packet that the program has parsed.
func TestAck(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
		if err := mqtt.Login(c, &mqtt.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		for in, want := range map[string]string{
			"30 06 00 03'a/b'$v'x'":       "",
			"32 08 00 03'a/b' 00 07$v'x'": "40 02 00 07",
			"34 08 00 03'a/b' 00 07$v'x'": "50 02 00 07",
			"50 02 12 34":                 "62 02 12 34",
			"62 02 12 34":                 "70 02 12 34",
			"40 02 12 34":                 "",
			"70 02 12 34":                 "",
			"d0 00":                       "",
		} {
			msg := mustParse(t, forVersion(in, version), version)
			c.Send.Reset()
			if err := mqtt.Ack(c, &msg); err != nil || !bytes.Equal(c.Send.Bytes(), pack(want)) {
				t.Errorf("v%d %s: Ack sent % x, error %v, want %s", version, in, c.Send.Bytes(), err, want)
			}
		}
	}
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	mqtt.Login(c, &mqtt.Options{Version: 5})
	c.Send.Reset()
	refused := mustParse(t, pack("50 03 00 05 87"), 5)
	if err := mqtt.Ack(c, &refused); err != nil || c.Send.Len() > 0 { // [MQTT-4.3.3-4]
		t.Errorf("PUBREC with code 0x87: Ack sent % x, error %v, want nothing", c.Send.Bytes(), err)
	}
}
