package reactor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// endings are what a handler may do to its connection at EvEnd.
var endings = map[string]func(c *reactor.Conn){
	"Write":      func(c *reactor.Conn) { c.Write([]byte("bye")) },
	"CloseWrite": func(c *reactor.Conn) { c.CloseWrite() },
	"Drain":      (*reactor.Conn).Drain,
	"Close":      (*reactor.Conn).Close,
	"Fail":       func(c *reactor.Conn) { c.Fail(errors.New("enough")) },
	"Abort":      (*reactor.Conn).Abort,
}

// discards says which of them throw away what lies in Send.
func discards(call string) bool { return call == "Close" || call == "Abort" }

// Whatever two of them are called, one after the other: EvClose comes once and last,
// EvError only of a Fail that no Close came before, and the peer hears what was written
// while that was possible.
func TestEndingsWithinEvEnd(t *testing.T) {
	for _, way := range ways {
		for first := range endings {
			for second := range endings {
				t.Run(fmt.Sprint(way, " ", first, " ", second), func(t *testing.T) {
					m, _ := timed(t)
					r := &recorder{on: hooks{reactor.EvEnd: func(c *reactor.Conn, _ any) {
						endings[first](c)
						endings[second](c)
					}}}
					c, f := reach(t, m, way, r.handle, halfClosing)
					f.end()
					awaitEvEnd(t, m, r)
					said := ""
					switch {
					case first == "Write" && second == "Write":
						said = "byebye"
					case first == "Write" && !discards(second), first == "Drain" && second == "Write":
						said = "bye"
					}
					if first == "Write" && second == "Write" {
						lives(t, m, r)
						await(t, m, "the words", f.heard(said))
						c.Drain()
					}
					await(t, m, "EvClose", r.closed)
					await(t, m, "our end", f.over)
					spin(t, m, 3)
					if n := len(r.events); r.count(reactor.EvClose) != 1 || r.events[n-1] != reactor.EvClose {
						t.Errorf("events %s", eventList(r.events))
					}
					errs := 0
					if first == "Fail" || second == "Fail" && !discards(first) {
						errs = 1
					}
					if len(r.errs) != errs {
						t.Errorf("errors %v, want %d", r.errs, errs)
					}
					if string(f.got) != said {
						t.Errorf("the far end got %q, want %q", f.got, said)
					}
					reset := isTCP(way) && (first == "Abort" || second == "Abort" && first != "Close")
					if reset && (f.done || !errors.Is(f.failed, unix.ECONNRESET)) {
						t.Errorf("the far end met %v, end of stream %v, want a reset", f.failed, f.done)
					}
				})
			}
		}
	}
}

// During a pause EvEnd waits, and then comes behind what lay in Recv and in the socket.
func TestEvEndWaitsForResume(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			p := &lines{stop: 1}
			r := &recorder{on: hooks{reactor.EvRead: hoard}}
			at := -1
			r.on[reactor.EvEnd] = func(*reactor.Conn, any) { at = len(p.got) }
			c, f := reach(t, m, way, r.handle, halfClosing)
			c.Stack().Push(p)
			f.say([]byte("one\ntwo\n"))
			await(t, m, "the pause", c.Stopped)
			f.say([]byte("three\n"))
			f.end()
			spin(t, m, 5)
			if len(p.got) != 1 || at >= 0 {
				t.Fatalf("lines %q, EvEnd at %d", p.got, at)
			}
			p.stop = 2
			c.Resume()
			await(t, m, "the second pause", c.Stopped)
			if spin(t, m, 5); len(p.got) != 2 || at >= 0 {
				t.Fatalf("lines %q, EvEnd at %d", p.got, at)
			}
			c.Resume()
			awaitEvEnd(t, m, r)
			if want := []string{"one", "two", "three"}; !slices.Equal(p.got, want) || at != 3 || p.ended != 1 {
				t.Errorf("lines %q, EvEnd at %d, End called %d times", p.got, at, p.ended)
			}
			lives(t, m, r)
		})
	}
}

// A listener hands its setting to those that it accepts, each of which may change it.
func TestHalfCloseIsInherited(t *testing.T) {
	for _, way := range []string{"tcp server", "unix server", "TLS 1.2 server", "TLS 1.3 server"} {
		for name, own := range map[string]func(c *reactor.Conn, _ any){
			"its listener's": func(*reactor.Conn, any) {},
			"its own":        func(c *reactor.Conn, _ any) { c.SetHalfClose(false) },
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				m := newManager(t)
				r := &recorder{on: hooks{reactor.EvAccept: own}}
				_, f := reach(t, m, way, r.handle, halfClosing)
				f.end()
				if name == "its own" {
					await(t, m, "EvClose", r.closed)
					if r.count(reactor.EvEnd) > 0 {
						t.Errorf("events %s", eventList(r.events))
					}
					return
				}
				awaitEvEnd(t, m, r)
				lives(t, m, r)
			})
		}
	}
}

// Over TLS close_notify is an end, whether or not the stream ends behind it, and ours comes
// before the end of the stream.
func TestCloseNotifyIsTheEnd(t *testing.T) {
	for _, way := range ways {
		if !isTLS(way) {
			continue
		}
		t.Run(way, func(t *testing.T) {
			m, _ := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.handle, halfClosing)
			looptest.Must(t, f.tls.CloseWrite())
			awaitEvEnd(t, m, r)
			c.Write([]byte("answer"))
			await(t, m, "the answer", f.heard("answer"))
			lives(t, m, r)
			looptest.Must(t, c.CloseWrite())
			await(t, m, "our close_notify", f.over) // else over is because of errNoGoodbye
			if !f.done {
				t.Error(f.failed)
			}
			await(t, m, "the end of the stream", f.peer.ended)
			f.shutdown()
			await(t, m, "EvClose", r.closed)
			if len(r.errs) > 0 || r.count(reactor.EvEnd) != 1 {
				t.Errorf("%s, %v", eventList(r.events), r.errs)
			}
		})
	}
}

// The peer's end is no silence: deadlines about input do not count after EvEnd.
func TestNoDeadlineOfInputAfterEvEnd(t *testing.T) {
	for _, way := range plainWays {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.handle, halfClosing)
			c.SetDeadlines(reactor.Deadlines{Idle: time.Second, Message: time.Second})
			c.Stack().SetReceiving(true)
			f.end()
			awaitEvEnd(t, m, r)
			k.advance(time.Hour)
			lives(t, m, r)
			c.SetDeadlines(reactor.Deadlines{Life: 2 * time.Hour})
			k.advance(time.Hour)
			await(t, m, "EvClose", r.closed)
			wantDeadline(t, r.err(t), "life", 2*time.Hour)
		})
	}
}

// A connection without a stream to end stays harmless.
func TestCloseWriteOfOthers(t *testing.T) {
	m := newManager(t)
	for name, url := range map[string]string{"listener": "tcp://127.0.0.1:0", "datagrams": "udp://127.0.0.1:0"} {
		r := &recorder{}
		l := listen(t, m, url, r.handle)
		spin(t, m, 1)
		harmless(t, "CloseWrite of a "+name, func() {
			if err := l.CloseWrite(); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		harmless(t, "SetHalfClose of a "+name, func() { l.SetHalfClose(true) })
		spin(t, m, 3)
		if list := eventList(r.events); strings.TrimSpace(list) != "OPEN" {
			t.Errorf("%s: %s", name, list)
		}
		l.Close()
		await(t, m, "EvClose", r.closed)
		harmless(t, "CloseWrite after EvClose", func() {
			if err := l.CloseWrite(); !errors.Is(err, reactor.ErrClosed) {
				t.Errorf("%s: %v after EvClose", name, err)
			}
		})
	}
}
