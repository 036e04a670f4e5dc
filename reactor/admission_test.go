package reactor_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// No more than Concurrent connections of a listener are in their handshake, in whatever
// way the listener starts TLS. The next one waits for a slot, and meanwhile the listener
// does not accept. Each end of a handshake lets another client in.
func TestHandshakeSlots(t *testing.T) {
	ways := []struct {
		name string
		end  func(k *crowd, c *reactor.Conn)
	}{
		{"a handshake succeeds", func(k *crowd, c *reactor.Conn) { k.finish(c) }},
		{"one fails", func(k *crowd, c *reactor.Conn) { k.peer(c).WriteString("MQTT, not TLS") }},
		{"the client ends the stream", func(k *crowd, c *reactor.Conn) { k.peer(c).Shutdown() }},
		{"the client resets the connection", func(k *crowd, c *reactor.Conn) { k.peer(c).Reset() }},
		{"Close", func(_ *crowd, c *reactor.Conn) { c.Close() }},
		{"Abort", func(_ *crowd, c *reactor.Conn) { c.Abort() }},
		{"Fail", func(_ *crowd, c *reactor.Conn) { c.Fail(errors.New("not today")) }},
		{"Drain", func(_ *crowd, c *reactor.Conn) { c.Drain() }},
		{"AwaitEnd", func(_ *crowd, c *reactor.Conn) { c.Stack().AwaitEnd() }},
	}
	most := len(ways)
	for kind := range crowds {
		t.Run(kind, func(t *testing.T) {
			m, clock := slots(t, most)
			k := newCrowd(t, m, kind)
			for range most {
				k.beginner()
			}
			k.beginner()
			n := most + 1
			k.wantFull("the first", n, most)
			plain := &recorder{}
			other := listen(t, m, "tcp://127.0.0.1:0", plain.Handle)
			looptest.DialSocket(t, other.LocalAddr())
			await(t, m, "a plain connection", plain.Saw(reactor.EvAccept))
			for i, way := range ways {
				way.end(k, k.conns[i])
				n++
				k.wantFull(way.name, n, most)
			}
			ended := k.Count(reactor.EvClose)
			before := len(k.Errs)
			clock.Advance(10 * time.Second)
			n++
			await(t, m, "the deadline", func() bool { return len(k.conns) == n })
			k.wantHandshaking("the deadline", 1, most)
			for _, err := range k.Errs[before:] {
				var late *reactor.DeadlineError
				if !errors.As(err, &late) && !errors.Is(err, reactor.ErrTLSEvicted) {
					t.Errorf("the deadline: %v", err)
				}
			}
			if got := len(k.Errs) - before; got != most+1 {
				t.Errorf("the deadline: %d errors, want %d", got, most+1)
			}
			if got := k.Count(reactor.EvClose) - ended; got < most+1 {
				t.Errorf("the deadline: %d closed, want %d", got, most+1)
			}
			for _, p := range k.peers {
				p.Close()
			}
			await(t, m, "the end", func() bool { return m.Stats().Conns == 1 }) // the one without TLS
			if s := m.Stats(); s.TLSHandshaking != 0 || s.TLSHandshakes != 1 || len(k.conns) != len(k.peers) {
				t.Errorf("%d handshakes in progress, %d completed, %d of %d accepted", s.TLSHandshaking, s.TLSHandshakes, len(k.conns), len(k.peers))
			}
		})
	}
}

// Many clients connect and begin at the same time. No more than Concurrent of them are in
// their handshake. Few more are accepted: those of the turns until the first byte of the
// fourth was read.
func TestHandshakeSlotsInABurst(t *testing.T) {
	const most, clients = 3, 200
	for kind := range crowds {
		t.Run(kind, func(t *testing.T) {
			m, _ := slots(t, most)
			k := newCrowd(t, m, kind)
			for range clients {
				k.client().WriteString(string(clientHello()))
			}
			k.wantHandshaking("the burst", most, most)
			n := len(k.conns)
			if n <= most || n > 1+2+4+8 {
				t.Errorf("%d accepted", n)
			}
			spin(t, m, 50)
			if len(k.conns) != n {
				t.Errorf("%d more accepted while some wait", len(k.conns)-n)
			}
			for _, p := range k.peers {
				p.Close()
			}
			await(t, m, "all of them", func() bool { return len(k.conns) == clients && m.Stats().Conns == 0 })
			k.wantHandshaking("the end", 0, most)
		})
	}
}

// Stats.TLSHandshaking counts the handshakes that have a slot. It does not count silent
// clients, waiting connections, or connections of Connect.
func TestStatsCountHandshakesWithASlot(t *testing.T) {
	m, _ := slots(t, 2)
	k := newCrowd(t, m, "listener with a Config")
	client := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", nil) // speaks no TLS
	c := dial(t, m, "tls://"+l.LocalAddr().String(), client.Handle)
	await(t, m, "the client", client.Saw(reactor.EvConnect))
	k.silent()
	k.wantHandshaking("a client and a silent one", 0, 0)
	for i, want := range []int{1, 2, 2} {
		k.beginner()
		k.wantHandshaking(fmt.Sprint(i+1, " that have begun"), want, 2)
	}
	for i, want := range []int{2, 1, 0} {
		k.conns[i+1].Close()
		k.wantHandshaking(fmt.Sprint(i+1, " closed"), want, 2)
	}
	k.says(k.conns[0], firstByte)
	k.wantHandshaking("the silent one", 1, 2)
	shake(t, m, k.peer(k.conns[0]), len(firstByte))
	k.wantHandshaking("its handshake", 0, 2)
	c.Close()
}
