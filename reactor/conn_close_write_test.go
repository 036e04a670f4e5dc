package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Bytes that wait in Send when CloseWrite is called are sent, whatever ends the connection
// after that.
func TestCloseWriteKeepsUnsentData(t *testing.T) {
	for _, way := range ways {
		for i, then := range []struct {
			name string
			do   func(c *reactor.Conn, f *far)
		}{
			{"Drain", func(c *reactor.Conn, _ *far) { c.Drain() }},
			{"AwaitEnd", func(c *reactor.Conn, _ *far) { c.Stack().AwaitEnd() }},
			{"the peer's end", func(_ *reactor.Conn, f *far) { f.end() }},
		} {
			if !inSelection(way, i, 3) {
				continue
			}
			t.Run(fmt.Sprint(way, " then ", then.name), func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				c, f := reachNarrow(t, m, way, r.Handle, nil)
				c.SetLimits(reactor.Limits{Backpressure: -1})
				out := muchNoise()
				c.Write(out)
				looptest.Must(t, c.CloseWrite())
				spin(t, m, 3)
				if c.Send.Len() == 0 {
					t.Fatal("the socket took everything")
				}
				then.do(c, f)
				await(t, m, "all bytes, or an end of the stream", func() bool { return f.over() || len(f.got) == len(out) })
				if !bytes.Equal(f.got, out) {
					t.Errorf("the far end got %d of %d bytes, end of stream %v, error %v", len(f.got), len(out), f.done, f.failed)
				}
				if len(r.Errs) > 0 {
					t.Errorf("errors %v", r.Errs)
				}
			})
		}
	}
}

// The peer sends data and resets the connection before our side ends. The data is
// delivered, and the reset is an error.
func TestCloseWriteAfterReset(t *testing.T) {
	for _, way := range ways {
		if !isTCP(way) {
			continue
		}
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := finalBytes(t, "final bytes")
			c, f := reach(t, m, way, r.Handle, halfClosing)
			unread(t, c, f)
			f.say([]byte("final bytes"))
			f.Close()
			looptest.Must(t, c.CloseWrite())
			wantFinalBytes(t, m, r, "final bytes")
		})
	}
}

// On a connection that has no stream CloseWrite returns an error, and SetHalfClose does
// nothing.
func TestCloseWriteWithoutAStream(t *testing.T) {
	m := newManager(t)
	for name, url := range map[string]string{"listener": "tcp://127.0.0.1:0", "datagrams": "udp://127.0.0.1:0"} {
		r := &recorder{}
		l := listen(t, m, url, r.Handle)
		spin(t, m, 1)
		harmless(t, "CloseWrite of a "+name, func() {
			if err := l.CloseWrite(); err == nil {
				t.Errorf("%s: CloseWrite returns no error", name)
			}
		})
		harmless(t, "SetHalfClose of a "+name, func() { l.SetHalfClose(true) })
		spin(t, m, 3)
		if list := eventList(r.Events); strings.TrimSpace(list) != "OPEN" {
			t.Errorf("%s: events %s, want OPEN", name, list)
		}
		l.Close()
		await(t, m, "EvClose", r.Closed)
		harmless(t, "CloseWrite after EvClose", func() {
			if err := l.CloseWrite(); !errors.Is(err, reactor.ErrClosed) {
				t.Errorf("%s: CloseWrite after EvClose returns %v", name, err)
			}
		})
	}
}

// CloseWrite ends our side only, after the bytes in Send. Input is still delivered.
func TestCloseWriteEndsOurSideOnly(t *testing.T) {
	for _, way := range ways {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprint(way, " half close ", half), func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{}
				c, f := reach(t, m, way, r.Handle, func(c *reactor.Conn) { c.SetHalfClose(half) })
				c.Write([]byte("our final bytes"))
				looptest.Must(t, c.CloseWrite())
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write after CloseWrite: %d, %v", n, err)
				}
				await(t, m, "the end of our side", f.over)
				if !f.done || string(f.got) != "our final bytes" {
					t.Fatalf("the far end got %q, error %v", f.got, f.failed)
				}
				k.Advance(time.Hour) // only deadlines bound the wait
				for i := range 3 {
					lives(t, m, r)
					f.say([]byte{byte('a' + i)})
					await(t, m, "input", func() bool { return string(r.Got) == "abc"[:i+1] })
				}
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write after the end of our side: %d, %v", n, err)
				}
				f.end()
				await(t, m, "EvClose", r.Closed)
				want := map[bool]int{true: 1}[half]
				if r.Count(reactor.EvEnd) != want || len(r.Errs) > 0 {
					t.Errorf("events %s, %v", eventList(r.Events), r.Errs)
				}
			})
		}
	}
}

// CloseWrite waits until the socket has taken all bytes, however long that takes.
func TestCloseWriteWaitsUntilAllIsSent(t *testing.T) {
	for _, way := range ways {
		for _, peerFirst := range []bool{false, true} {
			t.Run(fmt.Sprint(way, " peer first ", peerFirst), func(t *testing.T) {
				m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Stall: -1}))
				r := &recorder{}
				c, f := reachNarrow(t, m, way, r.Handle, halfClosing)
				c.SetLimits(reactor.Limits{Backpressure: -1})
				out := fill(t, c)
				if peerFirst {
					f.end()
					awaitEvEnd(t, m, r)
				}
				looptest.Must(t, c.CloseWrite())
				harmless(t, "a second CloseWrite", func() { c.CloseWrite() })
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Write: %d, %v", n, err)
				}
				k.Advance(time.Hour)
				lives(t, m, r)
				if c.Send.Len() == 0 {
					t.Fatal("the socket took everything")
				}
				if !peerFirst {
					f.say([]byte("meanwhile"))
					await(t, m, "input", func() bool { return string(r.Got) == "meanwhile" })
				}
				await(t, m, "the end of our side", f.over)
				if !f.done || !bytes.Equal(f.got, out) {
					t.Errorf("the far end got %d of %d bytes, error %v", len(f.got), len(out), f.failed)
				}
				if !peerFirst {
					lives(t, m, r)
					f.end()
				}
				await(t, m, "EvClose", r.Closed)
				if len(r.Errs) > 0 || r.Count(reactor.EvEnd) != 1 {
					t.Errorf("events %s, errors %v", strings.ReplaceAll(eventList(r.Events), "WRITE ", ""), r.Errs)
				}
			})
		}
	}
}

// CloseWrite may be called before the connection is established, in any event, or between
// events. It ends our side after the bytes that were written before.
func TestCloseWriteInEveryEvent(t *testing.T) {
	for _, way := range ways {
		for _, ev := range []reactor.Event{reactor.EvOpen, reactor.EvConnect, reactor.EvAccept, reactor.EvTLSHS, reactor.EvRead, reactor.EvWrite, reactor.EvEnd} {
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m, _ := timed(t)
				called := false
				r := &recorder{On: hooks{ev: func(c *reactor.Conn, _ any) {
					if !called {
						called = true
						c.Recv.Reset()
						c.Send.AppendString("bye")
						looptest.Must(t, c.CloseWrite())
					}
				}}}
				c, f := reach(t, m, way, r.Handle, halfClosing)
				if ev == reactor.EvWrite {
					c.Write([]byte("sent, "))
				}
				f.say([]byte("x"))
				f.end()
				awaitEvEnd(t, m, r)
				if !called { // this kind of connection has no such event
					looptest.Must(t, c.CloseWrite())
				}
				await(t, m, "EvClose", r.Closed)
				await(t, m, "the end of our side", f.over)
				if got := strings.TrimPrefix(string(f.got), "sent, "); !f.done || called && got != "bye" || len(r.Errs) > 0 {
					t.Errorf("the far end got %q, error %v; our errors %v", f.got, f.failed, r.Errs)
				}
			})
		}
	}
}
