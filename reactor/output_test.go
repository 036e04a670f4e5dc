package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Bytes that were appended to Send since the last flush are written before the loop
// blocks. They may be appended between polls, by a timer, by a posted function, or by the
// handler of another connection.
func TestSendIsWrittenBeforeBlocking(t *testing.T) {
	moments := map[string]func(m *reactor.Manager, o *reactor.Conn, do func()){
		"in EvWakeup": func(m *reactor.Manager, o *reactor.Conn, do func()) { o.FnData = do; m.Wakeup(o.ID(), nil) },
		"in EvClose":  func(_ *reactor.Manager, o *reactor.Conn, do func()) { o.FnData = do; o.Close() },
	}
	for name, call := range looptest.Moments {
		moments[name] = func(m *reactor.Manager, _ *reactor.Conn, do func()) { call(t, m, do) }
	}
	for name, arrange := range moments {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrap(t, m, r.Handle)
			o, _ := wrap(t, m, func(o *reactor.Conn, ev reactor.Event, _ any) {
				if do, ok := o.FnData.(func()); ok && (ev == reactor.EvWakeup || ev == reactor.EvClose) {
					o.FnData = nil
					do()
				}
			})
			spin(t, m, 2)
			arrange(m, o, func() { c.Send.AppendString("now") })
			// The test turns the loop only while there is work. A loop that blocks before
			// it writes would need another turn.
			for m.NextTimeout() == 0 || pollable(t, m.Fd()) {
				spin(t, m, 1)
			}
			if p.Receive(); string(p.In) != "now" {
				t.Errorf("the loop would block with %d bytes in Send; the peer has %q", c.Send.Len(), p.In)
			}
		})
	}
}

// Nothing is written while a handler runs. The handler may change what it has appended.
func TestSendIsNotWrittenWithinAHandler(t *testing.T) {
	m := newManager(t)
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev != reactor.EvRead {
			return
		}
		c.Recv.Reset()
		start := c.Send.Len()
		for range 1000 {
			c.Write(make([]byte, 1000))
			c.Call(reactor.EvUser, nil)
		}
		if n := c.Send.Len() - start; n != 1000*1000 {
			t.Errorf("Send holds %d bytes of a million", n)
		}
		c.Send.Truncate(start)
		c.Send.AppendString("body")
		c.Send.Insert(start, []byte("head "))
	})
	p.WriteString("x")
	await(t, m, "the answer", p.Received("head body"))
}

// A write to a peer that has closed raises EvError, and no signal.
func TestWriteToAClosedPeer(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 2)
	c.Pause() // the loop does not read, and the write fails first
	spin(t, m, 1)
	p.Close()
	c.Write([]byte("x"))
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !errors.Is(err, unix.EPIPE) {
		t.Errorf("error %v, want EPIPE", err)
	}
}

// A program that assigns another Buffer to Send loses the bytes that were in it. Later
// calls of Write are sent.
func TestWriteAfterSendWasReplaced(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 2)
	c.Write([]byte("lost"))
	c.Send = reactor.Buffer{}
	spin(t, m, 2)
	for _, s := range []string{"one", strings.Repeat("large", 1000)} {
		p.In = nil
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
		await(t, m, "the bytes", p.Received(s))
	}
}
