package http_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// wantQuietEnd fails the test unless the connection has closed without an error.
func (s *timedServer) wantQuietEnd() {
	s.Helper()
	if s.LastErr() != nil || !s.Closed() {
		s.Fatalf("EvError has %v, closed %v; want a connection that has closed quietly", s.LastErr(), s.Closed())
	}
}

// just waits until a nanosecond before the time d has passed, and then until it has. The connection
// must be open in between.
func (s *timedServer) just(d time.Duration) {
	s.Helper()
	s.after(d - 1)
	s.wantNone("a nanosecond early")
	s.after(1)
}

// What a server's peer may take, if the program sets no deadlines.
func TestDefaultDeadlinesOfAServer(t *testing.T) {
	const post = "POST /b HTTP/1.1\r\nHost: h\r\n"
	for _, row := range []struct {
		name, say string
		after     time.Duration
		deadline  string // empty: it closes quietly
	}{
		{"nothing arrives", "", 10 * time.Second, "handshake"},
		{"part of the first header", longRequest[:9], 10 * time.Second, "handshake"},
		{"part of a later header", longRequest + longRequest[:1], 10 * time.Second, "handshake"},
		{"part of a header after an empty line", longRequest + "\r\n", 10 * time.Second, "handshake"},
		{"no other request", longRequest, 60 * time.Second, ""},
		{"no other request after two", longRequest + longRequest, 60 * time.Second, ""},
		{"part of a body", post + "Content-Length: 9\r\n\r\n12345678", 20 * time.Second, "message"},
		{"no byte of a body", post + "Content-Length: 9\r\n\r\n", 20 * time.Second, "message"},
		{"part of a chunk size", post + "Transfer-Encoding: chunked\r\n\r\n1", 20 * time.Second, "message"},
		{"part of a chunk", post + "Transfer-Encoding: chunked\r\n\r\n2\r\n1", 20 * time.Second, "message"},
		{"part of a trailer", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\nA: b\r\n", 20 * time.Second, "message"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newTimedServer(t, reactor.Deadlines{})
			if row.say != "" {
				s.write(row.say)
			}
			if s.just(row.after); row.deadline == "" {
				s.wantQuietEnd()
			} else {
				s.wantDeadline(row.deadline)
			}
		})
	}
}

// The wait for the next request begins again after each answer. It does not run while a request
// is not answered (long poll), and its time is not that of the header.
func TestNextRequestDeadline(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{Handshake: time.Hour, NextRequest: 5 * time.Second})
	for range 3 {
		s.write(longRequest)
		s.after(5*time.Second - 1)
		s.wantNone("before the next request")
	}
	s.serve = func(*reactor.Conn) {}
	s.write(longRequest)
	s.after(24 * time.Hour)
	s.wantNone("while the request is not answered")
	must(t, http.Reply(s.c, 200, "", "at last"))
	s.just(5 * time.Second)
	s.wantQuietEnd()

	s = newTimedServer(t, reactor.Deadlines{Handshake: time.Hour, NextRequest: 5 * time.Second})
	s.write(longRequest + longRequest[:9])
	s.after(time.Hour - 1)
	s.wantNone("in the middle of a header")

	s = newTimedServer(t, reactor.Deadlines{NextRequest: 5 * time.Second}) // the program answers by itself
	s.serve = func(*reactor.Conn) {}
	s.write(longRequest)
	s.c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	s.after(24 * time.Hour)
	s.wantNone("before MarkAnswered")
	must(t, http.MarkAnswered(s.c))
	s.just(5 * time.Second)
	s.wantQuietEnd()
}

// A request that waits in Recv, because the connection is paused, ends the wait.
func TestNextRequestDeadlineWithPipelinedRequests(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{NextRequest: 5 * time.Second})
	s.serve = func(c *reactor.Conn) {
		must(t, http.Reply(c, 200, "", "ok"))
		c.Pause()
	}
	s.write(longRequest + longRequest)
	s.after(time.Hour)
	s.wantNone("paused, with a request in Recv")
	s.c.Resume()
	s.after(0)
	s.after(time.Hour)
	if s.wantNone("paused"); s.msgs != 2 {
		t.Fatalf("%d messages, want 2", s.msgs)
	}
	s.c.Resume()
	s.after(5 * time.Second)
	s.wantQuietEnd()
}

// While the answer is not read, its bytes have the stall deadline. The next request counts from
// when the last byte was written.
func TestNextRequestDeadlineWhileTheAnswerIsUnsent(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{NextRequest: 5 * time.Second, Stall: time.Hour})
	s.serve = func(c *reactor.Conn) { must(t, http.ReplyBytes(c, 200, "", make([]byte, moreThanSockets))) }
	s.write(longRequest)
	for range 10 {
		s.after(30 * time.Second)
		s.wantNone("the answer is unsent")
	}
	looptest.Await(t, s.m, "the client to read", func() bool { s.client.Receive(); return s.c.Send.Len() == 0 })
	s.just(5 * time.Second)
	s.wantQuietEnd()
}

// A connection that is a tunnel or has another protocol now awaits no request.
func TestNoNextRequestAfterAnUpgrade(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{})
	s.write(longRequest)
	s.serve = func(c *reactor.Conn) {
		c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
		l, _ := http.Layer(c)
		c.Stack().Replace(l, nil)
	}
	s.write(longRequest)
	s.after(24 * time.Hour)
	s.wantNone("after the upgrade")
}

// A body may take any time if it comes at MessageRate, and not if it comes slower.
func TestBodyAtTheRate(t *testing.T) {
	d := reactor.Deadlines{Message: 2 * time.Second, MessageRate: reactor.DefaultMessageRate}
	for size, fails := range map[int]bool{500: false, 499: true} {
		s := newTimedServer(t, d)
		s.write("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
		seconds := 0
		for ; seconds < 1000 && s.LastErr() == nil; seconds++ {
			s.after(time.Second)
			s.client.WriteIfOpen(strings.Repeat("x", size))
			s.after(0)
		}
		if fails != (s.LastErr() != nil) || fails && seconds < 500 {
			t.Errorf("%d bytes per second: %v after %d s", size, s.LastErr(), seconds)
		}
	}
	s := newTimedServer(t, reactor.Deadlines{}) // the default
	s.write("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
	for range 100 {
		s.after(time.Second)
		s.write(strings.Repeat("x", reactor.DefaultMessageRate))
	}
	s.just(20 * time.Second)
	s.wantDeadline("message")
}

// SetDeadlines counts from the beginning of the wait that is on: for a header, a body, and the
// next request.
func TestSetDeadlinesInTheMiddleOfEachWait(t *testing.T) {
	for _, row := range []struct {
		say      string
		set      reactor.Deadlines
		deadline string
	}{
		{longRequest[:3], reactor.Deadlines{Handshake: 9 * time.Second}, "handshake"},
		{longRequest + longRequest[:3], reactor.Deadlines{Handshake: 9 * time.Second}, "handshake"},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", reactor.Deadlines{Message: 9 * time.Second}, "message"},
		{longRequest, reactor.Deadlines{NextRequest: 9 * time.Second}, ""},
	} {
		s := newTimedServer(t, reactor.Deadlines{})
		s.write(row.say)
		s.after(5 * time.Second)
		s.c.SetDeadlines(row.set)
		if s.just(4 * time.Second); row.deadline == "" {
			s.wantQuietEnd()
		} else {
			s.wantDeadline(row.deadline)
		}
	}
}

// A loop that is late finds the next request in the socket and answers it.
func TestLateLoopAnswersTheNextRequest(t *testing.T) {
	s := newTimedServer(t, reactor.Deadlines{})
	s.write(longRequest)
	s.clock.Advance(time.Hour)
	must(t, s.m.Post(func() { s.client.WriteString(longRequest) })) // after the loop has read in this turn
	looptest.Spin(t, s.m, 3)
	if s.wantNone("late"); s.msgs != 2 {
		t.Fatalf("%d messages, want 2", s.msgs)
	}
	s.just(60 * time.Second)
	s.wantQuietEnd()
}

// stalls turns the loop, half a minute at a time, until all connections have ended, which is after
// Stall. The kernel may take a little more at first.
func stalls(t *testing.T, m *reactor.Manager, clock *looptest.Clock) {
	t.Helper()
	for i := 0; m.Stats().Conns > 0; i++ {
		if i > 20 {
			t.Fatalf("%d connections are open after %d times the stall deadline", m.Stats().Conns, i)
		}
		looptest.Spin(t, m, 20)
		clock.Advance(reactor.DefaultStallDeadline)
		looptest.Spin(t, m, 20)
	}
}

// Clients that ask for a large answer and then for the end, and read nothing, go away after Stall.
func TestUnreadLastAnswers(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			clock := looptest.NewClock()
			m := looptest.NewManager(t, reactor.WithClock(clock.Now))
			authority, body, msgs := looptest.NewAuthority(t), make([]byte, 8<<20), 0
			l, err := http.Listen(m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvHTTPMsg {
					msgs++
					must(t, http.ReplyBytes(c, 200, "Connection: close\r\n", body))
				}
			}, nil)
			must(t, err)
			if scheme == "https" {
				l.StartTLS(authority.Server(t))
			}
			// Less than an answer fits into the sockets.
			small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
				return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
			}}
			const clients = 6
			done := make(chan error, clients)
			for range clients {
				nc, err := small.Dial("tcp", l.LocalAddr().String())
				must(t, err)
				defer nc.Close()
				go func() {
					if scheme == "https" {
						cfg := authority.Client()
						cfg.ServerName = "127.0.0.1"
						nc = tls.Client(nc, cfg)
					}
					_, err := fmt.Fprint(nc, longRequest)
					done <- err
				}()
			}
			looptest.Await(t, m, "the requests", func() bool { return msgs == clients })
			for range clients {
				must(t, <-done)
			}
			stalls(t, m, clock)
			if n := m.Stats().Failed; n != clients {
				t.Errorf("%d connections have failed, want %d", n, clients)
			}
		})
	}
}

// A client has the same defaults: for the header of a response from its first byte on, for the
// rest of a response, and for its own request if the server does not read. It may wait for a
// response as long as it wants.
func TestDefaultDeadlinesOfAClient(t *testing.T) {
	for _, row := range []struct {
		name, say string
		after     time.Duration
		deadline  string // empty: none
	}{
		{"no response", "", 24 * time.Hour, ""},
		{"part of a header", "HTTP/1.1", 10 * time.Second, "handshake"},
		{"part of a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", 20 * time.Second, "message"},
		{"a body without a length", "HTTP/1.1 200 OK\r\n\r\n1", 20 * time.Second, "message"},
		{"a response", "HTTP/1.1 204 No Content\r\n\r\n", 24 * time.Hour, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &timedServer{T: t, clock: looptest.NewClock(), serve: func(*reactor.Conn) {}}
			s.m = looptest.NewManager(t, reactor.WithClock(s.clock.Now))
			ln, addr := looptest.ListenSocket(t)
			c, err := http.Connect(s.m, "http://"+addr, s.handle, nil)
			must(t, err)
			s.c, s.client = c, ln.AwaitAccept(s.m)
			looptest.Await(t, s.m, "the connection", s.Saw(reactor.EvConnect))
			s.after(time.Hour)
			if row.say != "" {
				s.write(row.say)
			}
			if s.just(row.after); row.deadline == "" {
				s.wantNone("a client")
			} else {
				s.wantDeadline(row.deadline)
			}
		})
	}
}
