package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// endings are calls that a handler may make on its connection at EvEnd.
var endings = map[string]func(c *reactor.Conn){
	"Write":      func(c *reactor.Conn) { c.Write([]byte("bye")) },
	"CloseWrite": func(c *reactor.Conn) { c.CloseWrite() },
	"Drain":      (*reactor.Conn).Drain,
	"Close":      (*reactor.Conn).Close,
	"Fail":       func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
	"Abort":      (*reactor.Conn).Abort,
}

// discards reports whether one of endings discards the bytes in Send.
func discards(call string) bool { return call == "Close" || call == "Abort" }

// A handler of EvEnd makes any two of these calls. EvClose comes once and last. EvError
// comes only for a Fail that no Close or Abort precedes. The peer receives what was
// written before our side ended.
func TestTwoEndingsWithinEvEnd(t *testing.T) {
	names := slices.Sorted(maps.Keys(endings))
	for _, way := range ways {
		for i, first := range names {
			for j, second := range names {
				if !inSelection(way, i+j, 4) {
					continue
				}
				t.Run(fmt.Sprint(way, " ", first, " ", second), func(t *testing.T) {
					m, _ := timed(t)
					r := &recorder{On: hooks{reactor.EvEnd: func(c *reactor.Conn, _ any) {
						endings[first](c)
						endings[second](c)
					}}}
					c, f := reach(t, m, way, r.Handle, halfClosing)
					f.end()
					awaitEvEnd(t, m, r)
					want := ""
					switch {
					case first == "Write" && second == "Write":
						want = "byebye"
					case first == "Write" && !discards(second), first == "Drain" && second == "Write":
						want = "bye"
					}
					if first == "Write" && second == "Write" {
						lives(t, m, r)
						await(t, m, "the bytes", f.heard(want))
						c.Drain()
					}
					await(t, m, "EvClose", r.Closed)
					await(t, m, "the end of our side", f.over)
					spin(t, m, 3)
					if n := len(r.Events); r.Count(reactor.EvClose) != 1 || r.Events[n-1] != reactor.EvClose {
						t.Errorf("events %s", eventList(r.Events))
					}
					errs := 0
					if first == "Fail" || second == "Fail" && !discards(first) {
						errs = 1
					}
					if len(r.Errs) != errs {
						t.Errorf("errors %v, want %d", r.Errs, errs)
					}
					if string(f.got) != want {
						t.Errorf("the far end got %q, want %q", f.got, want)
					}
					reset := isTCP(way) && (first == "Abort" || second == "Abort" && first != "Close")
					if reset && (f.done || !errors.Is(f.failed, unix.ECONNRESET)) {
						t.Errorf("the far end got the error %v, end of stream %v, want a reset", f.failed, f.done)
					}
				})
			}
		}
	}
}

// During a pause EvEnd waits. After Resume it comes after the input in Recv and in the
// socket.
func TestEvEndWaitsForResume(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			p := &lines{stop: 1}
			r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
			at := -1
			r.On[reactor.EvEnd] = func(*reactor.Conn, any) { at = len(p.got) }
			c, f := reach(t, m, way, r.Handle, halfClosing)
			c.Stack().Push(p)
			f.say([]byte("one\ntwo\n"))
			await(t, m, "the pause", c.InputStopped)
			f.say([]byte("three\n"))
			f.end()
			spin(t, m, 5)
			if len(p.got) != 1 || at >= 0 {
				t.Fatalf("lines %q, EvEnd came after %d of them", p.got, at)
			}
			p.stop = 2
			c.Resume()
			await(t, m, "the second pause", c.InputStopped)
			if spin(t, m, 5); len(p.got) != 2 || at >= 0 {
				t.Fatalf("lines %q, EvEnd came after %d of them", p.got, at)
			}
			c.Resume()
			awaitEvEnd(t, m, r)
			if want := []string{"one", "two", "three"}; !slices.Equal(p.got, want) || at != 3 || p.ended != 1 {
				t.Errorf("lines %q, EvEnd came after %d of them, End was called %d times", p.got, at, p.ended)
			}
			lives(t, m, r)
		})
	}
}

// Accepted connections inherit the setting from their listener, and each may change it.
func TestHalfCloseIsInherited(t *testing.T) {
	for _, way := range []string{"tcp server", "unix server", "TLS 1.2 server", "TLS 1.3 server"} {
		for name, own := range map[string]func(c *reactor.Conn, _ any){
			"of the listener":   func(*reactor.Conn, any) {},
			"of the connection": func(c *reactor.Conn, _ any) { c.SetHalfClose(false) },
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				m := newManager(t)
				r := &recorder{On: hooks{reactor.EvAccept: own}}
				_, f := reach(t, m, way, r.Handle, halfClosing)
				f.end()
				if name == "of the connection" {
					await(t, m, "EvClose", r.Closed)
					if r.Count(reactor.EvEnd) > 0 {
						t.Errorf("events %s", eventList(r.Events))
					}
					return
				}
				awaitEvEnd(t, m, r)
				lives(t, m, r)
			})
		}
	}
}

// Over TLS close_notify raises EvEnd, even if the TCP stream does not end after it. Our
// close_notify comes before the end of our TCP stream.
func TestCloseNotifyRaisesEvEnd(t *testing.T) {
	for _, way := range ways {
		if !isTLS(way) {
			continue
		}
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.Handle, halfClosing)
			looptest.Must(t, f.tls.CloseWrite())
			awaitEvEnd(t, m, r)
			c.Write([]byte("answer"))
			await(t, m, "the answer", f.heard("answer"))
			lives(t, m, r)
			looptest.Must(t, c.CloseWrite())
			await(t, m, "our close_notify", f.over) // without close_notify f.failed is errNoGoodbye
			if !f.done {
				t.Errorf("the far end got no close_notify: %v", f.failed)
			}
			await(t, m, "the end of the stream", f.peer.Ended)
			f.Shutdown()
			await(t, m, "EvClose", r.Closed)
			if len(r.Errs) > 0 || r.Count(reactor.EvEnd) != 1 {
				t.Errorf("events %s, errors %v", eventList(r.Events), r.Errs)
			}
		})
	}
}

// After EvEnd the deadlines about the peer's input do not run.
func TestNoDeadlineOfInputAfterEvEnd(t *testing.T) {
	for _, way := range plainWays {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.Handle, halfClosing)
			c.SetDeadlines(reactor.Deadlines{Idle: time.Second, Message: time.Second, Life: 3 * time.Hour})
			c.Stack().SetReceiving(true)
			f.end()
			awaitEvEnd(t, m, r)
			k.Advance(time.Hour)
			lives(t, m, r)
			c.SetDeadlines(reactor.Deadlines{Life: 2 * time.Hour})
			k.Advance(time.Hour)
			await(t, m, "EvClose", r.Closed)
			wantDeadline(t, r.Err(t), "life", 2*time.Hour)
		})
	}
}

// halfClosing turns half-closing on. It is an argument for reach.
func halfClosing(c *reactor.Conn) { c.SetHalfClose(true) }

// awaitEvEnd turns the loop until EvEnd or EvClose, and fails the test unless EvEnd came
// once.
func awaitEvEnd(t *testing.T, m *reactor.Manager, r *recorder) {
	t.Helper()
	await(t, m, "EvEnd", func() bool { return r.Count(reactor.EvEnd) > 0 || r.Closed() })
	if r.Count(reactor.EvEnd) != 1 {
		t.Fatalf("no EvEnd, or several: events %s, errors %v", eventList(r.Events), r.Errs)
	}
}

// lives turns the loop, and fails the test if the connection has failed or closed.
func lives(t *testing.T, m *reactor.Manager, r *recorder) {
	t.Helper()
	spin(t, m, 5)
	if r.Closed() || len(r.Errs) > 0 {
		t.Fatalf("the connection did not stay open: events %s, errors %v", eventList(r.Events), r.Errs)
	}
}

// EvEnd comes once, after all input, and the connection stays open for sending. When both
// sides have ended, the connection closes without a call of Close.
func TestSetHalfClosePeerEndsFirst(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := &recorder{On: hooks{}}
			r.On[reactor.EvEnd] = func(_ *reactor.Conn, data any) {
				if data != nil || string(r.Got) != "the request" {
					t.Errorf("EvEnd has data %v and comes after %q", data, r.Got)
				}
			}
			c, f := reach(t, m, way, r.Handle, halfClosing)
			f.say([]byte("the request"))
			f.end()
			awaitEvEnd(t, m, r)
			for i, s := range []string{"one", "two", "three"} {
				lives(t, m, r)
				c.Write([]byte(s))
				await(t, m, s, f.heard(strings.Join([]string{"one", "two", "three"}[:i+1], "")))
			}
			if f.done || c.InputStopped() {
				t.Errorf("the far end read the end of stream: %v; InputStopped %v", f.done, c.InputStopped())
			}
			looptest.Must(t, c.CloseWrite())
			await(t, m, "the end of our side", f.over)
			await(t, m, "EvClose", r.Closed)
			if !f.done || f.failed != nil || string(f.got) != "onetwothree" {
				t.Errorf("the far end got %q, end of stream %v, error %v", f.got, f.done, f.failed)
			}
			if list := eventList(r.Events); !strings.HasSuffix(list, "READ END WRITE WRITE WRITE CLOSE") {
				t.Errorf("events %s", list)
			}
		})
	}
}

// Without SetHalfClose the peer's end of stream makes the loop write Send and close the
// connection.
func TestHalfCloseIsOffByDefault(t *testing.T) {
	for _, way := range ways {
		for name, set := range map[string]func(c *reactor.Conn){
			"by default":       nil,
			"turned off again": func(c *reactor.Conn) { c.SetHalfClose(true); c.SetHalfClose(false) },
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				_, f := reach(t, m, way, r.Handle, set)
				f.say([]byte("x"))
				f.end()
				await(t, m, "EvClose", r.Closed)
				await(t, m, "the end of our side", f.over)
				if list := eventList(r.Events); !strings.HasSuffix(list, "READ CLOSE") || !f.done {
					t.Errorf("events %s, the far end got the error %v", list, f.failed)
				}
			})
		}
	}
}

// With SetHalfClose too, an end of stream inside a message is an error, and so is a TLS
// stream that ends without close_notify.
func TestHalfCloseWithinAMessageIsAnError(t *testing.T) {
	for _, way := range ways {
		for input, fails := range map[string]bool{"one\n": false, "one\ntw": true} {
			t.Run(fmt.Sprintf("%s %q", way, input), func(t *testing.T) {
				m := newManager(t)
				r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
				c, f := reach(t, m, way, r.Handle, func(c *reactor.Conn) {
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
				await(t, m, "EvClose", r.Closed)
				if fails {
					looptest.WantErr(t, r.Err(t), io.ErrUnexpectedEOF)
				}
				if n := r.Count(reactor.EvEnd); fails != (n == 0) {
					t.Errorf("events %s", eventList(r.Events))
				}
			})
		}
		if isTLS(way) {
			t.Run(way+" truncated", func(t *testing.T) {
				m := newManager(t)
				r := &recorder{}
				_, f := reach(t, m, way, r.Handle, halfClosing)
				f.Shutdown()
				await(t, m, "EvClose", r.Closed)
				looptest.WantErr(t, r.Err(t), reactor.ErrTruncated)
				if r.Count(reactor.EvEnd) > 0 {
					t.Errorf("events %s", eventList(r.Events))
				}
			})
		}
	}
}
