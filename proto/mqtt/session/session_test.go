package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// everywhere runs a test over each transport in both versions.
func everywhere(t *testing.T, test func(t *testing.T, scheme string, version uint8)) {
	for _, scheme := range schemes {
		for _, version := range []uint8{4, 5} {
			t.Run(fmt.Sprintf("%s %d", scheme, version), func(t *testing.T) { test(t, scheme, version) })
		}
	}
}

// A session connects, subscribes, publishes at each QoS, receives, and closes. The server sees the
// packets in the order of the calls.
func TestSession(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: time.Hour,
			Login: mqtt.Options{ClientID: "c", Version: version}})
		if cl.take() != "" {
			t.Error("New has called the handler")
		}
		looptestMust(t, cl.Subscribe(session.Subscription{Filter: "in", QoS: 2}))
		for qos := range uint8(3) {
			cl.must("out", fmt.Sprint("m", qos), qos)
		}
		cl.await("acknowledged m2")
		cl.want("up present=false, sent, sub in 02, acknowledged m1, acknowledged m2")
		want := `CONNECT "c" clean=false, SUBSCRIBE in, PUBLISH out=m0 q0, PUBLISH out=m1 q1, PUBLISH out=m2 q2, PUBREL`
		if got := srv.take(); got != want {
			t.Errorf("packets %s\nwant    %s", got, want)
		}
		for qos := range uint8(3) {
			srv.last().publish(mqtt.PublishPacket{Topic: "in", Data: []byte{'0' + qos}, QoS: qos, ID: uint16(qos)})
		}
		awaitLog(t, srv, "PUBCOMP")
		cl.want("msg in=0, msg in=1, msg in=2")
		cl.Close()
		cl.Close()
		cl.await("down final")
		cl.want("down final")
		if cl.lastErr() != nil {
			t.Errorf("reason %v", cl.lastErr())
		}
		cl.wait(time.Hour)
		if got, want := srv.take(), "PUBACK, PUBREC, PUBCOMP, DISCONNECT"; got != want {
			t.Errorf("packets %s\nwant    %s", got, want)
		}
		if p := srv.last(); !p.closed || p.eof != nil || len(srv.peers) != 1 {
			t.Errorf("closed %v, error %v, %d connections", p.closed, p.eof, len(srv.peers))
		}
		if _, err := cl.Publish(&session.Message{Topic: "x"}); err != session.ErrClosed {
			t.Errorf("Publish after the end: %v", err)
		}
	})
}

// After a cut the session connects again, with the delay that it has told. What was not
// acknowledged is sent again.
func TestReconnect(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish }
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: time.Hour,
			Login: mqtt.Options{ClientID: "c", Version: version}})
		cl.must("a", "1", 1)
		cl.must("a", "2", 2)
		cl.await("up")
		awaitLog(t, srv, "PUBLISH a=2")
		srv.take()
		srv.on = nil
		srv.last().c.Abort()
		cl.await("down")
		cl.want("up present=false, down 1s")
		cl.wait(time.Second - 1)
		cl.want("")
		cl.wait(1)
		cl.await("acknowledged 2")
		cl.want("up present=true, acknowledged 1, acknowledged 2")
		if got, want := srv.take(), `CONNECT "c" clean=false, PUBLISH a=1 q1 dup, PUBLISH a=2 q2 dup, PUBREL`; got != want {
			t.Errorf("packets %s\nwant    %s", got, want)
		}
	})
}

var _ = reactor.EvError

// A server that has kept the session of a dead process may hold identifiers of QoS 2. The session
// clears an identifier before it uses it.
func TestUnknownServerSession(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		srv.kept["c"] = true
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Expiry: time.Hour,
			Login: mqtt.Options{ClientID: "c", Version: version}})
		cl.must("t", "x", 2)
		cl.await("acknowledged x")
		cl.want("up present=true, acknowledged x")
		if got, want := srv.take(), `CONNECT "c" clean=false, PUBREL, PUBLISH t=x q2, PUBREL`; got != want {
			t.Errorf("packets %s, want %s", got, want)
		}
	})
}
