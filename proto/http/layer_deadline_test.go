package http_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// timedServer is a server with deadlines and a clock that the test sets. A bare socket is
// connected to it.
type timedServer struct {
	*testing.T
	looptest.Recorder

	m      *reactor.Manager
	clock  *looptest.Clock
	c      *reactor.Conn // the accepted connection
	client *looptest.Socket
	wrote  time.Time // the time of the last EvWrite
	msgs   int
	serve  func(c *reactor.Conn)
}

func (s *timedServer) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if c.IsListening() {
		return
	}
	s.Record(c, ev, data)
	switch ev {
	case reactor.EvAccept:
		s.c = c
	case reactor.EvWrite:
		s.wrote = s.clock.Now()
	case reactor.EvHTTPMsg:
		s.msgs++
		if s.serve != nil {
			s.serve(c)
		} else {
			must(s.T, http.Reply(c, 200, "", "ok"))
		}
	}
}

// trickle writes one byte per second. The loop reads each byte before the next one.
func (s *timedServer) trickle(bytes string) {
	s.Helper()
	for i := range bytes {
		s.clock.Advance(time.Second)
		s.write(bytes[i : i+1])
		if s.LastErr() != nil {
			s.Fatalf("%v after %d bytes", s.LastErr(), i)
		}
	}
}

func (s *timedServer) write(text string) {
	s.Helper()
	want := s.Read + len(text)
	s.client.WriteString(text)
	looptest.Await(s.T, s.m, "arrival", func() bool { return s.Read >= want || s.Closed() })
}

// after sets the clock forward and runs the loop.
func (s *timedServer) after(d time.Duration) {
	s.Helper()
	s.clock.Advance(d)
	looptest.Spin(s.T, s.m, 3)
}

// wantDeadline fails the test unless the connection has failed with that deadline.
func (s *timedServer) wantDeadline(name string) {
	s.Helper()
	var e *reactor.DeadlineError
	if !errors.As(s.LastErr(), &e) || e.Deadline != name || !s.Closed() {
		s.Fatalf("EvError has %v, closed %v; want the deadline %s", s.LastErr(), s.Closed(), name)
	}
}

// wantNone fails the test if the connection has failed or closed.
func (s *timedServer) wantNone(when string) {
	s.Helper()
	if s.LastErr() != nil || s.Closed() {
		s.Fatalf("%s: EvError has %v, closed %v; want none", when, s.LastErr(), s.Closed())
	}
}

// newTimedServer starts the server and connects the client. Its receive buffer is small.
func newTimedServer(t *testing.T, d reactor.Deadlines) *timedServer {
	t.Helper()
	s := &timedServer{T: t, clock: looptest.NewClock()}
	s.m = looptest.NewManager(t, reactor.WithDeadlines(d), reactor.WithClock(s.clock.Now))
	l, err := http.Listen(s.m, "http://127.0.0.1:0", s.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.client = looptest.DialSmallSocket(t, l.LocalAddr(), 4096)
	looptest.Await(t, s.m, "EvAccept", func() bool { return s.c != nil })
	return s
}

// moreThanSockets is more than the sockets of a connection take if the peer does not read.
// The peer's receive buffer must be small.
const moreThanSockets = 16 << 20

// longRequest has more bytes than any deadline has seconds.
const longRequest = "GET /a HTTP/1.1\r\nHost: h\r\nX-Slow: yes, and longer than any deadline\r\n\r\n"

// The connection fails if the first header is not complete in time. The time counts from
// EvAccept.
func TestSlowHeader(t *testing.T) {
	d := reactor.Deadlines{Handshake: 10 * time.Second, Idle: 5 * time.Second}
	s := newTimedServer(t, d)
	s.trickle(longRequest[:9])
	s.after(time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")

	s = newTimedServer(t, reactor.Deadlines{Handshake: 10 * time.Second}) // the client sends nothing
	s.after(10*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")
}

// The time for each later header counts from its first byte, and not from the end of the message
// before it.
func TestSlowHeaderOfLaterRequest(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{Handshake: 10 * time.Second, NextRequest: -1})
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

// The deadline of the header does not apply to the body. The idle timeout does.
func TestSlowBody(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{Handshake: 10 * time.Second, Message: -1, Idle: 5 * time.Second})
	s.write("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n")
	s.trickle(strings.Repeat("x", 39))
	if s.msgs != 0 {
		t.Fatal("EvHTTPMsg before the body is complete")
	}
	s.after(5*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("idle")
}

// The deadline of the body moves on while the body arrives fast enough. It ends with the
// message, and with a response that does not wait for the body.
func TestBodyDeadline(t *testing.T) {
	d := reactor.Deadlines{Handshake: 5 * time.Second, Message: 10 * time.Second, MessageRate: 100, NextRequest: -1, Stall: -1}
	begin := func() *timedServer {
		s := newTimedServer(t, d)
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
		s.wantNone(fmt.Sprintf("after %d bytes", 100*(i+1)))
	}
	s.write(strings.Repeat("x", 100))
	s.after(time.Hour)
	if s.wantNone("between messages"); s.msgs != 1 {
		t.Errorf("%d messages, want 1", s.msgs)
	}

	s = begin()
	s.c.Write(make([]byte, moreThanSockets))
	must(t, http.Reply(s.c, 413, "", "too large"))
	s.after(time.Hour)
	s.wantNone("while the response is sent")
}

// A header that waits because the request before it is not answered has no deadline.
func TestHeaderAfterUnansweredRequest(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{Handshake: 10 * time.Second})
	s.serve = func(*reactor.Conn) {}
	s.write(longRequest + longRequest[:5])
	s.after(time.Hour)
	s.wantNone("before the response")
	must(t, http.Reply(s.c, 200, "", "ok"))
	looptest.Spin(t, s.m, 3)
	s.after(10*time.Second - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
	s.wantDeadline("handshake")
}

// The connection fails if the client does not read the response.
func TestClientNeverReads(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{Stall: 10 * time.Second, Handshake: time.Minute})
	s.serve = func(c *reactor.Conn) { must(t, http.ReplyBytes(c, 200, "", make([]byte, moreThanSockets))) }
	s.write(longRequest)
	looptest.Await(t, s.m, "EvWrite", func() bool { return !s.wrote.IsZero() })
	for took := (time.Time{}); took != s.wrote; { // the kernel may take more bytes at any time, and the time counts from then
		took = s.wrote
		s.after(took.Add(10*time.Second - 1).Sub(s.clock.Now()))
		if s.wantNone("a nanosecond early"); took == s.wrote {
			s.after(1)
		}
	}
	s.wantDeadline("stall")
}

// The header of a response has the same deadline. The time counts from its first byte.
func TestSlowResponse(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now),
		reactor.WithDeadlines(reactor.Deadlines{Connect: time.Second, Handshake: 10 * time.Second}))
	ln, addr := looptest.ListenSocket(t)
	var failure error
	connected, read := false, 0
	_, err := http.Connect(m, "http://"+addr, func(c *reactor.Conn, ev reactor.Event, data any) {
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
	peer := ln.AwaitAccept(m)
	looptest.Await(t, m, "the connection", func() bool { return connected })
	clock.Advance(time.Hour) // before the first byte there is no deadline
	looptest.Spin(t, m, 3)
	for i, b := range []string{"H", "T", "T", "P"} {
		peer.WriteString(b)
		looptest.Await(t, m, "arrival", func() bool { return read == i+1 })
		clock.Advance(3 * time.Second)
	}
	if failure != nil {
		t.Fatal(failure)
	}
	looptest.Spin(t, m, 3)
	var e *reactor.DeadlineError
	if !errors.As(failure, &e) || e.Deadline != "handshake" {
		t.Errorf("EvError has %v, want the deadline handshake", failure)
	}
}
