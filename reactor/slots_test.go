package reactor_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// wantEvicted checks that the connections, and no others, have lost their slot since the last
// call, in that order.
func (k *crowd) wantEvicted(what string, conns ...*reactor.Conn) {
	k.t.Helper()
	await(k.t, k.m, what, func() bool { return len(k.Errs) >= len(conns) })
	spin(k.t, k.m, 5)
	if len(k.Errs) != len(conns) {
		k.t.Fatalf("%s: %d errors, want %d: %v", what, len(k.Errs), len(conns), k.Errs)
	}
	for i, c := range conns {
		var op *net.OpError
		if err := k.Errs[i]; !errors.Is(err, reactor.ErrTLSEvicted) || !errors.As(err, &op) || op.Op != "tls handshake" ||
			op.Addr.String() != c.RemoteAddr().String() {
			k.t.Errorf("%s: error %d is %v, want that of %v", what, i, err, c.RemoteAddr())
		}
	}
	k.Errs = nil
}

// Clients that send a part of a ClientHello and then nothing keep nobody out, however many
// they are. The one that waits for the longest time loses its slot at once, and no other. No
// time passes.
func TestIncompleteHelloLosesItsSlotAtOnce(t *testing.T) {
	const most, clients = 3, 20
	hello := string(clientHello())
	for name, words := range map[string]string{
		"one byte": hello[:1], "a header": hello[:5], "half": hello[:len(hello)/2], "all but one byte": hello[:len(hello)-1],
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := slots(t, most)
			k := newCrowd(t, m, "listener with a Config")
			for i := range clients {
				k.speaker(words)
				if i < most {
					k.wantEvicted("a slot is free")
				} else {
					k.wantEvicted("all slots are taken", k.conns[i-most])
				}
			}
			k.finish(k.beginner())
			k.wantEvicted("a client like others", k.conns[clients-most])
			k.wantHandshaking("the end", most-1, most)
			if n := m.Stats().TLSEvicted; n != clients-most+1 {
				t.Errorf("Stats.TLSEvicted is %d, want %d", n, clients-most+1)
			}
		})
	}
}

// With the default of 1024 slots, 1,500 clients that send a byte do not keep a new one out.
func TestManyIncompleteHellos(t *testing.T) {
	m, _ := slots(t, 0)
	k := newCrowd(t, m, "listener with a Config")
	for range 1500 {
		k.client().WriteString(firstByte)
		m.Poll(0)
	}
	await(t, m, "all of them", func() bool { return len(k.conns) == 1500 })
	k.wantHandshaking("all of them", 1024, 1024)
	k.finish(k.beginner())
	k.wantHandshaking("the end", 1023, 1024)
	if n := m.Stats().TLSEvicted; n != 1500-1024+1 {
		t.Errorf("%d connections have lost their slot", n)
	}
}

// A client that has its answer and then says nothing keeps its slot for a second if another
// needs it, and as long as it likes if none does. The oldest is first. As many lose their slot as
// others wait.
func TestSilentHandshakeLosesItsSlotAfterASecond(t *testing.T) {
	m, clock := slots(t, 3)
	k := newCrowd(t, m, "listener with a Config")
	for range 3 {
		k.beginner()
		clock.Advance(100 * time.Millisecond)
	}
	clock.Advance(time.Second - 200*time.Millisecond - 1) // a nanosecond less than a second for the second
	k.wantEvicted("nobody needs a slot")
	waiting := k.beginner() // the first one is silent for longer than a second
	clock.Advance(10 * time.Millisecond)
	k.wantEvicted("one waits", k.conns[0])
	k.finish(waiting)
	clock.Advance(time.Hour) // the TLS deadlines of the other two pass
	await(t, m, "the deadlines", func() bool { return len(k.Errs) == 2 })
	k.Errs = nil

	k.beginner()
	k.beginner()
	k.beginner()
	first := len(k.conns) - 3
	k.beginner()
	clock.Advance(time.Second - 1)
	k.wantEvicted("before a second has passed")
	clock.Advance(1)
	k.wantEvicted("a second", k.conns[first])
	clock.Advance(time.Second)
	k.wantEvicted("nobody waits")
}

// Bytes that arrive are progress: 500 make up for a second, and fewer for less. A client that
// sends single bytes loses its slot.
func TestBytesKeepTheSlot(t *testing.T) {
	const record = "\x16\x03\x03\x40\x00" // the header of a record of 16 KB
	for _, tt := range []struct {
		bytes int
		more  time.Duration // how much longer it keeps its slot
	}{{0, 0}, {1, 2 * time.Millisecond}, {100, 200 * time.Millisecond}, {250, 500 * time.Millisecond}, {2000, 500 * time.Millisecond}} {
		t.Run(fmt.Sprint(tt.bytes), func(t *testing.T) {
			m, clock := slots(t, 1)
			k := newCrowd(t, m, "listener with a Config")
			c := k.beginner()
			clock.Advance(500 * time.Millisecond)
			if tt.bytes > 0 {
				k.says(c, (record + string(make([]byte, 2000)))[:tt.bytes])
			}
			waiting := k.beginner()
			at := 500*time.Millisecond + tt.more
			clock.Advance(at - 1)
			k.wantEvicted("before the time")
			clock.Advance(1 + 10*time.Millisecond) // the search after the first may be that much later
			k.wantEvicted("the time", c)
			k.finish(waiting)
		})
	}
}

// A connection whose bytes wait in the socket keeps its slot: not the client is late, but the
// loop, or the program has paused the connection.
func TestHandshakeThatWaitsForTheLoopKeepsItsSlot(t *testing.T) {
	m, clock := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	c := k.paused()
	waiting := k.beginner()
	waiting.SetDeadlines(reactor.Deadlines{TLS: -1})
	for range 20 {
		clock.Advance(time.Second)
		k.wantEvicted("a paused connection")
	}
	c.Close()
	spin(t, m, 5)
	k.finish(waiting)
}

// Many clients connect at once, with few slots and one step in a turn. All handshakes make
// progress, and none is lost.
func TestReconnectStormLosesNoHandshake(t *testing.T) {
	const clients = 300
	m, _ := slots(t, 4)
	k := newCrowd(t, m, "listener with a Config")
	done := make(chan error, clients)
	for range clients {
		go func() {
			raw, err := net.Dial("tcp", k.l.LocalAddr().String())
			if err == nil {
				defer raw.Close()
				err = tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake()
			}
			done <- err
		}()
	}
	left := clients
	await(t, m, "all handshakes", func() bool {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		default:
		}
		return left == 0
	})
	if s := m.Stats(); s.TLSEvicted != 0 || k.peak > 4 {
		t.Errorf("%d connections have lost their slot, at most %d had one", s.TLSEvicted, k.peak)
	}
}
