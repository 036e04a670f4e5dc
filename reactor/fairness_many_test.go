package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// More connections are ready, for ever, than the kernel reports at a time:
// each has its turn.
func TestEachOfManyHasItsTurn(t *testing.T) {
	const conns, turns = 600, 3 // a batch has 256
	m := newManager(t)
	reads := make([]int, conns)
	for i := range conns {
		_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				reads[i]++
				c.Recv.Consume(min(1, c.Recv.Len())) // the next input is there already
			}
		})
		p.writeSome(make([]byte, 100<<10)) // takes two reads
		p.write("x")
	}
	spin(t, m, turns+1) // one more for EvOpen
	for i, n := range reads {
		if n == 0 {
			t.Fatalf("connection %d was not read in %d turns", i, turns)
		}
	}
}

// A flood of clients is taken in portions, between which those that are there
// already are served.
func TestFloodedListener(t *testing.T) {
	const clients, portion = 400, 64
	m := newManager(t)
	accepted := 0
	l := listen(t, m, "tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			accepted++
		}
	})
	quiet := &recorder{}
	_, p := wrap(t, m, quiet.handle)
	spin(t, m, 1)
	for range clients {
		dialRaw(t, l.LocalAddr())
	}
	for n := 1; accepted < clients; n++ {
		before := accepted
		p.write("x")
		spin(t, m, 1)
		if took := accepted - before; took > portion || len(quiet.got) != n {
			t.Fatalf("turn %d: %d accepted, the other connection has read %d bytes", n, took, len(quiet.got))
		}
		if n > turns {
			t.Fatalf("only %d of %d accepted", accepted, clients)
		}
	}
}
