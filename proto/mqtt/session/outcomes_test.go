package session_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// has reports whether a message would be loaded after a crash.
func (l *logStore) has(h session.Handle) bool {
	_, ok := l.entries[string(binary.BigEndian.AppendUint64([]byte("o"), uint64(h)))]
	return ok
}

// An outcome is told when the store has committed it: after a crash, no message is sent again that
// was told to be over.
func TestOutcomeAfterCommit(t *testing.T) {
	tests := []struct {
		name string
		opts session.Options
		run  func(cl *client, srv *server)
		want string
	}{
		{"a Done function publishes, and drops a message", session.Options{Queue: session.Queue{Messages: 2, Full: session.DropOldest}},
			func(cl *client, _ *server) {
				cl.Publish(&session.Message{Topic: "t", Expiry: time.Second, QoS: 1, Done: func(*session.Outcome) {
					for i := range 5 {
						cl.must("t", fmt.Sprint("new ", i), 1)
					}
				}})
				cl.must("t", "old", 1)
				looptest.Settle(cl.t, cl.m)
				cl.wait(time.Second)
			}, "dropped old"},
		{"the server breaks the protocol behind PUBACK", session.Options{},
			func(cl *client, srv *server) {
				cl.must("t", "x", 1)
				srv.on = func(p *peer, m *mqtt.Message) bool {
					if m.Cmd == mqtt.CmdPublish {
						packet, _ := mqtt.AppendAck(nil, p.version, mqtt.CmdPuback, m.ID, 0, nil)
						p.c.Write(append(packet, 0, 0))
					}
					return m.Cmd == mqtt.CmdPublish
				}
				cl.k.Advance(time.Hour)
			}, "acknowledged x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := newLoop(t)
			srv := newServer(t, m, "mqtt")
			srv.refuse = mqtt.ConnackServerUnavailable
			store := newLogStore()
			o := test.opts
			o.URLs, o.Store, o.Login.ClientID, o.Expiry = []string{srv.url}, store, "c", time.Hour
			o.Backoff.Min = time.Hour
			o.Backoff.Max = time.Hour
			cl := newClient(t, m, k, o)
			cl.on = func(_ *reactor.Conn, ev reactor.Event, data any) {
				if o, ok := data.(*session.Outcome); ok && o.Result != session.Abandoned && store.has(o.Handle) {
					t.Errorf("%s, but the store has the message", outcome(o))
				}
			}
			cl.await("retry")
			srv.refuse = 0
			test.run(cl, srv)
			cl.await(test.want)
		})
	}
}

// Stored tells the truth when the store fails: it has what was committed, and not what was not.
func TestStoredAfterFailure(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish }
	store := newLogStore()
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Store: store, Expiry: time.Hour,
		Inflight: 1, Login: mqtt.Options{ClientID: "c"}})
	cl.on = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if o, ok := data.(*session.Outcome); ok && o.Stored != store.has(o.Handle) {
			t.Errorf("%s: Stored is %v", outcome(o), o.Stored)
		}
	}
	cl.must("t", "sent", 1)
	cl.must("t", "queued", 1)
	awaitLog(t, srv, "PUBLISH")
	store.fail = "commit"
	cl.must("t", "lost", 1)
	cl.await("down final")
	if got, want := cl.take(), "up present=false, abandoned sent, abandoned queued, abandoned lost, down final"; got != want {
		t.Errorf("events %s\nwant   %s", got, want)
	}
	if !errors.Is(cl.lastErr(), errDisk) {
		t.Errorf("reason %v", cl.lastErr())
	}
}
