package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Clients that connect and say nothing, a hundred in a second and for longer than the deadline
// of TLS, keep no client from its handshake. That holds on the same listener and on another,
// and however few slots there are. All of them are accepted and end by their deadline.
func TestTLSSilentFlood(t *testing.T) {
	const perSecond, seconds, deadline = 100, 13, 10
	if n, err := raiseFiles(2 * perSecond * (deadline + 1)); err != nil || n < 2*perSecond*(deadline+1) {
		t.Skip("too few descriptors: ", n, err)
	}
	for _, most := range []int{0, 3, 1} {
		t.Run(fmt.Sprint("HalfOpen ", most), func(t *testing.T) {
			m, clock := slots(t, most)
			flood := newCrowd(t, m, "listener with a Config")
			others := []*crowd{
				flood, newCrowd(t, m, "listener with a Config"), newCrowd(t, m, "Mongoose's way: EvAccept"),
				newCrowd(t, m, withSTARTTLS),
			}
			silent := make([][]*peer, seconds)
			for i := range seconds {
				before := len(flood.conns)
				for range perSecond {
					silent[i] = append(silent[i], flood.client())
				}
				for _, k := range others { // behind the silent ones in the backlog
					p := k.client()
					if k == others[3] {
						p.write(command)
					}
					shake(t, m, p, 0)
				}
				await(t, m, "all of that second", func() bool { return len(flood.conns) == before+perSecond+1 })
				flood.wantHalfOpen("the silent ones", 0, 1)
				clock.advance(time.Second)
				spin(t, m, 5)
				if i+1 >= deadline {
					await(t, m, "the deadlines of a second", func() bool { return len(flood.errs) == (i+2-deadline)*perSecond })
					for _, p := range silent[i+1-deadline] {
						p.close()
					}
				}
			}
			flood.wantDeadlines("the flood", 0, (seconds+1-deadline)*perSecond)
			for _, k := range others[1:] {
				if k.count(reactor.EvTLSHS) != seconds || len(k.errs) > 0 {
					t.Errorf("%d handshakes of another listener, errors %v", k.count(reactor.EvTLSHS), k.errs)
				}
			}
			if s := m.Stats(); s.Handshakes != seconds*uint64(len(others)) || s.HalfOpen != 0 {
				t.Errorf("%d handshakes, %d half open", s.Handshakes, s.HalfOpen)
			}
		})
	}
}

// Silent clients are accepted although all slots are taken, as long as no connection of their
// listener waits for one. They keep a slot from nobody as it gets free.
func TestTLSSilentWhileFull(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.speaker(firstByte)
	for range 20 {
		k.silent()
	}
	k.wantHalfOpen("silent clients", 1, 1)
	k.peer(k.conns[5]).close() // needs no slot
	await(t, m, "the end of one", k.closed)
	c := k.speaker(firstByte)
	k.wantFull("one waits", 22, 1)
	k.conns[0].Close()
	shake(t, m, k.peer(c), len(firstByte))
	await(t, m, "the next", func() bool { return len(k.conns) == 23 })
}

// Stats.HalfOpen counts the handshakes that hold a slot: not those of silent clients, not
// those that wait, and not those of Connect.
func TestTLSHalfOpenStats(t *testing.T) {
	m, _ := slots(t, 2)
	k := newCrowd(t, m, "listener with a Config")
	client := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", nil) // speaks no TLS
	c := dial(t, m, "tls://"+l.LocalAddr().String(), client.handle)
	await(t, m, "the client", client.saw(reactor.EvConnect))
	k.silent()
	k.wantHalfOpen("a client and a silent one", 0, 0)
	for i, want := range []int{1, 2, 2} {
		k.speaker(firstByte)
		k.wantHalfOpen(fmt.Sprint(i+1, " that have begun"), want, 2)
	}
	for i, want := range []int{2, 1, 0} {
		k.conns[i+1].Close()
		k.wantHalfOpen(fmt.Sprint(i+1, " closed"), want, 2)
	}
	k.says(k.conns[0], firstByte)
	k.wantHalfOpen("the silent one", 1, 2)
	shake(t, m, k.peer(k.conns[0]), len(firstByte))
	k.wantHalfOpen("its handshake", 0, 2)
	c.Close()
}
