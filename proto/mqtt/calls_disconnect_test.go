package mqtt_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// disconnectRows are calls that send DISCONNECT, and the packets that they send. A server has
// no DISCONNECT in 3.1.1 (section 3.14).
var disconnectRows = []struct {
	name           string
	client, server [2]string // packets in 3.1.1 and 5.0; "" if the call must fail
	call           func(c *reactor.Conn) error
}{
	{"Disconnect", [2]string{"e0 00", "e0 00"}, [2]string{"", "e0 00"}, func(c *reactor.Conn) error { return mqtt.Disconnect(c, nil) }},
	{"Disconnect with properties", [2]string{"", "e0 09 00 07 26 0001'k' 0001'v'"}, [2]string{"", "e0 09 00 07 26 0001'k' 0001'v'"},
		func(c *reactor.Conn) error {
			return mqtt.Disconnect(c, &mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}}})
		}},
	{"DisconnectCode 0", [2]string{"e0 00", "e0 00"}, [2]string{"", "e0 00"}, func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, 0) }},
	{"DisconnectCode", [2]string{"e0 00", "e0 02 04 00"}, [2]string{"", "e0 02 04 00"},
		func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, mqtt.ReasonDisconnectWithWill) }},
	{"MQTT-3.14.2-1 invalid code", [2]string{"e0 00", ""}, [2]string{"", ""}, func(c *reactor.Conn) error { return mqtt.DisconnectCode(c, 0x18) }},
}

func TestDisconnectCalls(t *testing.T) {
	for i := range disconnectRows {
		row := &disconnectRows[i]
		overEachTransport(t, func(t *testing.T, scheme string) {
			for role, wants := range map[string][2]string{"client": row.client, "server": row.server} {
				for v, want := range wants {
					t.Run(fmt.Sprintf("%s v%d %s", role, 4+v, row.name), func(t *testing.T) {
						x := connectedAs(t, scheme, role, uint8(4+v), nil)
						checkDisconnect(x, row.name, want, row.call)
					})
				}
			}
		})
	}
}

// checkDisconnect calls one row of disconnectRows and checks what can be sent afterwards.
func checkDisconnect(x *pair, name, want string, call func(c *reactor.Conn) error) {
	x.t.Helper()
	if want == "" {
		wantRefused(x.t, x.c, name, nil, func() error { return call(x.c) })
		x.wantSent("Pub after the error", fmt.Sprintf("%x", forVersion("30 07 00 03'a/b'$v'hi'", mqtt.Version(x.c))),
			func() error { _, err := mqtt.Pub(x.c, pubOptions(0)); return err })
		return
	}
	x.wantSent(name, want, func() error { return call(x.c) })
	for after, call := range sendingCalls { // [MQTT-3.14.4-2]
		wantRefused(x.t, x.c, after+" after DISCONNECT", mqtt.ErrDisconnected, func() error { return call(x.c) })
	}
	x.c.Drain()
	x.waitEnd()
	x.p.Close()
	x.waitClose()
	x.r.wantPackets("CLOSE")
}

// The calls also work on a connection of Login.
func TestDisconnectAfterLogin(t *testing.T) {
	for version := uint8(4); version <= 5; version++ {
		c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
		if err := mqtt.Login(c, &mqtt.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		c.Send.Reset()
		if err := mqtt.Disconnect(c, nil); err != nil || string(c.Send.Bytes()) != "\xe0\x00" {
			t.Errorf("Disconnect sent % x, error %v", c.Send.Bytes(), err)
		}
		wantRefused(t, c, "Ping", mqtt.ErrDisconnected, func() error { return mqtt.Ping(c) })
	}
}

// Input after our own DISCONNECT is ignored, even if it is malformed or cut off.
func TestInputAfterDisconnectIsIgnored(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, nil)
		x.wantSent("Disconnect", "e0 00", func() error { return mqtt.Disconnect(x.c, nil) })
		x.p.send(pack("30 06 00 03'a/b''x'"), pack("00 00"), pack("30 06"))
		x.p.Shutdown()
		x.waitClose()
		x.r.wantPackets("CLOSE")
	})
}

// DISCONNECT from the client ends the connection. The server ignores what follows it
// [MQTT-3.14.4-2].
func TestDisconnectFromClient(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version, packet := range map[uint8]string{4: "e0 00", 5: "e0 02 04 00"} {
			for _, oneMessage := range []bool{true, false} {
				x := connectedServer(t, scheme, version, nil)
				if oneMessage {
					x.p.send(pack(packet + " 00 00"))
				} else {
					x.p.send(pack(packet), pack("00 00"))
				}
				x.waitEnd() // [MQTT-3.14.4-1]
				x.p.Close()
				x.waitClose()
				x.r.wantPackets("disconnect CLOSE")
			}
		}
	})
}

// After DISCONNECT from the peer we send a Close frame before we end the stream
// [RFC 6455 7.1.1].
func TestDisconnectFromPeerSendsCloseFrame(t *testing.T) {
	for _, row := range []struct {
		role    string
		version uint8
		packet  string
	}{
		{"server", 4, "e0 00"},
		{"server", 5, "e0 00"},
		{"server", 5, "e0 01 04"},
		{"client", 5, "e0 00"},
	} {
		x := connectedAs(t, "ws", row.role, row.version, nil)
		x.p.send(pack(row.packet))
		looptest.Await(t, x.m, "the end of the stream", x.p.Ended)
		if len(x.p.frames) != 1 || len(x.p.In) > 0 || x.p.Err != nil {
			t.Errorf("%+v: peer got %d frames, want 1; undecoded bytes % x, error %v", row, len(x.p.frames), x.p.In, x.p.Err)
		}
		x.p.wantLastFrame(0x88, closeNormal)
		x.p.Write(x.p.frame(8, closeNormal))
		x.p.Close()
		x.waitClose()
		if row.role == "client" {
			x.r.wantPackets("disconnect ERROR CLOSE")
		} else {
			x.r.wantPackets("disconnect CLOSE")
		}
	}
}

// closeGoingAway is a Close frame with code 1001.
var closeGoingAway = frame{0x88, []byte{0x03, 0xe9}}

// drainManager calls Manager.Drain. Meanwhile the peer reads, answers a Close frame with
// another, and ends its side as peer.endIfDone says.
func (x *pair) drainManager() {
	x.t.Helper()
	answered := false
	stop := looptest.EachTurn(x.m, func() {
		x.p.readAll()
		if n := len(x.p.frames); n > 0 && x.p.frames[n-1].op == 0x88 && !answered {
			answered = true
			x.p.Write(x.p.frame(8, closeGoingAway.payload))
		}
		x.p.endIfDone()
	})
	defer stop()
	if late, err := x.m.Drain(time.Minute); late != nil || err != nil {
		x.t.Errorf("Drain returned %d connections and error %v", len(late), err)
	}
	x.p.readAll()
	if len(x.r.Errs) > 0 || !x.r.Closed() || !x.p.EOF {
		x.t.Errorf("errors %v, events %v, peer has read the end of the stream: %v", x.r.Errs, x.r.Lines, x.p.EOF)
	}
}

// Manager.Drain sends what is in Send and then DISCONNECT: with 0x8B Server shutting down
// from a 5.0 server, without a code from a client, and none from a 3.1.1 server. Over
// WebSocket a Close frame with code 1001 follows.
func TestDrainSendsDisconnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range []struct {
			role    string
			version uint8
			want    string
		}{
			{"server", 5, "e0 02 8b 00"}, {"server", 4, ""}, {"client", 5, "e0 00"}, {"client", 4, "e0 00"},
		} {
			t.Run(fmt.Sprint(row.role, " v", row.version), func(t *testing.T) {
				x := connectedAs(t, scheme, row.role, row.version, nil)
				if _, err := mqtt.Pub(x.c, pubOptions(0)); err != nil {
					t.Fatal(err)
				}
				x.drainManager()
				want := append(forVersion("30 07 00 03'a/b'$v'hi'", row.version), pack(row.want)...)
				if !bytes.Equal(x.p.got, want) {
					t.Errorf("the peer got % x\n        want % x", x.p.got, want)
				}
				if scheme == "ws" {
					last := x.p.frames[len(x.p.frames)-1]
					if last.op != closeGoingAway.op || !bytes.Equal(last.payload, closeGoingAway.payload) {
						t.Errorf("the last frame is %x % x, want Close 1001", last.op, last.payload)
					}
				}
			})
		}
	})
}

// Manager.Drain sends no DISCONNECT before CONNECT, and no second DISCONNECT.
func TestDrainSendsNoDisconnect(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := acceptedConn(t, scheme, nil)
		x.drainManager()
		if len(x.p.got) > 0 {
			t.Errorf("before CONNECT: the peer got % x", x.p.got)
		}
		x = connectedServer(t, scheme, 5, nil)
		if err := mqtt.DisconnectCode(x.c, 0x8e); err != nil {
			t.Fatal(err)
		}
		x.drainManager()
		if want := pack("e0 02 8e 00"); !bytes.Equal(x.p.got, want) {
			t.Errorf("after DISCONNECT: the peer got % x, want % x", x.p.got, want)
		}
	})
}

// A client may change the Session Expiry Interval in DISCONNECT, unless that of CONNECT was 0 (5.0
// section 3.14.2.2.2). So no session is left behind by a client without an identifier of its own. A
// server must not send the property [MQTT-3.14.2-2].
func TestDisconnectSessionExpiry(t *testing.T) {
	expiry := func(seconds uint32) []mqtt.Property {
		return []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: seconds}}
	}
	for _, login := range []bool{false, true} {
		for _, row := range []struct {
			connect, disconnect []mqtt.Property
			words               string
		}{
			{nil, expiry(0), ""},
			{nil, expiry(1), "that of CONNECT was 0"},
			{expiry(0), expiry(1), "that of CONNECT was 0"},
			{expiry(1), expiry(0), ""},
			{expiry(1), expiry(2), ""},
		} {
			opts := &mqtt.Options{ClientID: "c", Version: 5, Props: row.connect}
			var c *reactor.Conn
			if login {
				c, _ = connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
				if err := mqtt.Login(c, opts); err != nil {
					t.Fatal(err)
				}
			} else {
				x := startClient(t, "mqtt", opts, nil)
				looptest.Await(t, x.m, "CONNECT", func() bool { x.p.readAll(); return len(x.p.got) > 0 })
				c = x.c
			}
			err := mqtt.Disconnect(c, &mqtt.Options{Props: row.disconnect})
			if row.words == "" && err != nil || row.words != "" && err == nil {
				t.Errorf("login %v: CONNECT %v, DISCONNECT %v: error %v, want %q", login, row.connect, row.disconnect, err, row.words)
			} else if err != nil {
				looptest.WantErr(t, err, mqtt.ErrMalformed, row.words, "DISCONNECT")
			}
		}
	}
	x := connectedServer(t, "mqtt", 5, nil)
	looptest.WantErr(t, mqtt.Disconnect(x.c, &mqtt.Options{Props: expiry(0)}), mqtt.ErrMalformed, "MQTT-3.14.2-2")
}
