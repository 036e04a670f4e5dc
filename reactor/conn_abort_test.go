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

// wantAborted waits until both sides have ended. The connection has EvClose and no EvError.
// The far end has an error, which is a reset if there is TCP.
func wantAborted(t *testing.T, m *reactor.Manager, r *recorder, f *far) {
	t.Helper()
	await(t, m, "EvClose", r.Closed)
	await(t, m, "the end at the far end", f.over)
	spin(t, m, 2)
	if n := len(r.Events); len(r.Errs) > 0 || r.Count(reactor.EvClose) != 1 || r.Events[n-1] != reactor.EvClose {
		t.Errorf("%s, %v", eventList(r.Events), r.Errs)
	}
	if isTCP(f.way) && (f.done || !errors.Is(f.failed, unix.ECONNRESET)) {
		t.Errorf("the far end got %v, end of stream %v, want a reset", f.failed, f.done)
	}
}

// Abort sends nothing more and resets the connection, whatever was written and read before.
// (UNIX-domain sockets have no resets.)
func TestAbortResetsTheConnection(t *testing.T) {
	for _, way := range ways {
		for i, test := range []struct {
			name string
			do   func(t *testing.T, c *reactor.Conn, f *far)
			want string // what the far end receives; "*" is anything
		}{
			{"nothing sent", func(*testing.T, *reactor.Conn, *far) {}, ""},
			{"everything written and read", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write([]byte("sent"))
				await(t, f.m, "the bytes", f.heard("sent"))
			}, "sent"},
			{"everything written, not read", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write([]byte("sent"))
				await(t, f.m, "the bytes", func() bool { return pollable(t, f.FD) })
			}, "*"},
			{"something unsent", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("never sent")) }, ""},
			{"appended", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Send.AppendString("never sent") }, ""},
			{"much unsent", func(t *testing.T, c *reactor.Conn, f *far) {
				fill(t, c)
			}, "*"},
			{"paused, with input", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Pause()
				f.say([]byte("unread"))
				spin(t, f.m, 2)
			}, ""},
			{"paused", func(t *testing.T, c *reactor.Conn, f *far) { c.Pause(); spin(t, f.m, 2) }, ""},
			{"the peer has ended", func(t *testing.T, c *reactor.Conn, f *far) {
				c.SetHalfClose(true)
				f.end()
				spin(t, f.m, 5)
			}, ""},
			{"while the connection drains", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write(make([]byte, moreThanFits))
				c.Drain()
				spin(t, f.m, 3)
			}, "*"},
			{"before CloseWrite has ended our side", func(t *testing.T, c *reactor.Conn, f *far) {
				c.Write(make([]byte, moreThanFits))
				c.CloseWrite()
				spin(t, f.m, 3)
			}, "*"},
			{"in the turn of Drain", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("x")); c.Drain() }, ""},
			{"in the turn of Close", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("x")); c.Close() }, ""},
			{"in the turn of CloseWrite", func(_ *testing.T, c *reactor.Conn, _ *far) { c.Write([]byte("x")); c.CloseWrite() }, ""},
		} {
			if !inSelection(way, i, 3) {
				continue
			}
			t.Run(way+" "+test.name, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				c, f := reachNarrow(t, m, way, r.Handle, nil)
				spin(t, m, 2)
				test.do(t, c, f)
				c.Abort()
				if r.Closed() {
					t.Error("EvClose is raised within Abort")
				}
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) || !c.InputStopped() {
					t.Errorf("after Abort: Write %d, %v; InputStopped %v", n, err, c.InputStopped())
				}
				c.Abort()
				c.Fail(errors.New("too late"))
				c.Drain()
				wantAborted(t, m, r, f)
				if test.want != "*" && string(f.got) != test.want {
					t.Errorf("the far end got %q, want %q", f.got, test.want)
				}
				harmless(t, "Abort after EvClose", c.Abort)
			})
		}
	}
}

// Abort works in the handler of every event, in timers and in posted functions.
func TestAbortFromEveryEvent(t *testing.T) {
	for _, way := range ways {
		for _, ev := range []reactor.Event{reactor.EvRead, reactor.EvWrite, reactor.EvPoll, reactor.EvWakeup, reactor.EvHighWater, reactor.EvError, reactor.EvClose} {
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{On: hooks{ev: func(c *reactor.Conn, _ any) { c.Abort() }}}
				c, f := reachNarrow(t, m, way, r.Handle, nil)
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
					c.Write(make([]byte, moreThanFits))
				case reactor.EvClose:
					c.Close()
				case reactor.EvError:
					c.Fail(errors.New("enough"))
					r.Errs = nil // the error of Fail is expected
				}
				await(t, m, "EvClose", r.Closed)
				if r.Count(ev) == 0 {
					t.Fatalf("%v was not raised", ev)
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
				c, f := reach(t, m, way, r.Handle, nil)
				call(m, c.Abort)
				wantAborted(t, m, r, f)
			})
		}
	}
}

// Before the connection has a stream, and if it never has one, Abort does the same as
// Close.
func TestAbortWithoutAStreamCloses(t *testing.T) {
	m := newManager(t)
	for name, make := range map[string]func(fn reactor.Handler) *reactor.Conn{
		"a listener":      func(fn reactor.Handler) *reactor.Conn { return listen(t, m, "tcp://127.0.0.1:0", fn) },
		"a UNIX listener": func(fn reactor.Handler) *reactor.Conn { return listen(t, m, listenURL(t, "unix"), fn) },
		"datagrams":       func(fn reactor.Handler) *reactor.Conn { return listen(t, m, "udp://127.0.0.1:0", fn) },
		"a client that connects": func(fn reactor.Handler) *reactor.Conn {
			return dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), fn)
		},
		"a TLS client that connects": func(fn reactor.Handler) *reactor.Conn {
			return dial(t, m, "tls://"+blackHole(t, "127.0.0.1").String(), fn)
		},
		"one end of a pipe": func(fn reactor.Handler) *reactor.Conn {
			var fds [2]int
			looptest.Must(t, unix.Pipe(fds[:]))
			looptest.NewSocket(t, fds[0])
			c, err := m.WrapFD(fds[1], fn, nil)
			looptest.Must(t, err)
			return c
		},
	} {
		for _, n := range []int{0, 3} {
			r := &recorder{}
			c := make(r.Handle)
			spin(t, m, n)
			c.Abort()
			await(t, m, "EvClose", r.Closed)
			if list := eventList(r.Events); len(r.Errs) > 0 || !strings.HasPrefix(list, "OPEN ") || !strings.HasSuffix(list, "CLOSE") {
				t.Errorf("%s: %s, %v", name, list, r.Errs)
			}
		}
	}
}
