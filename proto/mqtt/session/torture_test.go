package session_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

var (
	tortureSeed = flag.Uint64("torture-seed", 0, "run the torture of sessions with this seed only")
	tortureRuns = flag.Int("torture-runs", 150, "how many seeds the torture of sessions runs")
)

// TestTorture lets a program call anything in any handler and Done function, and a server send
// anything. Each accepted message has exactly one outcome, before the final event. There is exactly
// one final event, also if the store fails, the connection is cut, or the manager closes.
func TestTorture(t *testing.T) {
	for seed := uint64(1); seed <= uint64(*tortureRuns) && !t.Failed(); seed++ {
		if *tortureSeed == 0 || *tortureSeed == seed {
			t.Run(fmt.Sprint("-torture-seed ", seed), func(t *testing.T) { torture(t, seed) })
		}
	}
}

// victim is a session that is tortured.
type victim struct {
	*client
	srv       *server
	rnd       *rand.Rand
	store     *logStore
	calls     int // that are left
	accepted  map[session.Handle]bool
	told      int
	requests  int // that wait for their function
	delivered []session.Delivery
	version   uint8
}

func torture(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 77))
	m, k := newLoop(t)
	srv := newServer(t, m, schemes[rnd.IntN(len(schemes))])
	v := &victim{srv: srv, rnd: rnd, calls: 60, accepted: map[session.Handle]bool{}, version: uint8(4 + rnd.IntN(2))}
	o := session.Options{URLs: []string{srv.url, "mqtt://127.0.0.1:1"}, Login: mqtt.Options{Version: v.version, ClientID: "c"},
		Inflight: 1 + rnd.IntN(5), ManualAck: rnd.IntN(2) == 0,
		Queue: session.Queue{Messages: 1 + rnd.IntN(20), Full: session.WhenFull(rnd.IntN(3))}}
	if rnd.IntN(2) == 0 {
		o.Expiry, o.Login.Clean = time.Hour, rnd.IntN(2) == 0
	}
	if rnd.IntN(2) == 0 {
		v.store = newLogStore()
		o.Store = v.store
	}
	o.Before = func(*session.Attempt) error { v.maybe(); return v.sometimes(errDisk) }
	srv.kept["c"] = rnd.IntN(2) == 0
	srv.on = v.serve
	v.client = newClient(t, m, k, o)
	v.all, v.on = true, v.event
	for range 40 {
		if v.maybe(); v.finals > 0 {
			break
		}
		if rnd.IntN(4) == 0 {
			k.Advance(time.Duration(rnd.Int64N(int64(2 * time.Minute))))
		}
		if m.Poll(0) != nil {
			break
		}
	}
	v.calls = 0
	v.Close()
	for range looptest.Turns {
		if v.finals > 0 || m.Poll(time.Millisecond) != nil {
			break
		}
		k.Advance(time.Second)
	}
	if v.finals != 1 || len(v.accepted) != 0 || v.Pending() != 0 || v.requests != 0 {
		t.Fatalf("%d final events, %d of %d messages without outcome, %d pending, %d requests\n%.12q\n%q", v.finals, len(v.accepted),
			v.told+len(v.accepted), v.Pending(), v.requests, v.events, srv.log)
	}
	if v.store != nil && !v.store.closed {
		t.Error("the store is open")
	}
	for range 20 {
		if m.Poll(0) != nil {
			break
		}
		k.Advance(time.Hour)
	}
}

func (v *victim) sometimes(err error) error {
	if v.rnd.IntN(6) == 0 {
		return err
	}
	return nil
}

func (v *victim) event(_ *reactor.Conn, _ reactor.Event, data any) {
	switch d := data.(type) {
	case *session.Outcome:
		v.outcome(d)
	case *mqtt.Message:
		v.delivered = append(v.delivered, v.Delivery(d))
	}
	v.maybe()
}

func (v *victim) outcome(o *session.Outcome) {
	if !v.accepted[o.Handle] {
		v.t.Errorf("message %d has another outcome, or was not accepted: %s", o.Handle, outcome(o))
	}
	if v.finals > 0 {
		v.t.Errorf("%s after the final event", outcome(o))
	}
	delete(v.accepted, o.Handle)
	v.told++
}

// maybe calls something.
func (v *victim) maybe() {
	for v.client != nil && v.calls > 0 && v.rnd.IntN(3) == 0 {
		v.calls--
		v.call()
	}
}

func (v *victim) call() {
	r := v.rnd
	n := r.IntN(100)
	v.note("<call %d>", n)
	switch {
	case n < 40:
		v.publish()
	case n < 50:
		sub := session.Subscription{Filter: []string{"in", "#", "+"}[r.IntN(3)], QoS: 2}
		if r.IntN(2) == 0 {
			sub.Fn = v.client.handle
		}
		v.Subscribe(sub)
	case n < 55:
		v.Unsubscribe([]string{"in", "#", "+"}[r.IntN(3)])
	case n < 62 && len(v.delivered) > 0:
		v.Ack(v.delivered[r.IntN(len(v.delivered))], mqtt.ReasonCode(0))
	case n < 66:
		v.requests++
		if v.Request(&session.Message{Topic: "ask"}, time.Minute, func(*mqtt.Message, error) { v.requests--; v.maybe() }) != nil {
			v.requests--
		}
	case n < 70:
		v.Conn().Pause()
		v.m.AddTimer(time.Second, reactor.TimerOnce, v.Conn().Resume)
	case n < 73:
		v.Conn().Close()
	case n < 75:
		v.Conn().Fail(errors.New("the program has failed it"))
	case n < 77:
		v.Conn().Drain()
	case n < 79:
		v.Conn().Abort()
	case n < 81:
		mqtt.Disconnect(v.Conn(), nil)
	case n == 81:
		v.Session.Close()
	case n == 82:
		v.Session.Drain()
	case n == 83 && v.store != nil:
		v.store.fail = []string{"put", "delete", "commit"}[r.IntN(3)]
	case n == 84 && r.IntN(2) == 0:
		v.m.Close()
	case n < 90:
		v.m.Post(func() { v.maybe() })
	case n < 93 && len(v.srv.peers) > 0:
		v.srv.last().c.Abort()
	}
}

func (v *victim) publish() {
	r := v.rnd
	m := &session.Message{Topic: "t", QoS: uint8(r.IntN(3)), Data: bytes.Repeat([]byte{'x'}, r.IntN(2000))}
	if r.IntN(4) == 0 {
		m.Expiry = time.Duration(1 + r.Int64N(int64(time.Minute)))
	}
	if r.IntN(2) == 0 {
		m.Done = func(o *session.Outcome) { v.outcome(o); v.maybe() }
	}
	if h, err := v.Publish(m); err == nil {
		v.accepted[h] = true
	} else if v.finals > 0 && err != session.ErrClosed {
		v.t.Errorf("Publish after the end: %v", err)
	}
}

// serve is the server. Sometimes it does what no server should do.
func (v *victim) serve(p *peer, m *mqtt.Message) (handled bool) {
	r := v.rnd
	if m.Cmd == mqtt.CmdConnect && r.IntN(8) == 0 {
		v.srv.refuse = map[uint8]mqtt.ReasonCode{4: mqtt.ConnackServerUnavailable, 5: mqtt.ReasonServerBusy}[p.version]
		p.answer(m)
		v.srv.refuse = 0
		return true
	}
	if m.Cmd == mqtt.CmdConnect || v.calls == 0 {
		return false
	}
	cmd := mqtt.Cmd(1 + r.IntN(15))
	switch n := r.IntN(40); {
	case n < 8:
		p.publish(mqtt.PublishPacket{Topic: "in", QoS: uint8(n % 3), ID: uint16(min(n%3, 1) * (1 + r.IntN(4))), Data: []byte("x")})
	case n == 8:
		p.send(mqtt.AppendDisconnect(nil, p.version, 0, nil))
	case n == 9:
		p.c.Abort()
	case n == 10:
		p.c.Drain()
	case n == 11:
		return true
	case n < 15 && (cmd >= mqtt.CmdPuback && cmd <= mqtt.CmdPubcomp):
		p.send(mqtt.AppendAck(nil, p.version, cmd, uint16(1+r.IntN(5)), 0, nil))
	case n == 15:
		p.send([]byte{byte(r.Uint32()), 1, byte(r.Uint32())}, nil)
	}
	return false
}
