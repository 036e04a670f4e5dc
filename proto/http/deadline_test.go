package http_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// late is a server with deadlines on a clock of the test's, and a bare socket
// that is connected to it.
type late struct {
	*testing.T
	m      *reactor.Manager
	now    time.Time
	c      *reactor.Conn // accepted
	fd     int           // the other end
	got    []byte
	read   int
	wrote  time.Time // when the socket last took something
	msgs   int
	err    error
	closed bool
	serve  func(c *reactor.Conn)
}

func newLate(t *testing.T, d reactor.Deadlines) *late {
	t.Helper()
	s := &late{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.m = looptest.NewManager(t, reactor.WithDeadlines(d), reactor.WithClock(func() time.Time { return s.now }))
	l, err := http.Listen(s.m, "http://127.0.0.1:0", s.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.fd = looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &s.fd)
	looptest.NoDelay(t, s.fd)
	unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	looptest.Connect(t, s.fd, l.LocalAddr())
	looptest.Await(t, s.m, "EvAccept", func() bool { return s.c != nil })
	return s
}

func (s *late) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvAccept:
		s.c = c
	case reactor.EvRead:
		s.read += *data.(*int)
	case reactor.EvWrite:
		s.wrote = s.now
	case reactor.EvHTTPMsg:
		s.msgs++
		if s.serve != nil {
			s.serve(c)
		} else {
			must(s.T, http.Reply(c, 200, "", "ok"))
		}
	case reactor.EvError:
		s.err = data.(error)
	case reactor.EvClose:
		s.closed = s.closed || !c.IsListening()
	}
}

// trickle writes a byte per second, each of which the loop reads.
func (s *late) trickle(bytes string) {
	s.Helper()
	for i := range bytes {
		s.now = s.now.Add(time.Second)
		s.write(bytes[i : i+1])
		if s.err != nil {
			s.Fatalf("%v after %d bytes", s.err, i)
		}
	}
}

func (s *late) write(text string) {
	s.Helper()
	want := s.read + len(text)
	looptest.Write(s.T, s.fd, text)
	looptest.Await(s.T, s.m, "arrival", func() bool { return s.read >= want || s.closed })
}

// after lets time pass.
func (s *late) after(d time.Duration) {
	s.Helper()
	s.now = s.now.Add(d)
	looptest.Spin(s.T, s.m, 3)
}

// wantDeadline fails the test unless the connection has failed for that reason.
func (s *late) wantDeadline(name string) {
	s.Helper()
	var e *reactor.DeadlineError
	if !errors.As(s.err, &e) || e.Deadline != name || !s.closed {
		s.Fatalf("%v, closed %v; want the %s deadline", s.err, s.closed, name)
	}
}

func (s *late) wantNone(when string) {
	s.Helper()
	if s.err != nil || s.closed {
		s.Fatalf("%s: %v, closed %v", when, s.err, s.closed)
	}
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

const longRequest = "GET /a HTTP/1.1\r\nHost: h\r\nX-Slow: yes, and longer than any deadline\r\n\r\n"

// A client that sends its header byte by byte is closed when the time for it is
// up, which counts from when it was accepted.
func TestSlowHeader(t *testing.T) {
	d := reactor.Deadlines{Handshake: 10 * time.Second, Idle: 5 * time.Second}
	s := newLate(t, d)
	s.trickle(longRequest[:9])
	s.after(time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")

	s = newLate(t, reactor.Deadlines{Handshake: 10 * time.Second}) // nothing at all comes
	s.after(10*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")
}

// Each later header has the same time from its first byte on; between messages
// there is none.
func TestSlowHeaderOfALaterRequest(t *testing.T) {
	s := newLate(t, reactor.Deadlines{Handshake: 10 * time.Second})
	for i := range 3 {
		s.write(longRequest)
		if s.msgs != 2*i+1 {
			t.Fatalf("%d messages, want %d", s.msgs, 2*i+1)
		}
		s.after(time.Hour)
		s.wantNone("between messages")
		s.trickle(longRequest[:9])
		s.write(longRequest[9:])
		s.after(time.Hour)
		s.wantNone("between messages")
	}
	s.write(longRequest[:1])
	s.trickle(longRequest[1:10])
	s.after(time.Second)
	s.wantDeadline("handshake")
}

// A body may take its time: only the header has a deadline, silence another.
func TestSlowBody(t *testing.T) {
	s := newLate(t, reactor.Deadlines{Handshake: 10 * time.Second, Idle: 5 * time.Second})
	s.write("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n")
	s.trickle(strings.Repeat("x", 39))
	if s.msgs != 0 {
		t.Fatal("complete already")
	}
	s.after(5*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("idle")
}

// A body has a deadline of its own, which a body that comes fast enough moves on,
// however long it takes, and which is over with the message.
func TestBodyDeadline(t *testing.T) {
	d := reactor.Deadlines{Handshake: 5 * time.Second, Message: 10 * time.Second, Rate: 100}
	begin := func() *late {
		s := newLate(t, d)
		s.write("POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n")
		return s
	}
	s := begin()
	s.trickle(strings.Repeat("x", 9))
	s.after(time.Second - 1 + 90*time.Millisecond)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("message")

	s = begin()
	for i := range 39 {
		s.after(time.Second)
		s.write(strings.Repeat("x", 100))
		s.wantNone(fmt.Sprint(i))
	}
	s.write(strings.Repeat("x", 100))
	s.after(time.Hour)
	if s.wantNone("between messages"); s.msgs != 1 {
		t.Errorf("%d messages", s.msgs)
	}

	s = begin() // an answer that does not wait for the body ends the wait for it
	s.c.Write(make([]byte, 32<<20))
	must(t, http.Reply(s.c, 413, "", "too large"))
	s.after(time.Hour)
	s.wantNone("the answer is on its way")
}

// A header that waits behind a request that is not answered yet is not late.
func TestHeaderBehindAnUnansweredRequest(t *testing.T) {
	s := newLate(t, reactor.Deadlines{Handshake: 10 * time.Second})
	s.serve = func(*reactor.Conn) {}
	s.write(longRequest + longRequest[:5])
	s.after(time.Hour)
	s.wantNone("the answer is ours to give")
	must(t, http.Reply(s.c, 200, "", "ok"))
	looptest.Spin(t, s.m, 3)
	s.after(10*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")
}

// A client that never reads its answer is closed.
func TestClientThatNeverReads(t *testing.T) {
	s := newLate(t, reactor.Deadlines{Stall: 10 * time.Second, Handshake: time.Minute})
	s.serve = func(c *reactor.Conn) { must(t, http.ReplyBytes(c, 200, "", make([]byte, 32<<20))) }
	s.write(longRequest)
	looptest.Await(t, s.m, "the answer", func() bool { return !s.wrote.IsZero() })
	for took := (time.Time{}); took != s.wrote; { // the kernel finds room when it likes, and time counts from then
		took = s.wrote
		s.after(took.Add(10*time.Second - 1).Sub(s.now))
		if s.wantNone("a nanosecond early"); took == s.wrote {
			s.after(1)
		}
	}
	s.wantDeadline("stall")
}

// A server's answer has the time for its header, too, from its first byte on.
func TestSlowAnswer(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := looptest.NewManager(t, reactor.WithClock(func() time.Time { return now }),
		reactor.WithDeadlines(reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second}))
	ln := looptest.Open(t, loopback.Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &ln)
	at := looptest.Bind(t, ln, loopback, 8)
	var failure error
	connected, read := false, 0
	_, err := http.Connect(m, "http://"+at.String(), func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			connected = true
		case reactor.EvRead:
			read++
		case reactor.EvError:
			failure = data.(error)
		}
	}, nil)
	must(t, err)
	peer, ok := -1, false
	looptest.Await(t, m, "the connection", func() bool {
		if !ok {
			peer, ok = looptest.Accept(t, ln)
		}
		return connected && ok
	})
	looptest.Own(t, &peer)
	now = now.Add(time.Hour) // the server thinks
	looptest.Spin(t, m, 3)
	for i, b := range []string{"H", "T", "T", "P"} {
		looptest.Write(t, peer, b)
		looptest.Await(t, m, "arrival", func() bool { return read == i+1 })
		now = now.Add(3 * time.Second)
	}
	if failure != nil {
		t.Fatal(failure)
	}
	looptest.Spin(t, m, 3)
	var e *reactor.DeadlineError
	if !errors.As(failure, &e) || e.Deadline != "handshake" {
		t.Errorf("%v, want the handshake deadline", failure)
	}
}

// Draining waits for the answer to a request that the program has taken, and
// the connection ends with it.
func TestDrainWaitsForTheAnswer(t *testing.T) {
	s := newLate(t, reactor.Deadlines{})
	var asked *reactor.Conn
	s.serve = func(c *reactor.Conn) { asked = c }
	s.write(longRequest)
	looptest.Await(t, s.m, "the request", func() bool { return asked != nil })
	eof := false
	turns := 0
	stop := looptest.EachTurn(s.m, func() {
		if turns++; turns == 3 {
			must(t, http.Reply(asked, 200, "", "late"))
		}
		if !eof {
			if s.got, eof, _ = looptest.Read(s.fd, s.got); eof {
				looptest.Shutdown(t, s.fd)
			}
		}
	})
	defer stop()
	if stragglers, err := s.m.Drain(time.Minute); stragglers != nil || err != nil {
		t.Errorf("Drain: %v, %v", stragglers, err)
	}
	if got := string(s.got); !strings.HasSuffix(got, "late") || !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("answer %q", got)
	}
}

// Draining, a server sends what it has answered and then ends idle connections too.
func TestDrainServer(t *testing.T) {
	s := newLate(t, reactor.Deadlines{})
	body := bytes.Repeat([]byte("x"), 4<<20)
	s.serve = func(c *reactor.Conn) { must(t, http.ReplyBytes(c, 200, "", body)) }
	s.write(longRequest)
	eof := false
	stop := looptest.EachTurn(s.m, func() { // the other end, which reads
		if !eof {
			s.got, eof, _ = looptest.Read(s.fd, s.got)
			if eof {
				looptest.Shutdown(t, s.fd)
			}
		}
	})
	defer stop()
	stragglers, err := s.m.Drain(time.Minute)
	if stragglers != nil || err != nil || s.err != nil || !s.closed {
		t.Errorf("Drain: %v, %v; failed %v, closed %v", stragglers, err, s.err, s.closed)
	}
	if !bytes.HasSuffix(s.got, body) || !eof {
		t.Errorf("%d bytes came, end of stream %v", len(s.got), eof)
	}
}
