package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// halfClosing is for reach.
func halfClosing(c *reactor.Conn) { c.SetHalfClose(true) }

// awaitEvEnd does not wait for it once the connection is closed.
func awaitEvEnd(t *testing.T, m *reactor.Manager, r *recorder) {
	t.Helper()
	await(t, m, "EvEnd", func() bool { return r.count(reactor.EvEnd) > 0 || r.closed() })
	if r.count(reactor.EvEnd) != 1 {
		t.Fatalf("no EvEnd: %s, %v", eventList(r.events), r.errs)
	}
}

// lives fails the test if the connection has ended.
func lives(t *testing.T, m *reactor.Manager, r *recorder) {
	t.Helper()
	spin(t, m, 5)
	if r.closed() || len(r.errs) > 0 {
		t.Fatalf("it did not stay open: %s, %v", eventList(r.events), r.errs)
	}
}

// EvEnd comes once, behind everything that the peer said, and the connection stays open
// for sending. It closes by itself when both sides have ended.
func TestPeerEndsFirst(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := &recorder{on: hooks{}}
			r.on[reactor.EvEnd] = func(_ *reactor.Conn, data any) {
				if data != nil || string(r.got) != "the request" {
					t.Errorf("EvEnd with %v after %q", data, r.got)
				}
			}
			c, f := reach(t, m, way, r.handle, halfClosing)
			f.say([]byte("the request"))
			f.end()
			awaitEvEnd(t, m, r)
			for i, s := range []string{"one", "two", "three"} {
				lives(t, m, r)
				c.Write([]byte(s))
				await(t, m, s, f.heard(strings.Join([]string{"one", "two", "three"}[:i+1], "")))
			}
			if f.done || c.Stopped() {
				t.Errorf("the far end's end %v, Stopped %v", f.done, c.Stopped())
			}
			looptest.Must(t, c.CloseWrite())
			await(t, m, "our end", f.over)
			await(t, m, "EvClose", r.closed)
			if !f.done || f.failed != nil || string(f.got) != "onetwothree" {
				t.Errorf("the far end got %q, end %v, %v", f.got, f.done, f.failed)
			}
			if list := eventList(r.events); !strings.HasSuffix(list, "READ END WRITE WRITE WRITE CLOSE") {
				t.Errorf("events %s", list)
			}
		})
	}
}

// CloseWrite ends our side only, behind what lies in Send. Input goes on.
func TestWeEndFirst(t *testing.T) {
	for _, way := range ways {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprint(way, " half close ", half), func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, func(c *reactor.Conn) { c.SetHalfClose(half) })
				c.Write([]byte("the last of us"))
				looptest.Must(t, c.CloseWrite())
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write after CloseWrite: %d, %v", n, err)
				}
				await(t, m, "our end", f.over)
				if !f.done || string(f.got) != "the last of us" {
					t.Fatalf("the far end got %q, %v", f.got, f.failed)
				}
				k.advance(time.Hour) // nothing bounds the wait but deadlines
				for i := range 3 {
					lives(t, m, r)
					f.say([]byte{byte('a' + i)})
					await(t, m, "input", func() bool { return string(r.got) == "abc"[:i+1] })
				}
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write after our end: %d, %v", n, err)
				}
				f.end()
				await(t, m, "EvClose", r.closed)
				want := map[bool]int{true: 1}[half]
				if r.count(reactor.EvEnd) != want || len(r.errs) > 0 {
					t.Errorf("events %s, %v", eventList(r.events), r.errs)
				}
			})
		}
	}
}

// What the socket has not taken yet is sent first, however long that takes.
func TestCloseWriteWithUnsentData(t *testing.T) {
	for _, way := range ways {
		for _, peerFirst := range []bool{false, true} {
			t.Run(fmt.Sprint(way, " peer first ", peerFirst), func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.handle, halfClosing)
				c.SetLimits(reactor.Limits{Unsent: -1})
				out := noise(16 << 20)
				c.Write(out)
				spin(t, m, 3)
				if peerFirst {
					f.end()
					awaitEvEnd(t, m, r)
				}
				looptest.Must(t, c.CloseWrite())
				harmless(t, "a second CloseWrite", func() { c.CloseWrite() })
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write: %d, %v", n, err)
				}
				k.advance(time.Hour)
				lives(t, m, r)
				if c.Send.Len() == 0 {
					t.Fatal("the socket took everything")
				}
				if !peerFirst {
					f.say([]byte("meanwhile"))
					await(t, m, "input", func() bool { return string(r.got) == "meanwhile" })
				}
				await(t, m, "our end", f.over)
				if !f.done || !bytes.Equal(f.got, out) {
					t.Errorf("the far end got %d of %d bytes, %v", len(f.got), len(out), f.failed)
				}
				if !peerFirst {
					lives(t, m, r)
					f.end()
				}
				await(t, m, "EvClose", r.closed)
				if len(r.errs) > 0 || r.count(reactor.EvEnd) != 1 {
					t.Errorf("%s, %v", strings.ReplaceAll(eventList(r.events), "WRITE ", ""), r.errs)
				}
			})
		}
	}
}

// Called before the connection is established, in any event, or between them, CloseWrite
// ends our side behind what was written.
func TestCloseWriteFromAnywhere(t *testing.T) {
	for _, way := range ways {
		for _, ev := range []reactor.Event{reactor.EvOpen, reactor.EvConnect, reactor.EvAccept, reactor.EvTLSHS, reactor.EvRead, reactor.EvWrite, reactor.EvEnd} {
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m, _ := timed(t)
				called := false
				r := &recorder{on: hooks{ev: func(c *reactor.Conn, _ any) {
					if !called {
						called = true
						c.Recv.Reset()
						c.Send.AppendString("bye")
						looptest.Must(t, c.CloseWrite())
					}
				}}}
				c, f := reach(t, m, way, r.handle, halfClosing)
				if ev == reactor.EvWrite {
					c.Write([]byte("said, "))
				}
				f.say([]byte("x"))
				f.end()
				awaitEvEnd(t, m, r)
				if !called { // this way has no such event
					looptest.Must(t, c.CloseWrite())
				}
				await(t, m, "EvClose", r.closed)
				await(t, m, "our end", f.over)
				if got := strings.TrimPrefix(string(f.got), "said, "); !f.done || called && got != "bye" || len(r.errs) > 0 {
					t.Errorf("the far end got %q, %v; %v", f.got, f.failed, r.errs)
				}
			})
		}
	}
}

// Without SetHalfClose the peer's end is what it was: Send is written, EvClose follows.
func TestHalfCloseIsOff(t *testing.T) {
	for _, way := range ways {
		for name, set := range map[string]func(c *reactor.Conn){
			"by default": nil,
			"again":      func(c *reactor.Conn) { c.SetHalfClose(true); c.SetHalfClose(false) },
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				_, f := reach(t, m, way, r.handle, set)
				f.say([]byte("x"))
				f.end()
				await(t, m, "EvClose", r.closed)
				await(t, m, "our end", f.over)
				if list := eventList(r.events); !strings.HasSuffix(list, "READ CLOSE") || !f.done {
					t.Errorf("events %s, the far end met %v", list, f.failed)
				}
			})
		}
	}
}

// The end of the stream inside a message stays a failure, and TLS that ends without
// close_notify.
func TestEndWithinAMessageIsNoHalfClose(t *testing.T) {
	for _, way := range ways {
		for input, fails := range map[string]bool{"one\n": false, "one\ntw": true} {
			t.Run(fmt.Sprintf("%s %q", way, input), func(t *testing.T) {
				m := newManager(t)
				r := &recorder{on: hooks{reactor.EvRead: hoard}}
				c, f := reach(t, m, way, r.handle, func(c *reactor.Conn) {
					halfClosing(c)
					c.Stack().Push(&lines{})
				})
				f.say([]byte(input))
				f.end()
				if !fails {
					awaitEvEnd(t, m, r)
					lives(t, m, r)
					looptest.Must(t, c.CloseWrite())
				}
				await(t, m, "EvClose", r.closed)
				if fails {
					looptest.WantErr(t, r.err(t), io.ErrUnexpectedEOF)
				}
				if n := r.count(reactor.EvEnd); fails != (n == 0) {
					t.Errorf("events %s", eventList(r.events))
				}
			})
		}
		if isTLS(way) {
			t.Run(way+" truncated", func(t *testing.T) {
				m := newManager(t)
				r := &recorder{}
				_, f := reach(t, m, way, r.handle, halfClosing)
				f.shutdown()
				await(t, m, "EvClose", r.closed)
				looptest.WantErr(t, r.err(t), reactor.ErrTruncated)
				if r.count(reactor.EvEnd) > 0 {
					t.Errorf("events %s", eventList(r.events))
				}
			})
		}
	}
}
