package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// Calls of the session may be made anywhere. They call no handler before they return, and the
// packets leave in the order of the calls.
func TestCallsFromAnywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: version}})
		var want []string
		n, finished := 0, false
		publish := func(qos uint8) {
			before := len(cl.events)
			n++
			want = append(want, fmt.Sprintf("PUBLISH t=%d q%d", n, qos))
			if _, err := cl.Publish(&session.Message{Topic: "t", Data: fmt.Append(nil, n), QoS: qos}); err != nil {
				t.Error(err)
			}
			if len(cl.events) != before {
				t.Error("Publish has called the handler")
			}
		}
		both := func() { publish(1); publish(0) }
		both() // before the first connection
		cl.on = func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvSessionUp {
				both()
			}
		}
		cl.await("up")
		looptest.Settle(t, m)
		both() // between two Polls
		looptest.Settle(t, m)
		m.Post(both)
		looptest.Settle(t, m)
		m.AddTimer(0, reactor.TimerOnce, both)
		looptest.Settle(t, m)
		l, err := m.Listen("tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if !finished && (ev == reactor.EvRead || ev == reactor.EvClose || ev == reactor.EvOpen) {
				both()
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		other, err := m.Connect("tcp://"+l.LocalAddr().String(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		other.Write([]byte("x"))
		looptest.Settle(t, m)
		other.Close()
		looptest.Settle(t, m)
		done := 0
		cl.Publish(&session.Message{Topic: "t", Data: []byte("done"), QoS: 1, Done: func(o *session.Outcome) {
			if done++; o.Result != session.Acknowledged {
				t.Errorf("outcome %v", outcome(o))
			}
			both()
		}})
		want = append(want, "PUBLISH t=done q1")
		looptest.Settle(t, m)
		cl.on, finished = nil, true
		looptest.Await(t, m, "all outcomes", func() bool { return cl.Pending() == 0 })
		got := slices.DeleteFunc(strings.Split(srv.take(), ", "), func(s string) bool { return !strings.HasPrefix(s, "PUBLISH") })
		if !slices.Equal(got, want) || done != 1 {
			t.Errorf("packets %q\nwant    %q", got, want)
		}
	})
}

// A SUBSCRIBE leaves before a message that is published after it.
func TestSubscribeBeforePublish(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}})
	cl.await("up")
	srv.take()
	m.Post(func() {
		cl.must("a", "0", 0)
		cl.Subscribe(session.Subscription{Filter: "f"})
		cl.must("a", "1", 0)
	})
	cl.await("sub")
	awaitLog(t, srv, "PUBLISH a=1")
	if got, want := srv.take(), "PUBLISH a=0 q0, SUBSCRIBE f, PUBLISH a=1 q0"; got != want {
		t.Errorf("packets %s, want %s", got, want)
	}
}

// A Done function that publishes again and again does not stop the loop, with or without a
// connection.
func TestEndlessDone(t *testing.T) {
	for _, connected := range []bool{true, false} {
		m, k := newLoop(t)
		srv := newServer(t, m, "mqtt")
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Queue: session.Queue{Messages: 2, Full: session.DropOldest}})
		if connected {
			cl.await("up")
		}
		n := 0
		var again func(*session.Outcome)
		again = func(*session.Outcome) {
			if n++; cl.finals > 0 {
				return
			}
			for range 3 {
				cl.Publish(&session.Message{Topic: "t", QoS: 1, Done: again})
			}
		}
		m.Post(func() { again(nil) })
		turns := 0
		for range 50 {
			before := n
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if turns++; n-before > 3*1000*3 {
				t.Fatalf("%d outcomes in one turn", n-before)
			}
		}
		if n < 40 {
			t.Errorf("%d outcomes in 50 turns", n)
		}
		cl.Close()
		looptest.Await(t, m, "the end", func() bool { return cl.finals == 1 })
	}
}

// QoS 0: a message is Sent when the socket has taken it, and Dropped if the connection ends before.
func TestSentAndDropped(t *testing.T) {
	everywhere(t, func(t *testing.T, scheme string, version uint8) {
		if version == 4 && scheme != "mqtt" {
			return // filling a socket takes long
		}
		m, k := newLoop(t)
		srv := newServer(t, m, scheme)
		cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: version}})
		cl.await("up")
		srv.last().c.Pause()
		cl.take()
		data := strings.Repeat("x", 1<<20)
		for range 15 {
			cl.must("t", data, 0)
		}
		looptest.Fill(t, cl.Conn())
		sent := strings.Count(cl.take(), "sent")
		if sent == 0 || sent == 15 || cl.Pending() != 15-sent {
			t.Errorf("%d of 15 messages sent, %d pending", sent, cl.Pending())
		}
		cl.Conn().Abort()
		cl.await("down")
		if got := cl.take(); got != "dropped, down 1s" { // the others are not in Send yet, and wait
			t.Errorf("%d sent, events %.300s", sent, got)
		}
		cl.k.Advance(time.Second)
		looptest.Await(t, m, "the others", func() bool { return cl.Pending() == 0 })
		if n := strings.Count(cl.take(), ", sent"); n != 14-sent {
			t.Errorf("%d sent, then %d, want 14", sent, n)
		}
	})
}

// A message that waits for a connection expires.
func TestExpiry(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	srv.refuse = mqtt.ConnackServerUnavailable
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Backoff: session.Backoff{Min: time.Hour}})
	cl.await("retry")
	cl.take()
	for _, d := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
		if _, err := cl.Publish(&session.Message{Topic: "t", Data: fmt.Append(nil, d), QoS: 1, Expiry: d}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"expired 1s", "expired 2s", "expired 3s"} {
		cl.wait(time.Second - 1)
		cl.want("")
		cl.wait(1)
		cl.want(want)
	}
	if cl.m.NextTimeout() < 30*time.Minute {
		t.Errorf("the loop wakes after %v", cl.m.NextTimeout())
	}
}

// A message that a handler publishes while the session reads leaves in the same turn, also if the
// handler pauses the connection. If the message must wait, it expires in time.
func TestPublishWhileReading(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	srv.on = func(_ *peer, m *mqtt.Message) bool { return m.Cmd == mqtt.CmdPublish } // no PUBACK
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Inflight: 1})
	cl.await("up")
	looptest.Settle(t, m)
	cl.on = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev != reactor.EvMQTTMsg {
			return
		}
		c.Pause()
		for _, text := range []string{"sent", "waits"} {
			if _, err := cl.Publish(&session.Message{Topic: "t", Data: []byte(text), QoS: 1, Expiry: time.Second}); err != nil {
				t.Error(err)
			}
		}
	}
	cl.take()
	srv.last().publish(mqtt.PublishPacket{Topic: "a", Data: []byte("x")})
	awaitLog(t, srv, "PUBLISH t=sent q1")
	cl.want("msg a=x")
	cl.wait(time.Second - 1)
	cl.want("")
	cl.wait(1)
	cl.want("expired waits")
}

// logStore is a store in memory that notes its calls and may fail.
type logStore struct {
	entries map[string][]byte
	changed map[string][]byte // nil: deleted
	log     func(string)
	fail    string // the call that fails
	closed  bool
}

var errDisk = errors.New("disk full")

func newLogStore() *logStore {
	return &logStore{entries: map[string][]byte{}, changed: map[string][]byte{}, log: func(string) {}}
}

func (l *logStore) note(call string) error {
	l.log(call)
	if call == l.fail {
		return errDisk
	}
	return nil
}

func (l *logStore) Load(fn func(key, value []byte) error) error {
	var keys []string
	for k := range l.entries {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := fn([]byte(k), l.entries[k]); err != nil {
			return err
		}
	}
	return nil
}

func (l *logStore) Put(key, value []byte) error {
	l.changed[string(key)] = append([]byte{}, value...)
	return l.note("put")
}

func (l *logStore) Delete(key []byte) error {
	l.changed[string(key)] = nil
	return l.note("delete")
}

func (l *logStore) Commit() error {
	if err := l.note("commit"); err != nil {
		return err
	}
	for k, v := range l.changed {
		if v == nil {
			delete(l.entries, k)
		} else {
			l.entries[k] = v
		}
	}
	clear(l.changed)
	return nil
}

func (l *logStore) Close() error {
	l.closed = true
	clear(l.changed)
	return l.note("close")
}

// A packet leaves only after the commit of what it depends on. All calls of one turn share a
// commit.
func TestCommitBeforeSending(t *testing.T) {
	m, k := newLoop(t)
	srv := newServer(t, m, "mqtt")
	store := newLogStore()
	store.log = func(call string) {
		if call == "commit" && len(store.changed) > 0 { // without changes it is free
			srv.log = append(srv.log, call)
		}
	}
	cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Store: store, Expiry: time.Hour, Login: mqtt.Options{ClientID: "c"}})
	cl.await("up")
	looptest.Settle(t, m)
	srv.take()
	for i := range 3 {
		cl.must("t", fmt.Sprint(i), 2)
	}
	cl.await("acknowledged 2")
	looptest.Settle(t, m)
	got := srv.take()
	want := "commit, PUBLISH t=0 q2, PUBLISH t=1 q2, PUBLISH t=2 q2, commit, PUBREL, PUBREL, PUBREL, commit"
	if got != want {
		t.Errorf("order %s\nwant  %s", got, want)
	}
	srv.last().publish(mqtt.PublishPacket{Topic: "in", QoS: 2, ID: 5})
	awaitLog(t, srv, "PUBCOMP")
	if got, want := srv.take(), "commit, PUBREC, commit, PUBCOMP"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	cl.Close()
	cl.await("down final")
	if !store.closed || len(store.changed) > 0 {
		t.Errorf("closed %v, %d changes are not committed", store.closed, len(store.changed))
	}
}

// A store that fails ends the session. Nothing that depends on the failed call is sent or told.
func TestStoreFails(t *testing.T) {
	for _, scheme := range []string{"mqtt", "ws"} {
		for _, version := range []uint8{4, 5} {
			for _, call := range []string{"put", "delete", "commit"} {
				for _, when := range []string{"up", "between two attempts"} {
					t.Run(fmt.Sprint(scheme, version, call, when), func(t *testing.T) {
						m, k := newLoop(t)
						srv := newServer(t, m, scheme)
						store := newLogStore()
						cl := newClient(t, m, k, session.Options{URLs: []string{srv.url}, Store: store, Expiry: time.Hour,
							Login: mqtt.Options{ClientID: "c", Version: version}})
						if when != "up" {
							srv.refuse = mqtt.ConnackServerUnavailable
							if version == 5 {
								srv.refuse = mqtt.ReasonServerBusy
							}
							cl.await("retry")
						} else {
							cl.await("up")
						}
						looptest.Settle(t, m)
						cl.take()
						srv.take()
						store.fail = call
						_, err := cl.Publish(&session.Message{Topic: "t", Data: []byte("x"), QoS: 1})
						if (call == "put") != errors.Is(err, errDisk) {
							t.Errorf("Publish: %v", err)
						}
						if call == "delete" && when != "up" {
							cl.Close()
						}
						looptest.Await(t, m, "the end", func() bool { return cl.finals == 1 })
						want := "abandoned x, down final"
						if call == "put" {
							want = "down final"
						}
						if call == "delete" && when == "up" { // the PUBACK has arrived, but the store still has the message
							want = "acknowledged x, down final"
						}
						if got := cl.take(); got != want && call != "delete" {
							t.Errorf("events %s, want %s", got, want)
						}
						if !errors.Is(cl.lastErr(), errDisk) && !(call == "delete" && when != "up") {
							t.Errorf("reason %v", cl.lastErr())
						}
						if got := srv.take(); call != "delete" && strings.Contains(got, "PUBLISH") {
							t.Errorf("packets %s", got)
						}
						if !store.closed {
							t.Error("the store is open")
						}
						cl.wait(time.Hour)
					})
				}
			}
		}
	}
}
