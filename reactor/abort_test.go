package reactor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// wantAborted awaits the end at both sides: EvClose and no EvError here; an error, and
// where there is TCP a reset, there.
func wantAborted(t *testing.T, m *reactor.Manager, r *recorder, f *far) {
	t.Helper()
	await(t, m, "EvClose", r.closed)
	await(t, m, "the far end's end", f.over)
	spin(t, m, 2)
	if n := len(r.events); len(r.errs) > 0 || r.count(reactor.EvClose) != 1 || r.events[n-1] != reactor.EvClose {
		t.Errorf("%s, %v", eventList(r.events), r.errs)
	}
	if isTCP(f.way) && (f.done || !errors.Is(f.failed, unix.ECONNRESET)) {
		t.Errorf("the far end met %v, end of stream %v, want a reset", f.failed, f.done)
	}
}

// Abort sends nothing more and resets the connection, whatever has been written and read
// before. (A UNIX-domain socket knows no reset.)
func TestAbort(t *testing.T) {
	for _, way := range ways {
		for _, test := range []struct {
			name  string
			do    func(t *testing.T, c *reactor.Conn, f *far)
			heard string // by the far end; "*" is whatever it got
		}{
			{"nothing said", func(*testing.T, *reactor.Conn, *far) {}, ""},
			{"everything written and read", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write([]byte("said"))
				await(t, f.m, "the words", f.heard("said"))
			}, "said"},
			{"everything written, not read", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write([]byte("said"))
				await(t, f.m, "the words", func() bool { return pollable(t, f.fd) })
			}, "*"},
			{"something unsent", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("never sent")) }, ""},
			{"appended", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Send.AppendString("never sent") }, ""},
			{"much unsent", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write(make([]byte, 16<<20))
				spin(t, f.m, 3)
				if c.Send.Len() == 0 {
					t.Fatal("the socket took everything")
				}
			}, "*"},
			{"paused, with input", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Pause()
				f.say([]byte("unread"))
				spin(t, f.m, 2)
			}, ""},
			{"paused itself", func(t *testing.T, c *reactor.Conn, f *far) { c.Pause(); spin(t, f.m, 2) }, ""},
			{"the peer has ended", func(t *testing.T, c *reactor.Conn, f *far) {
				c.SetHalfClose(true)
				f.end()
				spin(t, f.m, 5)
			}, ""},
			{"while it drains", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write(make([]byte, 16<<20))
				c.Drain()
				spin(t, f.m, 3)
			}, "*"},
			{"before CloseWrite is done", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write(make([]byte, 16<<20))
				c.CloseWrite()
				spin(t, f.m, 3)
			}, "*"},
			{"in the turn of Drain", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("x")); c.Drain() }, ""},
			{"in the turn of CloseWrite", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("x")); c.CloseWrite() }, ""},
		} {
			t.Run(way+" "+test.name, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, nil)
				spin(t, m, 2)
				test.do(t, c, f)
				c.Abort()
				if r.closed() {
					t.Error("EvClose within Abort")
				}
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) || !c.Stopped() {
					t.Errorf("after Abort: Write %d, %v; Stopped %v", n, err, c.Stopped())
				}
				c.Abort()
				c.Fail(errors.New("too late"))
				c.Drain()
				wantAborted(t, m, r, f)
				if test.heard != "*" && string(f.got) != test.heard {
					t.Errorf("the far end got %q, want %q", f.got, test.heard)
				}
				harmless(t, "Abort after EvClose", c.Abort)
			})
		}
	}
}

// Every event is a good moment, and every place that handlers do not run in.
func TestAbortFromAnywhere(t *testing.T) {
	for _, way := range ways {
		for _, ev := range []reactor.Event{reactor.EvRead, reactor.EvWrite, reactor.EvPoll, reactor.EvWakeup, reactor.EvHighWater, reactor.EvError} {
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{on: hooks{ev: func(c *reactor.Conn, _ any) { c.Abort() }}}
				c, f := reach(t, m, way, r.handle, nil)
				switch ev {
				case reactor.EvRead:
					f.say([]byte("x"))
				case reactor.EvWrite:
					c.Write([]byte("x"))
				case reactor.EvPoll:
					c.SetPoll(true)
				case reactor.EvWakeup:
					looptest.Must(t, m.Wakeup(c.ID(), nil))
				case reactor.EvHighWater:
					c.SetWater(0, 1)
					c.Write(make([]byte, 16<<20))
				case reactor.EvError:
					c.Fail(errors.New("enough"))
					r.errs = nil // that one is wanted
				}
				await(t, m, "EvClose", r.closed)
				if r.count(ev) == 0 {
					t.Fatalf("no %v", ev)
				}
				wantAborted(t, m, r, f)
			})
		}
		for name, call := range map[string]func(m *reactor.Manager, fn func()){
			"timer": func(m *reactor.Manager, fn func()) { m.AddTimer(0, reactor.TimerOnce, fn) },
			"post":  func(m *reactor.Manager, fn func()) { m.Post(fn) },
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, nil)
				call(m, c.Abort)
				wantAborted(t, m, r, f)
			})
		}
	}
}

// Before there is a stream, and without one, Abort is Close.
func TestAbortOfOthers(t *testing.T) {
	m := newManager(t)
	for name, make := range map[string]func(fn reactor.Handler) *reactor.Conn{
		"a listener":      func(fn reactor.Handler) *reactor.Conn { return listen(t, m, "tcp://127.0.0.1:0", fn) },
		"a UNIX listener": func(fn reactor.Handler) *reactor.Conn { return listen(t, m, listenURL(t, "unix"), fn) },
		"datagrams":       func(fn reactor.Handler) *reactor.Conn { return listen(t, m, "udp://127.0.0.1:0", fn) },
		"a client on its way": func(fn reactor.Handler) *reactor.Conn {
			return dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), fn)
		},
		"a TLS client on its way": func(fn reactor.Handler) *reactor.Conn {
			return dial(t, m, "tls://"+blackHole(t, "127.0.0.1").String(), fn)
		},
		"one end of a pipe": func(fn reactor.Handler) *reactor.Conn {
			var fds [2]int
			looptest.Must(t, unix.Pipe(fds[:]))
			newPeer(t, fds[0])
			c, err := m.WrapFD(fds[1], fn, nil)
			looptest.Must(t, err)
			return c
		},
	} {
		for _, n := range []int{0, 3} {
			r := &recorder{}
			c := make(r.handle)
			spin(t, m, n)
			c.Abort()
			await(t, m, "EvClose", r.closed)
			if list := eventList(r.events); len(r.errs) > 0 || !strings.HasPrefix(list, "OPEN ") || !strings.HasSuffix(list, "CLOSE") {
				t.Errorf("%s: %s, %v", name, list, r.errs)
			}
		}
	}
}
