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

// A peer says something and closes its socket with unread input, which resets the
// connection. The loop writes before it reads, and the write fails: what the peer said is
// delivered nevertheless, and before EvError.

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
		p.write("x")
		await(t, m, "the other's input", func() bool { return other.Manager().Stats().BytesIn > 0 })
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

// lastWords is a recorder that fails the test if the error comes first.
func lastWords(t *testing.T, want string) *recorder {
	r := &recorder{on: hooks{}}
	r.on[reactor.EvError] = func(_ *reactor.Conn, data any) {
		if string(r.got) != want {
			t.Errorf("EvError (%v) comes after %d of %d bytes", data, len(r.got), len(want))
		}
	}
	return r
}

// unread sends the far end something that it does not read. Closing resets then.
func unread(t *testing.T, c *reactor.Conn, f *far) {
	t.Helper()
	c.Write([]byte("never read"))
	await(t, f.m, "the bytes at the far end", func() bool { return pollable(t, f.fd) })
}

// wantLastWord awaits the end: the last word was heard, then one error.
func wantLastWord(t *testing.T, m *reactor.Manager, r *recorder, want string) {
	t.Helper()
	await(t, m, "EvClose", r.closed)
	if string(r.got) != want {
		t.Errorf("%d of %d bytes were delivered; %s", len(r.got), len(want), eventList(r.events))
	}
	if n := len(r.events); len(r.errs) != 1 || r.events[n-1] != reactor.EvClose || r.events[n-2] != reactor.EvError {
		t.Errorf("errors %v; events %s", r.errs, eventList(r.events))
	}
}

func TestLastWordBeforeFailedWrite(t *testing.T) {
	for _, way := range ways {
		for _, from := range writePlaces {
			for how, write := range map[string]func(c *reactor.Conn){
				"Write":        func(c *reactor.Conn) { c.Write([]byte("x")) },
				"Append":       func(c *reactor.Conn) { c.Send.AppendString("x") },
				"before Drain": func(c *reactor.Conn) { c.Write([]byte("x")); c.Drain() },
			} {
				t.Run(fmt.Sprint(way, ", ", how, " from ", from.name), func(t *testing.T) {
					m, _ := timed(t)
					r := lastWords(t, "the last word")
					c, f := reach(t, m, way, r.handle, nil)
					unread(t, c, f)
					from.do(t, m, c, func() {
						f.say([]byte("the last word"))
						f.close()
						write(c)
					})
					wantLastWord(t, m, r, "the last word")
				})
			}
		}
	}
}

// A handler that has just heard of one message writes while the next and the reset are in
// the socket.
func TestLastWordWhileTheFirstIsHandled(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := lastWords(t, "first, last")
			var f *far
			said := false
			r.on[reactor.EvRead] = func(c *reactor.Conn, _ any) {
				r.got = append(r.got, c.Recv.Bytes()...)
				c.Recv.Reset()
				if !said {
					said = true
					f.say([]byte("last"))
					f.close()
				}
				c.Write([]byte("answer"))
			}
			c, far := reach(t, m, way, r.handle, nil)
			f = far
			unread(t, c, f)
			f.say([]byte("first, "))
			wantLastWord(t, m, r, "first, last")
		})
	}
}

// arrivedIn is how many bytes lie in a socket's receive queue.
func arrivedIn(t *testing.T, fd int) int {
	t.Helper()
	n, _, err := unix.Recvfrom(fd, make([]byte, 2<<20), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return max(n, 0)
}

// roomy returns two connected sockets between which much can be under way.
func roomy(t *testing.T, network string) (fd int, p *peer) {
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
		a, b := socketpair(t)
		enlarge(a)
		enlarge(b)
		return a, newPeer(t, b)
	}
	l, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
	enlarge(l.fd) // accepted sockets have it from here, before the window is offered
	p = newPeer(t, open(t, at.Addr(), unix.SOCK_STREAM))
	enlarge(p.fd)
	looptest.NoDelay(t, p.fd)
	if err := unix.Connect(p.fd, sockaddr(at)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	a := acceptRaw(t, l)
	fd, a.fd = a.fd, -1
	return fd, p
}

// A last word that takes several reads is delivered whole.
func TestBigLastWord(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "TLS"} {
		t.Run(network, func(t *testing.T) {
			m := newManager(t)
			fd, p := roomy(t, network)
			word := noise(400 << 10)
			r := &recorder{on: hooks{}}
			c, err := m.WrapFD(fd, r.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			if network == "TLS" {
				c.StartTLS(serverConfig())
				f := &far{peer: p, m: m, way: "TLS 1.3 server"}
				f.secure()
				await(t, m, "EvTLSHS", r.saw(reactor.EvTLSHS))
				unread(t, c, f)
				word = word[:120<<10] // three reads
				f.say(word)
				if n := arrivedIn(t, fd); n < len(word) {
					t.Fatalf("only %d bytes have arrived", n)
				}
			} else {
				unread(t, c, &far{peer: p, m: m})
				p.writeSome(word)
				n := arrivedIn(t, fd)
				if n < 3*64<<10 {
					t.Fatalf("only %d bytes have arrived", n)
				}
				word = word[:n] // the rest is lost by the reset
			}
			r.on[reactor.EvError] = func(*reactor.Conn, any) {
				if !bytes.Equal(r.got, word) {
					t.Errorf("EvError comes after %d of %d bytes", len(r.got), len(word))
				}
			}
			p.close()
			c.Write([]byte("x"))
			wantLastWord(t, m, r, string(word))
		})
	}
}

// Pause holds for the last word, too: it comes after Resume, and EvError behind it.
func TestLastWordOfAPausedConnection(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := lastWords(t, "the last word")
			c, f := reach(t, m, way, r.handle, nil)
			unread(t, c, f)
			c.Pause()
			spin(t, m, 1)
			f.say([]byte("the last word"))
			f.close()
			c.Write([]byte("x"))
			spin(t, m, 5)
			if r.count(reactor.EvRead) > 0 {
				t.Error("EvRead during the pause")
			}
			c.Resume()
			wantLastWord(t, m, r, "the last word")
		})
	}
}

// A layer that pauses after each line of the last words hears all of them.
func TestLastWordsLineByLine(t *testing.T) {
	m := newManager(t)
	p := &lines{stop: 1}
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	c, f := reach(t, m, "tcp server", r.handle, nil)
	c.Stack().Push(p)
	unread(t, c, f)
	f.say([]byte("one\ntwo\nthree\n"))
	f.close()
	c.Write([]byte("x"))
	await(t, m, "EvClose", func() bool {
		if len(p.got) > 0 && c.Stopped() {
			p.stop = len(p.got) + 1
			c.Resume()
		}
		return r.closed()
	})
	if fmt.Sprint(p.got) != "[one two three]" || len(r.errs) != 1 {
		t.Errorf("lines %q, errors %v", p.got, r.errs)
	}
}

// After an orderly end of the peer, the write that fails or is answered by a reset does
// not come before the last word either.
func TestLastWordBeforeAnOrderlyEnd(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := lastWords(t, "the last word")
			c, f := reach(t, m, way, r.handle, nil)
			f.say([]byte("the last word"))
			f.end()
			f.close()
			c.Write([]byte("x"))
			spin(t, m, 5)
			k.advance(time.Second) // if our end is awaited
			await(t, m, "EvClose", r.closed)
			if string(r.got) != "the last word" {
				t.Errorf("got %q; %s, %v", r.got, eventList(r.events), errors.Join(r.errs...))
			}
		})
	}
}
