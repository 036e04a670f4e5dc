package reactor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// blocked returns a connection whose socket is full. total bytes were written, and some of
// them are still in Send.
func blocked(t *testing.T, m *reactor.Manager, r *recorder) (c *reactor.Conn, p *peer, total int) {
	t.Helper()
	c, p = wrap(t, m, r.Handle)
	return c, p, len(fill(t, c))
}

// Drain delivers input until Send is empty. Then it ends our stream and discards further
// input.
func TestDrainDeliversInputUntilSendIsEmpty(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p, total := blocked(t, m, r)
	c.Drain()
	c.Drain()
	p.WriteString("before")
	await(t, m, "input while draining", func() bool { return string(r.Got) == "before" })
	if r.Closed() || p.EOF {
		t.Fatal("closed with data in Send")
	}
	await(t, m, "the end of stream", p.Ended)
	if len(p.In) != total || p.Err != nil {
		t.Errorf("the peer got %d of %d bytes, error %v", len(p.In), total, p.Err)
	}
	p.WriteString("after")
	spin(t, m, 5)
	if string(r.Got) != "before" || r.Closed() {
		t.Errorf("got %q, want \"before\"; closed %v", r.Got, r.Closed())
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Write after the end of our side: %v, want ErrClosed", err)
	}
	p.Close()
	await(t, m, "EvClose", r.Closed)
	if len(r.Errs) > 0 {
		t.Errorf("errors %v", r.Errs)
	}
}

// A peer that does not end its stream is waited for one second.
func TestDrainWaitsOneSecondForThePeer(t *testing.T) {
	m, k := timed(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	c.Write([]byte("bye"))
	c.Drain()
	await(t, m, "our end of stream", p.Ended)
	k.Advance(time.Second - 1)
	if spin(t, m, 3); r.Closed() {
		t.Fatal("closed before the second has passed")
	}
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.Advance(1)
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN WRITE CLOSE")
}

// A peer that sends without end gets all our bytes, then our end of stream, and no reset
// while we wait.
func TestDrainDoesNotReset(t *testing.T) {
	m, k := timed(t)
	r := &recorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { // answers the first piece of input
		c.Write([]byte("too much"))
		c.Drain()
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	input := noise(1 << 16)
	await(t, m, "the answer", func() bool {
		p.WriteSome(input)
		return r.Count(reactor.EvWrite) > 0
	})
	for range 50 {
		p.WriteSome(input)
		spin(t, m, 1)
	}
	await(t, m, "the end of stream", p.Ended)
	if string(p.In) != "too much" || p.Err != nil {
		t.Errorf("the peer got %q, error %v", p.In, p.Err)
	}
	if r.Count(reactor.EvRead) != 1 || r.Closed() {
		t.Errorf("%d EvRead, closed %v", r.Count(reactor.EvRead), r.Closed())
	}
	k.Advance(time.Second)
	await(t, m, "EvClose", r.Closed)
}

// A paused connection drains too. The input that it has not read is discarded. Left in the
// socket, it would reset the connection.
func TestDrainOfAPausedConnection(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	c.Pause()
	p.WriteString("unread")
	c.Write([]byte("bye"))
	c.Drain()
	await(t, m, "the end of stream", p.Ended)
	if string(p.In) != "bye" || p.Err != nil {
		t.Errorf("the peer got %q, error %v", p.In, p.Err)
	}
	p.Close()
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN WRITE CLOSE")
}

// A connection that drains before it is established sends what was written first.
func TestDrainBeforeConnect(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	c := connected(t, m, "tcp4", server.Handle, client.Handle)
	c.Write([]byte("hello"))
	c.Drain()
	await(t, m, "both to be closed", func() bool { return server.Closed() && client.Closed() })
	if string(server.Got) != "hello" {
		t.Errorf("the server got %q", server.Got)
	}
	client.Want(t, "OPEN RESOLVE CONNECT WRITE CLOSE")
}

// Bytes that handlers append while the connection drains are sent too.
func TestDrainSendsWhatIsAppendedMeanwhile(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	n := 0
	r.On = hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
		if n++; n <= 3 {
			c.Send.AppendString("more ")
		}
	}}
	c.Write([]byte("first "))
	c.Drain()
	await(t, m, "the end of stream", p.Ended)
	if want := "first " + strings.Repeat("more ", 3); string(p.In) != want {
		t.Errorf("the peer got %q, want %q", p.In, want)
	}
}

// Drain closes the connection at once if there is no end of stream to wait for: if the
// peer has ended already, on a pipe, and on a listener.
func TestDrainWithoutAPeerToWaitFor(t *testing.T) {
	m, _ := timed(t)
	ended, pipe, listener := &recorder{}, &recorder{}, &recorder{}
	_, p := wrap(t, m, ended.Handle)
	p.Shutdown()

	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	reads := looptest.NewSocket(t, fds[0])
	w, err := m.WrapFD(fds[1], pipe.Handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("through the pipe"))
	w.Drain()
	listen(t, m, "tcp://127.0.0.1:0", listener.Handle).Drain()
	await(t, m, "EvClose", func() bool { return ended.Closed() && pipe.Closed() && listener.Closed() })
	await(t, m, "the end of the pipe", reads.Ended)
	if string(reads.In) != "through the pipe" {
		t.Errorf("the pipe delivered %q", reads.In)
	}
	listener.Want(t, "OPEN CLOSE")
}

// Close and Fail end a connection that drains.
func TestCloseAndFailWhileDraining(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"OPEN WRITE CLOSE":       (*reactor.Conn).Close,
		"OPEN WRITE ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
	} {
		for _, lingering := range []bool{false, true} {
			m, _ := timed(t)
			r := &recorder{}
			c, p := wrap(t, m, r.Handle)
			spin(t, m, 1)
			c.Write([]byte("x"))
			if lingering {
				c.Drain()
				await(t, m, "our end of stream", p.Ended)
			} else {
				spin(t, m, 1)
				c.Drain()
			}
			end(c)
			await(t, m, "EvClose", r.Closed)
			r.Want(t, name)
		}
	}
}

// AwaitEnd lets the peer end the stream first, with a reset too, and waits for one second.
func TestAwaitEndLetsThePeerEndFirst(t *testing.T) {
	for name, end := range map[string]func(p *peer, k *looptest.Clock){
		"the peer closes": func(p *peer, _ *looptest.Clock) { p.Close() },
		"the peer resets": func(p *peer, _ *looptest.Clock) { p.Reset() },
		"the peer sends, then resets": func(p *peer, _ *looptest.Clock) {
			p.WriteString("more")
			p.Reset()
		},
		"the peer does nothing": func(_ *peer, k *looptest.Clock) { k.Advance(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write([]byte("last"))
				c.Stack().AwaitEnd()
			}}}
			p := looptest.DialSocket(t, listen(t, m, "tcp://127.0.0.1:0", r.Handle).LocalAddr())
			p.WriteString("x")
			await(t, m, "the final bytes", p.Received("last"))
			k.Advance(time.Second - 1)
			spin(t, m, 5)
			if p.Ended() || r.Count(reactor.EvClose) > 0 {
				t.Fatal("our side ended before the peer")
			}
			end(p, k)
			await(t, m, "EvClose", func() bool { return r.Count(reactor.EvClose) == 1 })
			if len(r.Errs) > 0 {
				t.Errorf("errors %v", r.Errs)
			}
		})
	}
}
