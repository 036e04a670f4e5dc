package reactor_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// What a handler appends before it fails the connection is offered to the
// socket, whichever the event: those that come of writing are raised while
// the loop writes.
func TestLastWordOfFail(t *testing.T) {
	for _, ev := range []reactor.Event{
		reactor.EvOpen, reactor.EvRead, reactor.EvPoll, reactor.EvWakeup, reactor.EvWrite, reactor.EvHighWater, reactor.EvLowWater,
	} {
		t.Run(ev.String(), func(t *testing.T) {
			m := newManager(t)
			var p *peer
			r := &recorder{on: hooks{ev: func(c *reactor.Conn, _ any) {
				p.pump() // the socket has room
				c.Send.AppendString("bye")
				c.Fail(errors.New("enough"))
			}}}
			var c *reactor.Conn
			c, p = wrap(t, m, r.handle)
			c.SetWater(0, 1)
			c.SetPoll(true)
			p.write("x")
			if err := m.Wakeup(c.ID(), nil); err != nil {
				t.Fatal(err)
			}
			var sent []byte
			await(t, m, "the event", func() bool {
				if c.Send.Len() > 0 {
					p.pump()
				}
				chunk := bytes.Repeat([]byte{byte(len(sent) / 4096)}, 4096)
				n, _ := c.Write(chunk) // refused once it has failed
				sent = append(sent, chunk[:n]...)
				return len(r.errs) > 0
			})
			await(t, m, "the end", p.ended)
			if r.closed() {
				t.Error("closed before the peer has ended too: what it has yet to read may be lost")
			}
			p.shutdown()
			await(t, m, "EvClose", r.closed)
			if want := append(sent, "bye"...); !bytes.Equal(p.in, want) {
				t.Errorf("the peer got %d bytes that end with %q, want %d", len(p.in), p.in[max(0, len(p.in)-4):], len(want))
			}
			if n := len(r.events); r.events[n-1] != reactor.EvClose || r.count(reactor.EvError) != 1 {
				t.Errorf("events %s", eventList(r.events))
			}
		})
	}
}

// A peer that goes on sending does not lose the last word to a reset, nor does
// one that sends nothing and never ends keep the connection.
func TestLastWordOfFailArrives(t *testing.T) {
	m, k := timed(t)
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Send.AppendString("bye")
		c.Fail(errors.New("enough"))
	}}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	p := dialRaw(t, l.LocalAddr())
	flood := bytes.Repeat([]byte("x"), 200_000)
	p.writeSome(flood)
	await(t, m, "the last word", p.received("bye"))
	p.writeSome(flood)
	await(t, m, "the end", p.ended)
	if r.count(reactor.EvClose) != 0 {
		t.Error("closed although the peer is still there")
	}
	k.advance(time.Second)
	await(t, m, "EvClose", func() bool { return r.count(reactor.EvClose) == 1 })
	if r.count(reactor.EvRead) != 1 {
		t.Errorf("events %s: input was delivered after the failure", eventList(r.events))
	}
}

// It is offered once: a socket that takes nothing is not waited for.
func TestLastWordOfFailDoesNotWait(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvHighWater: func(c *reactor.Conn, _ any) {
		c.Send.AppendString("bye")
		c.Fail(errors.New("enough"))
	}}}
	c, _ := wrap(t, m, r.handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, 4<<20))
	spin(t, m, 2)
	r.want(t, "OPEN WRITE HIGH_WATER ERROR CLOSE")
}
