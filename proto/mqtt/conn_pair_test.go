package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// pair is a connection of the layer's and its scripted peer.
type pair struct {
	t *testing.T
	m *reactor.Manager
	r *recorder
	c *reactor.Conn
	p *peer
}

const upgradeRequest = "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// connackOK accepts a CONNECT, by version.
var connackOK = map[uint8][]byte{4: pack("20 02 00 00"), 5: pack("20 03 00 00 00")}

// A CONNECT with client identifier "c", clean, by version.
var connectC = map[uint8][]byte{
	4: pack("10 0d 00 04'MQTT' 04 02 00 00 00 01'c'"),
	5: pack("10 0e 00 04'MQTT' 05 02 00 00 00 00 01'c'"),
}

// startClient has mqtt.Connect come to a peer, which has agreed to WebSocket
// if that is what it is, but not read CONNECT.
func startClient(t *testing.T, scheme string, opts *mqtt.Options, on hooks) *pair {
	t.Helper()
	x := &pair{t: t, m: newManager(t), r: &recorder{t: t, on: on}}
	fd, addr := listenOn(t)
	c, err := mqtt.Connect(x.m, scheme+"://"+addr, opts, x.r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.c = c
	x.p = acceptPeer(t, x.m, fd)
	if scheme == "ws" {
		x.p.ws = true
		x.p.agree(x.m, answerMQTT)
	}
	return x
}

// asking is startClient up to CONNECT, which the peer has read and forgotten.
func asking(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: version}, on)
	await(t, x.m, "CONNECT", x.p.received(connectC[version]))
	x.p.got, x.p.frames = nil, nil
	return x
}

// connected is asking up to EvMQTTOpen; the log is forgotten too.
func connected(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := asking(t, scheme, version, on)
	x.p.send(connackOK[version])
	await(t, x.m, "CONNACK", x.r.saw("connack"))
	x.r.log = nil
	return x
}

// served is a client of mqtt.Listen that has not sent CONNECT yet.
func served(t *testing.T, scheme string, on hooks, opts ...reactor.Option) *pair {
	t.Helper()
	x := &pair{t: t, m: newManager(t, opts...), r: &recorder{t: t, on: on}}
	l, err := mqtt.Listen(x.m, scheme+"://127.0.0.1:0", x.r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.p = dialPeer(t, l.LocalAddr())
	if scheme == "ws" {
		x.p.ws = true
		x.p.write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
		await(t, x.m, "the handshake's answer", func() bool { x.p.pump(); return x.p.head != "" })
	} else {
		await(t, x.m, "the connection", x.r.saw("ACCEPT"))
	}
	x.c = x.r.c
	return x
}

// welcomed is served up to a CONNACK that accepts; the log is forgotten.
func welcomed(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := served(t, scheme, on)
	x.p.send(connectC[version])
	await(t, x.m, "CONNECT", x.r.saw("connect"))
	if err := mqtt.Connack(x.c, false, 0); err != nil {
		t.Fatal(err)
	}
	await(t, x.m, "CONNACK", x.p.received(connackOK[version]))
	x.r.log, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// feed writes bytes in two parts; the second follows when the loop has read
// the first.
func (x *pair) feed(stream []byte, at int) {
	x.t.Helper()
	for _, part := range [][]byte{stream[:at], stream[at:]} {
		x.writeRead(part)
	}
}

func (x *pair) writeRead(part []byte) {
	x.t.Helper()
	if len(part) == 0 || x.r.closed() {
		return
	}
	want := x.r.read + len(part)
	x.p.write(part)
	await(x.t, x.m, "the bytes to be read", func() bool { return x.r.read >= want || len(x.r.errs) > 0 || x.r.closed() })
}

// waitClose waits for EvClose.
// waitClose waits for EvClose. The peer ends its side when it has read the end
// of ours.
func (x *pair) waitClose() {
	x.t.Helper()
	ended := false
	await(x.t, x.m, "EvClose", func() bool {
		if !ended && x.p.fd >= 0 && x.p.ended() && x.p.eof {
			ended = true
			x.p.shutdown()
		}
		return x.r.closed()
	})
}

// sending checks what a call appended to Send: that many MQTT bytes, which on
// a connection that frames lie in one binary frame.
func (x *pair) sending(what string, want string, call func() error) {
	x.t.Helper()
	if err := call(); err != nil {
		x.t.Errorf("%s: %v", what, err)
		return
	}
	before := len(x.p.frames)
	x.p.wantGot(x.m, want)
	messages := 0
	for _, f := range x.p.frames[before:] {
		if f.op == 0x82 {
			messages++
		}
	}
	if x.p.ws && messages != 1 {
		x.t.Errorf("%s: %d WebSocket messages, want 1", what, messages)
	}
}

// refusesToSend checks that a call fails and leaves Send as it was.
func refusesToSend(t *testing.T, c *reactor.Conn, what string, is error, call func() error) {
	t.Helper()
	before := bytes.Clone(c.Send.Bytes())
	if err := call(); err == nil {
		t.Errorf("%s: no error", what)
	} else {
		wantErr(t, err, is)
	}
	if after := c.Send.Bytes(); !bytes.Equal(before, after) {
		t.Errorf("%s: Send was %d bytes and is %d: % x", what, len(before), len(after), after)
		c.Send.Truncate(min(len(before), len(after)))
	}
}
