package reactor_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// bindUnix makes a bound UNIX-domain socket. It listens if its kind can listen.
func bindUnix(t *testing.T, kind int) (*peer, string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, kind, 0)
	if err == unix.EPROTONOSUPPORT {
		t.Skip("this system has no such sockets")
	}
	looptest.Must(t, err)
	p := looptest.NewSocket(t, fd)
	name := filepath.Join(shortDir(t), "s")
	looptest.Must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: name}))
	if kind != unix.SOCK_DGRAM {
		looptest.Must(t, unix.Listen(fd, 4))
	}
	return p, name
}

// packetPairs make two connected sockets that keep the boundaries of messages.
var packetPairs = map[string]func(t *testing.T) (fd int, p *peer){
	"dgram":     func(t *testing.T) (int, *peer) { return pairOf(t, unix.SOCK_DGRAM) },
	"seqpacket": func(t *testing.T) (int, *peer) { return pairOf(t, unix.SOCK_SEQPACKET) },
	"udp": func(t *testing.T) (int, *peer) {
		a, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		b, bt := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		looptest.Must(t, unix.Connect(a.FD, looptest.Sockaddr(bt)))
		looptest.Must(t, unix.Connect(b.FD, looptest.Sockaddr(at)))
		fd := a.FD
		a.FD = -1
		return fd, b
	},
}

func pairOf(t *testing.T, kind int) (int, *peer) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	if err == unix.EPROTONOSUPPORT {
		t.Skip("this system has no such sockets")
	}
	looptest.Must(t, err)
	return fds[0], looptest.NewSocket(t, fds[1])
}

// wrapPackets puts one socket of such a pair on the manager.
func wrapPackets(t *testing.T, m *reactor.Manager, name string, fn reactor.Handler) (*reactor.Conn, *peer) {
	t.Helper()
	fd, p := packetPairs[name](t)
	c, err := m.WrapFD(fd, fn, nil)
	if err != nil {
		unix.Close(fd)
		t.Fatal(err)
	}
	return c, p
}

// messageBuffer has space for any message of these tests.
var messageBuffer [1 << 17]byte

// message receives one message; ok is false if there is none.
func message(p *peer) (s string, ok bool) {
	p.T.Helper()
	buf := messageBuffer[:]
	n, err := unix.Read(p.FD, buf)
	if err == unix.EAGAIN {
		return "", false
	}
	looptest.Must(p.T, err)
	return string(buf[:max(n, 0)]), err == nil
}

// messages returns messages of all sizes. Some are empty, unless the peer would take
// those for the end of the stream.
func messages(pair string) []string {
	all := []string{"one", "", "two", "", "", "t", string(bytes.Repeat([]byte("x"), 1500)), "four", string(noise(60_000)), "five"}
	if pair == "seqpacket" {
		return slices.DeleteFunc(all, func(s string) bool { return s == "" })
	}
	return all
}

// Each message is one EvRead, and Recv has exactly this message, even if the handler
// leaves it there.
func TestWrappedPacketsIn(t *testing.T) {
	for name := range packetPairs {
		for _, leave := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " left in Recv ", leave), func(t *testing.T) {
				m := newManager(t)
				var got []string
				r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
					if n := *data.(*int); n != c.Recv.Len() {
						t.Errorf("EvRead counts %d, Recv holds %d", n, c.Recv.Len())
					}
					if got = append(got, string(c.Recv.Bytes())); !leave {
						c.Recv.Reset()
					}
				}}}
				_, p := wrapPackets(t, m, name, r.Handle)
				want := messages(name)
				for i, s := range want {
					p.WriteString(s)
					if i%3 == 2 { // several wait at once
						await(t, m, "the messages", func() bool { return len(got) == i+1 })
					}
				}
				await(t, m, "the messages", func() bool { return len(got) == len(want) })
				if !slices.Equal(got, want) {
					t.Errorf("got %d messages, not those that were sent", len(got))
				}
				lives(t, m, r)
			})
		}
	}
}

// Each Write is one message.
func TestWrappedPacketsOut(t *testing.T) {
	for name := range packetPairs {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrapPackets(t, m, name, r.Handle)
			var want, got []string
			for range 30 { // more than a queue holds
				want = append(want, messages(name)...)
			}
			take := func() {
				for s, ok := message(p); ok; s, ok = message(p) {
					got = append(got, s)
				}
			}
			for i, s := range want {
				if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				if name == "udp" && i%5 == 4 { // its queue drops what does not fit
					await(t, m, "the messages", func() bool { take(); return len(got) == i+1 })
				}
			}
			await(t, m, "all messages", func() bool { take(); return len(got) >= len(want) })
			if !slices.Equal(got, want) {
				t.Errorf("%d messages came, not those %d that were written", len(got), len(want))
			}
			lives(t, m, r)
		})
	}
}

// An empty datagram is a message, not the end of the stream.
func TestEmptyMessage(t *testing.T) {
	for _, name := range []string{"dgram", "udp"} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrapPackets(t, m, name, r.Handle)
			for n := range 3 {
				p.WriteString("")
				await(t, m, "EvRead", func() bool { return r.Count(reactor.EvRead) == n+1 || r.Closed() })
				lives(t, m, r)
			}
			c.Write(nil)
			await(t, m, "an empty message", func() bool { s, ok := message(p); return ok && s == "" })
		})
	}
}

// SOCK_SEQPACKET has an end of the stream. It comes after all messages.
func TestEndOfSeqpacket(t *testing.T) {
	for _, half := range []bool{false, true} {
		for name, end := range map[string]func(p *peer){"close": (*peer).Close, "shutdown": (*peer).Shutdown} {
			t.Run(fmt.Sprint(name, " half close ", half), func(t *testing.T) {
				m := newManager(t)
				r := &recorder{}
				c, p := wrapPackets(t, m, "seqpacket", r.Handle)
				c.SetHalfClose(half)
				p.WriteString("last")
				p.WriteString("words")
				end(p)
				if half {
					awaitEvEnd(t, m, r)
					c.Close()
				}
				await(t, m, "EvClose", r.Closed)
				if string(r.Got) != "lastwords" || r.Count(reactor.EvRead) != 2 || len(r.Errs) > 0 {
					t.Errorf("got %q; %s, %v", r.Got, eventList(r.Events), r.Errs)
				}
			})
		}
	}
}

// The end of our side reaches the peer after all that was written.
func TestDrainOfWrappedPackets(t *testing.T) {
	for name := range packetPairs {
		t.Run(name, func(t *testing.T) {
			m, _ := timed(t)
			r := &recorder{}
			c, p := wrapPackets(t, m, name, r.Handle)
			c.Write([]byte("last"))
			c.Write([]byte("words"))
			c.Drain()
			var got []string
			await(t, m, "the final messages", func() bool {
				if s, ok := message(p); ok {
					got = append(got, s)
				}
				return len(got) == 2
			})
			if name == "seqpacket" {
				await(t, m, "the end", p.Ended)
				p.Close()
			}
			await(t, m, "EvClose", r.Closed)
			if !slices.Equal(got, []string{"last", "words"}) || len(r.Errs) > 0 {
				t.Errorf("the peer got %q; errors %v", got, r.Errs)
			}
		})
	}
}

// A paused connection is not read. Each Resume delivers one message more.
func TestPauseOfWrappedPackets(t *testing.T) {
	for name := range packetPairs {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			var got []string
			r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				got = append(got, string(c.Recv.Bytes()))
				c.Recv.Reset()
				c.Pause()
			}}}
			c, p := wrapPackets(t, m, name, r.Handle)
			want := []string{"a", "bc", "def"}
			for _, s := range want {
				p.WriteString(s)
			}
			for n := range want {
				await(t, m, "a message", func() bool { return len(got) > n })
				if spin(t, m, 3); len(got) != n+1 {
					t.Fatalf("got %q during a pause", got)
				}
				c.Resume()
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
		})
	}
}
