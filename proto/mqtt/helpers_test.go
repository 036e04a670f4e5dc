package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// transports are the URL schemes that most tests of connections run over.
var transports = []string{"mqtt", "ws"}

// overEachTransport runs a test over plain tcp and over WebSocket.
func overEachTransport(t *testing.T, test func(t *testing.T, scheme string)) {
	for _, scheme := range transports {
		t.Run(scheme, func(t *testing.T) { test(t, scheme) })
	}
}

type hooks = looptest.Hooks

// recorder is a handler that records each event as one word:
//
//	EvMQTTMsg    topic=data
//	EvMQTTCmd    the packet type in lower case
//	EvMQTTOpen   MQTT_OPEN:code
//	others       the name of the event
//
// It does not record the events for reading, writing and WebSocket messages.
type recorder struct {
	looptest.Recorder
	t *testing.T
}

// newRecorder makes a recorder with hooks.
func newRecorder(t *testing.T, on hooks) *recorder {
	return &recorder{looptest.Recorder{On: on}, t}
}

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	r.Record(c, ev, data)
	switch ev {
	case reactor.EvRead, reactor.EvWrite, reactor.EvPoll, reactor.EvHTTPHdrs, reactor.EvWSMsg, reactor.EvWSCtl:
	default:
		r.note(ev, data)
	}
	if f := r.On[ev]; f != nil {
		f(c, data)
	}
}

// note records an event and checks that its data has the documented type.
func (r *recorder) note(ev reactor.Event, data any) {
	word, ok := ev.String(), true
	switch ev {
	case reactor.EvError:
		_, ok = data.(error)
	case reactor.EvMQTTOpen:
		var code mqtt.ReasonCode
		code, ok = data.(mqtt.ReasonCode)
		word += fmt.Sprintf(":%d", code)
	case reactor.EvMQTTCmd:
		var m *mqtt.Message
		if m, ok = data.(*mqtt.Message); ok {
			word = strings.ToLower(m.Cmd.String())
		}
	case reactor.EvMQTTMsg:
		var m *mqtt.Message
		if m, ok = data.(*mqtt.Message); ok {
			word = fmt.Sprintf("%s=%s", m.Topic, m.Data)
		}
	case reactor.EvHTTPMsg, reactor.EvWSOpen:
		_, ok = data.(*http.Message)
	default:
		ok = data == nil
	}
	if !ok {
		r.t.Errorf("%v has data of type %T", ev, data)
	}
	r.Note("%s", word)
}

// since returns the words after the first n.
func (r *recorder) since(n int) string { return strings.Join(r.Lines[n:], " ") }

// packets returns the words without those of opening a connection.
func (r *recorder) packets() string {
	var list []string
	for _, w := range r.Lines {
		switch w {
		case "OPEN", "RESOLVE", "CONNECT", "ACCEPT", "WS_OPEN", "HTTP_MSG":
		default:
			list = append(list, w)
		}
	}
	return strings.Join(list, " ")
}

// wantPackets compares the result of packets.
func (r *recorder) wantPackets(words string) {
	r.t.Helper()
	if got := r.packets(); got != words {
		r.t.Errorf("events\n got %s\nwant %s\nerrors %v", got, words, r.Errs)
	}
}

// setLimit sets Limits.Packet.
func setLimit(t *testing.T, c *reactor.Conn, packet int) {
	t.Helper()
	if err := mqtt.SetLimits(c, mqtt.Limits{Packet: packet}); err != nil {
		t.Error(err)
	}
}

// pubOptions returns options with which Pub sends "hi" to "a/b".
func pubOptions(qos uint8) *mqtt.Options {
	return &mqtt.Options{Topic: "a/b", Message: []byte("hi"), QoS: qos}
}

// pair is a connection with the MQTT layer, and the peer that the test plays.
type pair struct {
	t *testing.T
	m *reactor.Manager
	r *recorder
	c *reactor.Conn
	p *peer
}

// upgradeRequest is a WebSocket handshake without its last lines: the test appends
// Sec-WebSocket-Protocol and the empty line.
const upgradeRequest = "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// connackOK is a CONNACK that accepts the client, by version.
var connackOK = map[uint8][]byte{4: pack("20 02 00 00"), 5: pack("20 03 00 00 00")}

// connectC is a CONNECT with client identifier "c" and a clean session, by version.
var connectC = map[uint8][]byte{
	4: pack("10 0d 00 04'MQTT' 04 02 00 00 00 01'c'"),
	5: pack("10 0e 00 04'MQTT' 05 02 00 00 00 00 01'c'"),
}

// startClient connects with mqtt.Connect. The peer has accepted the connection and, over
// WebSocket, answered the handshake. It has not read CONNECT.
func startClient(t *testing.T, scheme string, opts *mqtt.Options, on hooks) *pair {
	t.Helper()
	x := &pair{t: t, m: looptest.NewManager(t), r: newRecorder(t, on)}
	l, addr := looptest.ListenSocket(t)
	c, err := mqtt.Connect(x.m, scheme+"://"+addr, opts, x.r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.c = c
	x.p = &peer{Socket: l.AwaitAccept(x.m)}
	if scheme == "ws" {
		x.p.ws = true
		x.p.agree(x.m, answerMQTT)
	}
	return x
}

// awaitingConnack is startClient, but the peer has also read CONNECT.
func awaitingConnack(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: version}, on)
	looptest.Await(t, x.m, "CONNECT", x.p.received(connectC[version]))
	x.p.got, x.p.frames = nil, nil
	return x
}

// connectedClient is awaitingConnack, but the peer has also sent CONNACK. The log is empty.
func connectedClient(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := awaitingConnack(t, scheme, version, on)
	x.p.send(connackOK[version])
	looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	x.r.Lines = nil
	return x
}

// acceptedConn is a connection of mqtt.Listen. Its peer has not sent CONNECT yet.
func acceptedConn(t *testing.T, scheme string, on hooks, opts ...reactor.Option) *pair {
	t.Helper()
	x := &pair{t: t, m: looptest.NewManager(t, opts...), r: newRecorder(t, on)}
	l, err := mqtt.Listen(x.m, scheme+"://127.0.0.1:0", x.r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.p = dialPeer(t, l.LocalAddr())
	if scheme == "ws" {
		x.p.ws = true
		x.p.Write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
		looptest.Await(t, x.m, "the WebSocket answer", func() bool { x.p.readAll(); return x.p.head != "" })
	} else {
		looptest.Await(t, x.m, "the connection", x.r.Noted("ACCEPT"))
	}
	x.c = x.r.Conn
	return x
}

// connectedServer is acceptedConn, but CONNECT and CONNACK were exchanged. The log is empty.
func connectedServer(t *testing.T, scheme string, version uint8, on hooks) *pair {
	t.Helper()
	x := acceptedConn(t, scheme, on, reactor.WithClock(looptest.NewClock().Now))
	x.p.send(connectC[version])
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	if err := mqtt.Connack(x.c, false, 0); err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, x.m, "CONNACK", x.p.received(connackOK[version]))
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// writeInTwoParts writes the first at bytes of stream and, when the loop has read them, the
// rest.
func (x *pair) writeInTwoParts(stream []byte, at int) {
	x.t.Helper()
	for _, part := range [][]byte{stream[:at], stream[at:]} {
		x.writeRead(part)
	}
}

// writeRead writes bytes and waits until the loop has read them.
func (x *pair) writeRead(part []byte) {
	x.t.Helper()
	if len(part) == 0 || x.r.Closed() {
		return
	}
	want := x.r.Read + len(part)
	x.p.Write(part)
	looptest.Await(x.t, x.m, "the bytes to be read", func() bool { return x.r.Read >= want || len(x.r.Errs) > 0 || x.r.Closed() })
}

// waitClose waits for EvClose. The peer ends its side as peer.endIfDone says.
func (x *pair) waitClose() {
	x.t.Helper()
	looptest.Await(x.t, x.m, "EvClose", func() bool { x.p.endIfDone(); return x.r.Closed() })
}

// waitEnd waits until the peer has read the end of the stream or an error. The peer ends its
// side as peer.endIfDone says.
func (x *pair) waitEnd() {
	x.t.Helper()
	looptest.Await(x.t, x.m, "the end of the stream", func() bool { x.p.endIfDone(); return x.p.Ended() })
}

// wantSent checks that a call sends the packet want. Over WebSocket the packet must be one
// binary message.
func (x *pair) wantSent(what string, want string, call func() error) {
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

// connectedAs is connectedClient or connectedServer. role is "client" or "server": the side
// of the connection under test.
func connectedAs(t *testing.T, scheme, role string, version uint8, on hooks) *pair {
	t.Helper()
	if role == "client" {
		return connectedClient(t, scheme, version, on)
	}
	return connectedServer(t, scheme, version, on)
}

// mustConn returns a function that fails the test if a call could not make a connection.
func mustConn(t *testing.T) func(c *reactor.Conn, err error) *reactor.Conn {
	return func(c *reactor.Conn, err error) *reactor.Conn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// connWithoutLayer returns a connection without any layer, and its peer.
func connWithoutLayer(t *testing.T, m *reactor.Manager, r *recorder) (*reactor.Conn, *peer) {
	t.Helper()
	c, s := looptest.Wrap(t, m, r.handle)
	return c, &peer{Socket: s}
}

// writeAll makes the peer write bytes that may be more than the sockets can hold.
func (x *pair) writeAll(b []byte) {
	x.t.Helper()
	looptest.Await(x.t, x.m, "the peer's bytes to be read", func() bool {
		n, err := unix.Write(x.p.FD, b)
		if err != nil && err != unix.EAGAIN {
			x.t.Fatal(err)
		}
		b = b[max(n, 0):]
		return len(b) == 0
	})
}
