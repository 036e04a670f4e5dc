package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A peer sends its final bytes and closes its socket with unread input, which resets the
// connection. The loop writes before it reads, and the write fails. The final bytes are
// delivered before EvError.

// writePlaces are the places from which a program writes while the loop has not read.
var writePlaces = []struct {
	name string
	do   func(t *testing.T, m *reactor.Manager, c *reactor.Conn, act func())
}{
	{"between two Polls", func(_ *testing.T, _ *reactor.Manager, _ *reactor.Conn, act func()) { act() }},
	{"a handler of another connection", func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, act func()) {
		other, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				c.Recv.Reset()
				act()
			}
		})
		spin(t, m, 1)
		p.WriteString("x")
		await(t, m, "input of the other connection", func() bool { return other.Manager().Stats().BytesIn > 0 })
	}},
	{"EvOpen of another connection", func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, act func()) {
		wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvOpen {
				act()
			}
		})
	}},
	{"a timer", func(_ *testing.T, m *reactor.Manager, _ *reactor.Conn, act func()) {
		m.AddTimer(0, reactor.TimerOnce, act)
	}},
	{"a post", func(t *testing.T, m *reactor.Manager, _ *reactor.Conn, act func()) {
		if err := m.Post(act); err != nil {
			t.Fatal(err)
		}
	}},
	{"its own EvWakeup", func(t *testing.T, m *reactor.Manager, c *reactor.Conn, act func()) {
		fn := c.Fn
		c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
			if fn(c, ev, data); ev == reactor.EvWakeup {
				act()
			}
		}
		if err := m.Wakeup(c.ID(), nil); err != nil {
			t.Fatal(err)
		}
	}},
	{"its own EvPoll", func(_ *testing.T, _ *reactor.Manager, c *reactor.Conn, act func()) {
		fn := c.Fn
		c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
			if fn(c, ev, data); ev == reactor.EvPoll {
				c.SetPoll(false)
				act()
			}
		}
		c.SetPoll(true)
	}},
}

// finalBytes returns a recorder that fails the test if EvError comes before the bytes want.
func finalBytes(t *testing.T, want string) *recorder {
	r := &recorder{On: hooks{}}
	r.On[reactor.EvError] = func(_ *reactor.Conn, data any) {
		if string(r.Got) != want {
			t.Errorf("EvError (%v) comes after %d of %d bytes", data, len(r.Got), len(want))
		}
	}
	return r
}

// unread sends the far end bytes that it does not read. Its close is a reset then.
func unread(t *testing.T, c *reactor.Conn, f *far) {
	t.Helper()
	c.Write([]byte("never read"))
	await(t, f.m, "the bytes at the far end", func() bool { return pollable(t, f.FD) })
}

// wantFinalBytes waits for EvClose. The final bytes must have been delivered, then one
// error.
func wantFinalBytes(t *testing.T, m *reactor.Manager, r *recorder, want string) {
	t.Helper()
	await(t, m, "EvClose", r.Closed)
	if string(r.Got) != want {
		t.Errorf("%d of %d bytes were delivered; events %s", len(r.Got), len(want), eventList(r.Events))
	}
	if n := len(r.Events); len(r.Errs) != 1 || r.Events[n-1] != reactor.EvClose || r.Events[n-2] != reactor.EvError {
		t.Errorf("errors %v; events %s", r.Errs, eventList(r.Events))
	}
}

// Whatever makes the program write, the final bytes are delivered before the error of the
// write.
func TestFinalBytesComeBeforeTheWriteError(t *testing.T) {
	for _, way := range ways {
		for i, from := range writePlaces {
			for j, write := range []struct {
				name string
				do   func(c *reactor.Conn)
			}{
				{"Write", func(c *reactor.Conn) { c.Write([]byte("x")) }},
				{"Append", func(c *reactor.Conn) { c.Send.AppendString("x") }},
				{"Write and Drain", func(c *reactor.Conn) { c.Write([]byte("x")); c.Drain() }},
			} {
				if !inSelection(way, i+j, 3) {
					continue
				}
				t.Run(fmt.Sprint(way, ", ", write.name, " from ", from.name), func(t *testing.T) {
					m, _ := timed(t)
					r := finalBytes(t, "the final bytes")
					c, f := reach(t, m, way, r.Handle, nil)
					unread(t, c, f)
					from.do(t, m, c, func() {
						f.say([]byte("the final bytes"))
						f.Close()
						write.do(c)
					})
					wantFinalBytes(t, m, r, "the final bytes")
				})
			}
		}
	}
}

// A handler answers one message while the next message and the reset are in the socket.
func TestFinalBytesWhileAMessageIsHandled(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := finalBytes(t, "first, last")
			var f *far
			sent := false
			r.On[reactor.EvRead] = func(c *reactor.Conn, _ any) {
				r.Got = append(r.Got, c.Recv.Bytes()...)
				c.Recv.Reset()
				if !sent {
					sent = true
					f.say([]byte("last"))
					f.Close()
				}
				c.Write([]byte("answer"))
			}
			c, far := reach(t, m, way, r.Handle, nil)
			f = far
			unread(t, c, f)
			f.say([]byte("first, "))
			wantFinalBytes(t, m, r, "first, last")
		})
	}
}

// arrivedIn returns how many bytes are in the receive queue of a socket.
func arrivedIn(t *testing.T, fd int) int {
	t.Helper()
	n, _, err := unix.Recvfrom(fd, make([]byte, 2<<20), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return max(n, 0)
}

// largeSockets returns two connected sockets with large buffers.
func largeSockets(t *testing.T, network string) (fd int, p *peer) {
	t.Helper()
	const size = 1 << 20
	enlarge := func(fd int) {
		for _, o := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	if network == "unix" {
		a, b := looptest.Socketpair(t)
		enlarge(a)
		enlarge(b)
		return a, looptest.NewSocket(t, b)
	}
	l, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
	enlarge(l.FD) // accepted sockets inherit it, before the window is offered
	p = looptest.NewSocket(t, looptest.Open(t, at.Addr(), unix.SOCK_STREAM))
	enlarge(p.FD)
	looptest.NoDelay(t, p.FD)
	if err := unix.Connect(p.FD, looptest.Sockaddr(at)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	a := l.Accept()
	fd, a.FD = a.FD, -1
	return fd, p
}

// Final bytes that take several reads are delivered completely.
func TestFinalBytesInSeveralReads(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "TLS"} {
		t.Run(network, func(t *testing.T) {
			m := newManager(t)
			fd, p := largeSockets(t, network)
			data := noise(400 << 10)
			r := &recorder{On: hooks{}}
			c, err := m.WrapFD(fd, r.Handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			if network == "TLS" {
				c.StartTLS(serverConfig())
				f := &far{peer: p, m: m, way: "TLS 1.3 server"}
				f.secure()
				await(t, m, "EvTLSHS", r.Saw(reactor.EvTLSHS))
				unread(t, c, f)
				data = data[:120<<10] // three reads
				f.say(data)
				if n := arrivedIn(t, fd); n < len(data) {
					t.Fatalf("only %d bytes have arrived", n)
				}
			} else {
				unread(t, c, &far{peer: p, m: m})
				p.WriteSome(data)
				n := arrivedIn(t, fd)
				if n < 3*64<<10 {
					t.Fatalf("only %d bytes have arrived", n)
				}
				data = data[:n] // the reset destroys the rest
			}
			r.On[reactor.EvError] = func(*reactor.Conn, any) {
				if !bytes.Equal(r.Got, data) {
					t.Errorf("EvError comes after %d of %d bytes", len(r.Got), len(data))
				}
			}
			p.Close()
			c.Write([]byte("x"))
			wantFinalBytes(t, m, r, string(data))
		})
	}
}

// On a paused connection the final bytes come after Resume, and EvError after them.
func TestFinalBytesOfAPausedConnection(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := finalBytes(t, "the final bytes")
			c, f := reach(t, m, way, r.Handle, nil)
			unread(t, c, f)
			c.Pause()
			spin(t, m, 1)
			f.say([]byte("the final bytes"))
			f.Close()
			c.Write([]byte("x"))
			spin(t, m, 5)
			if r.Count(reactor.EvRead) > 0 {
				t.Error("EvRead came during the pause")
			}
			c.Resume()
			wantFinalBytes(t, m, r, "the final bytes")
		})
	}
}

// A layer that pauses after each line gets all lines of the final bytes.
func TestFinalBytesLineByLine(t *testing.T) {
	m := newManager(t)
	p := &lines{stop: 1}
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	c, f := reach(t, m, "tcp server", r.Handle, nil)
	c.Stack().Push(p)
	unread(t, c, f)
	f.say([]byte("one\ntwo\nthree\n"))
	f.Close()
	c.Write([]byte("x"))
	await(t, m, "EvClose", func() bool {
		if len(p.got) > 0 && c.InputStopped() {
			p.stop = len(p.got) + 1
			c.Resume()
		}
		return r.Closed()
	})
	if fmt.Sprint(p.got) != "[one two three]" || len(r.Errs) != 1 {
		t.Errorf("lines %q, errors %v", p.got, r.Errs)
	}
}

// The peer ends its stream and closes. A write after that fails, or the peer answers it
// with a reset. The final bytes are delivered first.
func TestFinalBytesBeforeTheEndOfStream(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := finalBytes(t, "the final bytes")
			c, f := reach(t, m, way, r.Handle, nil)
			f.say([]byte("the final bytes"))
			f.end()
			f.Close()
			c.Write([]byte("x"))
			spin(t, m, 5)
			k.Advance(time.Second) // for a connection that waits for the end of stream
			await(t, m, "EvClose", r.Closed)
			if string(r.Got) != "the final bytes" {
				t.Errorf("got %q; events %s, errors %v", r.Got, eventList(r.Events), errors.Join(r.Errs...))
			}
		})
	}
}

// A write has failed during a pause, and the final bytes wait for Resume. Deadlines that
// run during a pause still run.
func TestDeadlinesAfterAFailedWriteInAPause(t *testing.T) {
	for name, set := range map[string]func(c *reactor.Conn){
		"life": func(c *reactor.Conn) { c.SetDeadlines(reactor.Deadlines{Life: 10 * time.Second}) },
		"of a layer": func(c *reactor.Conn) {
			c.Stack().StartDeadline(&reactor.Deadline{Name: "of a layer", RunWhilePaused: true}, 10*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, "tcp server", r.Handle, nil)
			set(c)
			unread(t, c, f)
			c.Pause()
			f.say([]byte("the final bytes"))
			f.Close()
			c.Write([]byte("x"))
			lives(t, m, r)
			k.Advance(11 * time.Second)
			await(t, m, "EvClose", r.Closed)
			wantDeadline(t, r.Err(t), name, 10*time.Second)
		})
	}
}

// Resume delivers the final bytes, even if a deadline about the peer's input has passed
// during the pause.
func TestFinalBytesAfterAPause(t *testing.T) {
	m, k := timed(t)
	r := finalBytes(t, "the final bytes")
	c, f := reach(t, m, "tcp server", r.Handle, nil)
	c.SetDeadlines(reactor.Deadlines{Idle: 10 * time.Second, Stall: 10 * time.Second})
	unread(t, c, f)
	c.Pause()
	f.say([]byte("the final bytes"))
	f.Close()
	c.Write([]byte("x"))
	lives(t, m, r)
	k.Advance(time.Minute)
	lives(t, m, r)
	if d := m.NextTimeout(); d == 0 {
		t.Error("NextTimeout is 0: the loop does not block during the pause")
	}
	c.Resume()
	wantFinalBytes(t, m, r, "the final bytes")
}
