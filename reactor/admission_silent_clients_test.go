package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Clients connect and stay silent, ten in a second, for longer than the TLS deadline.
// They delay no other client's handshake, on the same listener or on another, even if
// there are few slots. All of them are accepted and end by their deadline.
func TestSilentClientsBlockNobody(t *testing.T) {
	const perSecond, seconds, deadline = 10, 6, 3
	for _, most := range []int{0, 3, 1} {
		t.Run(fmt.Sprint("slots ", most), func(t *testing.T) {
			m, clock := slots(t, most)
			flood := newCrowd(t, m, "listener with a Config")
			flood.l.SetDeadlines(reactor.Deadlines{TLS: deadline * time.Second})
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
						p.WriteString(command)
					}
					shake(t, m, p, 0)
				}
				await(t, m, "all of that second", func() bool { return len(flood.conns) == before+perSecond+1 })
				flood.wantHandshaking("the silent ones", 0, 1)
				clock.Advance(time.Second)
				spin(t, m, 5)
				if i+1 >= deadline {
					await(t, m, "the deadlines of a second", func() bool { return len(flood.Errs) == (i+2-deadline)*perSecond })
					for _, p := range silent[i+1-deadline] {
						p.Close()
					}
				}
			}
			flood.wantDeadlines("the flood", 0, (seconds+1-deadline)*perSecond)
			for _, k := range others[1:] {
				if k.Count(reactor.EvTLSHS) != seconds || len(k.Errs) > 0 {
					t.Errorf("%d handshakes of another listener, errors %v", k.Count(reactor.EvTLSHS), k.Errs)
				}
			}
			if s := m.Stats(); s.TLSHandshakes != seconds*uint64(len(others)) || s.TLSHandshaking != 0 {
				t.Errorf("%d handshakes completed, %d in progress", s.TLSHandshakes, s.TLSHandshaking)
			}
		})
	}
}

// Silent clients are accepted even if all slots are taken, as long as no connection of
// their listener waits for one. They take no slot that becomes free.
func TestSilentClientsAreAcceptedWithoutSlots(t *testing.T) {
	m, _ := slots(t, 1)
	k := newCrowd(t, m, "listener with a Config")
	k.beginner()
	for range 20 {
		k.silent()
	}
	k.wantHandshaking("silent clients", 1, 1)
	k.peer(k.conns[5]).Close() // needs no slot
	await(t, m, "the end of one", k.Closed)
	c := k.beginner()
	k.wantFull("one waits", 22, 1)
	k.conns[0].Close()
	k.finish(c)
	await(t, m, "the next", func() bool { return len(k.conns) == 23 })
}

// A silent client takes no slot when a layer's deadline passes on its connection. It
// needs none to leave.
func TestSilentClientNeedsNoSlot(t *testing.T) {
	for _, full := range []bool{false, true} {
		m, clock := slots(t, 1)
		k := newCrowd(t, m, "listener with a Config")
		if full {
			k.beginner()
		}
		c := k.silent()
		expired := 0
		c.Stack().StartDeadline(&reactor.Deadline{Expired: func(*reactor.Conn) { expired++ }}, time.Second)
		clock.Advance(time.Second)
		await(t, m, "the deadline", func() bool { return expired == 1 })
		spin(t, m, 5)
		k.peak = 0
		k.peer(c).Shutdown()
		await(t, m, "the end", k.Closed)
		k.silent()
		if n := len(k.conns) - 2; k.peak != n || len(k.Errs) != 1 {
			t.Errorf("at most %d handshakes in progress, want %d; errors %v", k.peak, n, k.Errs)
		}
	}
}
