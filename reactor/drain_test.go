package reactor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// blocked returns a connection whose socket is full, with more in Send, which
// is total bytes in all.
func blocked(t *testing.T, m *reactor.Manager, r *recorder) (c *reactor.Conn, p *peer, total int) {
	t.Helper()
	c, p = wrap(t, m, r.handle)
	const size = 4 << 20
	c.Write(make([]byte, size))
	spin(t, m, 5)
	if c.Send.Len() == 0 {
		t.Fatal("the socket took everything")
	}
	return c, p, size
}

// Input is delivered until Send is empty; then our end of stream is sent,
// after everything, and further input is discarded.
func TestDrain(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p, total := blocked(t, m, r)
	c.Drain()
	c.Drain()
	p.write("before")
	await(t, m, "input while draining", func() bool { return string(r.got) == "before" })
	if r.closed() || p.eof {
		t.Fatal("closed with data in Send")
	}
	await(t, m, "the end of stream", p.ended)
	if len(p.in) != total || p.err != nil {
		t.Errorf("%d of %d bytes, error %v", len(p.in), total, p.err)
	}
	p.write("after")
	spin(t, m, 5)
	if string(r.got) != "before" || r.closed() {
		t.Errorf("got %q, closed %v", r.got, r.closed())
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Write after our end of stream: %v", err)
	}
	p.close()
	await(t, m, "EvClose", r.closed)
	if len(r.errs) > 0 {
		t.Errorf("errors %v", r.errs)
	}
}

// The peer that never closes is given one second.
func TestDrainIsBounded(t *testing.T) {
	m, k := timed(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 1)
	c.Write([]byte("bye"))
	c.Drain()
	await(t, m, "our end of stream", p.ended)
	k.advance(time.Second - 1)
	if spin(t, m, 3); r.closed() {
		t.Fatal("closed within the second")
	}
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.advance(1)
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN WRITE CLOSE")
}

// What the peer sends without end must not destroy what we sent last: it gets
// all of that, then our end of stream, and no reset while we wait.
func TestDrainDoesNotReset(t *testing.T) {
	m, k := timed(t)
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { // an answer to the first piece of a flood
		c.Write([]byte("too much"))
		c.Drain()
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	p := dialRaw(t, l.LocalAddr())
	flood := noise(1 << 16)
	await(t, m, "the answer", func() bool {
		p.writeSome(flood)
		return r.count(reactor.EvWrite) > 0
	})
	for range 50 {
		p.writeSome(flood)
		spin(t, m, 1)
	}
	await(t, m, "the end of stream", p.ended)
	if string(p.in) != "too much" || p.err != nil {
		t.Errorf("the peer got %q, error %v", p.in, p.err)
	}
	if r.count(reactor.EvRead) != 1 || r.closed() {
		t.Errorf("%d EvRead, closed %v", r.count(reactor.EvRead), r.closed())
	}
	k.advance(time.Second)
	await(t, m, "EvClose", r.closed)
}

// A paused connection drains too: what the peer sent meanwhile is discarded,
// not left to reset the connection.
func TestDrainOfAPausedConnection(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 1)
	c.Pause()
	p.write("unread")
	c.Write([]byte("bye"))
	c.Drain()
	await(t, m, "the end of stream", p.ended)
	if string(p.in) != "bye" || p.err != nil {
		t.Errorf("the peer got %q, error %v", p.in, p.err)
	}
	p.close()
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN WRITE CLOSE")
}

// Drained before it is established, a connection first sends what was written.
func TestDrainBeforeConnect(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	c := connected(t, m, "tcp4", server.handle, client.handle)
	c.Write([]byte("hello"))
	c.Drain()
	await(t, m, "both to be closed", func() bool { return server.closed() && client.closed() })
	if string(server.got) != "hello" {
		t.Errorf("the server got %q", server.got)
	}
	client.want(t, "OPEN RESOLVE CONNECT WRITE CLOSE")
}

// What handlers append while draining is sent as well.
func TestAppendWhileDraining(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	n := 0
	r.on = hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
		if n++; n <= 3 {
			c.Send.AppendString("more ")
		}
	}}
	c.Write([]byte("first "))
	c.Drain()
	await(t, m, "the end of stream", p.ended)
	if want := "first " + strings.Repeat("more ", 3); string(p.in) != want {
		t.Errorf("the peer got %q, want %q", p.in, want)
	}
}

// The last one to drain closes at once when there is nobody to wait for: a
// peer that has ended, a pipe, a listener.
func TestDrainWithNobodyToWaitFor(t *testing.T) {
	m, _ := timed(t)
	ended, pipe, listener := &recorder{}, &recorder{}, &recorder{}
	_, p := wrap(t, m, ended.handle)
	p.shutdown()

	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	reads := newPeer(t, fds[0])
	w, err := m.WrapFD(fds[1], pipe.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("through the pipe"))
	w.Drain()
	listen(t, m, "tcp://127.0.0.1:0", listener.handle).Drain()
	await(t, m, "EvClose", func() bool { return ended.closed() && pipe.closed() && listener.closed() })
	await(t, m, "the pipe's end", reads.ended)
	if string(reads.in) != "through the pipe" {
		t.Errorf("the pipe brought %q", reads.in)
	}
	listener.want(t, "OPEN CLOSE")
}

// Close and Fail end a drain early.
func TestCloseWhileDraining(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"OPEN WRITE CLOSE":       (*reactor.Conn).Close,
		"OPEN WRITE ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
	} {
		for _, lingering := range []bool{false, true} {
			m, _ := timed(t)
			r := &recorder{}
			c, p := wrap(t, m, r.handle)
			spin(t, m, 1)
			c.Write([]byte("x"))
			if lingering {
				c.Drain()
				await(t, m, "our end of stream", p.ended)
			} else {
				spin(t, m, 1)
				c.Drain()
			}
			end(c)
			await(t, m, "EvClose", r.closed)
			r.want(t, name)
		}
	}
}

// AwaitEnd leaves the end of the stream to the peer, takes it as it comes, and
// does not wait for ever.
func TestAwaitEnd(t *testing.T) {
	for name, end := range map[string]func(p *peer, k *clock){
		"the peer closes": func(p *peer, _ *clock) { p.close() },
		"the peer resets": func(p *peer, _ *clock) { p.reset() },
		"the peer sends, then resets": func(p *peer, _ *clock) {
			p.write("more")
			p.reset()
		},
		"the peer does nothing": func(_ *peer, k *clock) { k.advance(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write([]byte("last"))
				c.Stack().AwaitEnd()
			}}}
			p := dialRaw(t, listen(t, m, "tcp://127.0.0.1:0", r.handle).LocalAddr())
			p.write("x")
			await(t, m, "the last bytes", p.received("last"))
			k.advance(time.Second - 1)
			spin(t, m, 5)
			if p.ended() || r.count(reactor.EvClose) > 0 {
				t.Fatal("it did not leave the end to the peer")
			}
			end(p, k)
			await(t, m, "EvClose", func() bool { return r.count(reactor.EvClose) == 1 })
			if len(r.errs) > 0 {
				t.Errorf("errors %v", r.errs)
			}
		})
	}
}
