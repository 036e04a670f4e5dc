package http_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A flood is as many requests as one read brings. The responses are a hundred times larger.
// Together they are far more than may wait in Send and in the sockets.
const (
	floodRequests = 2600
	floodBody     = 6 << 10 // bytes of a response's body
	lowMark       = 32 << 10
	highMark      = 64 << 10
)

const floodRequest = "GET / HTTP/1.1\r\nHost:\r\n\r\n"

// flood is a server that gets a flood of requests, and its client on the same loop.
type flood struct {
	*testing.T
	m        *reactor.Manager
	server   *reactor.Conn // the accepted connection
	client   *reactor.Conn
	bound    int  // number of bytes that may wait in Send when a request is delivered
	answered int  // number of requests answered
	peak     int  // largest number of bytes in the server's Send
	early    int  // number of requests delivered while more than bound bytes waited
	began    bool // the client has received bytes
	got      *looptest.Series
	err      error // of EvError on either side
}

// newFlood starts the server, connects the client and sends the requests. The client pauses
// when the first bytes arrive. Its receive buffer is small.
func newFlood(t *testing.T, scheme string, bound int, prepare func(l *reactor.Conn)) *flood {
	t.Helper()
	f := &flood{T: t, m: looptest.NewStillManager(t), bound: bound}
	rest := strings.Repeat("x", floodBody-6)
	f.got = looptest.NewSeries(func(i int) []byte {
		return []byte(ok("", fmt.Sprintf("%06d", i)+rest))
	})
	l, err := http.Listen(f.m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		f.serve(c, ev, data, rest)
	}, nil)
	must(t, err)
	prepare(l)
	under := map[string]string{"http": "tcp", "https": "tls"}[scheme]
	f.client, err = f.m.Connect(under+"://"+l.LocalAddr().String(), f.receive, nil)
	must(t, err)
	if scheme == "https" {
		authority := looptest.NewAuthority(t)
		l.StartTLS(authority.Server(t))
		f.client.StartTLS(authority.Client())
	}
	io.WriteString(f.client, strings.Repeat(floodRequest, floodRequests))
	return f
}

// serve is the server's handler.
func (f *flood) serve(c *reactor.Conn, ev reactor.Event, data any, rest string) {
	switch ev {
	case reactor.EvHTTPMsg:
		f.server = c
		if c.Send.Len() > f.bound {
			f.early++
		}
		must(f.T, http.Reply(c, 200, "", "%06d%s", f.answered, rest))
		f.answered++
		f.peak = max(f.peak, c.Send.Len())
	case reactor.EvHighWater:
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvError:
		f.err = data.(error)
	}
}

// receive is the client's handler.
func (f *flood) receive(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		looptest.NarrowReceive(f.T, descriptor(f.T, c))
	case reactor.EvRead:
		if !f.began {
			f.began = true
			c.Pause()
		}
		f.got.Write(c.Recv.Bytes())
		c.Recv.Reset()
	case reactor.EvError:
		f.err = data.(error)
	}
}

// descriptor returns the socket of a client's connection. It looks for the socket that has
// the connection's local address.
func descriptor(t *testing.T, c *reactor.Conn) int {
	t.Helper()
	for fd := range 1024 {
		if a, err := unix.Getsockname(fd); err == nil {
			if in, ok := a.(*unix.SockaddrInet4); ok && in.Port == int(c.LocalAddr().Port()) {
				return fd
			}
		}
	}
	t.Fatal("the connection's socket was not found")
	return -1
}

// check lets the server answer until it stops. Then the client reads everything.
func (f *flood) check() {
	f.Helper()
	looptest.Await(f.T, f.m, "the first response", func() bool { return f.began || f.err != nil })
	looptest.Spin(f.T, f.m, 200)
	if f.answered >= floodRequests {
		f.Errorf("all %d requests were answered before the client reads", f.answered)
	}
	f.client.Resume()
	looptest.Progress(f.T, f.m, "responses", func() (int, bool) {
		if f.err != nil || f.got.Err() != nil {
			f.Fatalf("EvError has %v; responses: %v", f.err, f.got.Err())
		}
		return f.got.Len(), f.got.Len() == floodRequests
	})
	if f.answered != floodRequests {
		f.Errorf("%d requests were answered, want %d", f.answered, floodRequests)
	}
	if f.early > 0 {
		f.Errorf("%d requests were delivered while more than %d bytes waited in Send", f.early, f.bound)
	}
	one := len(ok("", "")) + 5 + floodBody
	if f.peak > f.bound+one || f.peak <= f.bound {
		f.Errorf("at most %d bytes waited in Send, want more than %d and at most one response more", f.peak, f.bound)
	}
	if n := f.server.Send.Len(); n > 0 {
		f.Errorf("%d bytes are left in Send", n)
	}
}

// A program that pauses at the high-water mark and resumes at the low one limits its
// memory, however many requests one read brings. The mark is checked after each request.
func TestFloodWithWaterMarks(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			f := newFlood(t, scheme, highMark, func(l *reactor.Conn) {
				l.SetWater(lowMark, highMark)
				must(t, l.SetLimits(reactor.Limits{Send: 1 << 20}))
			})
			f.check()
			if n := f.m.Stats().Pauses; n < 100 {
				t.Errorf("%d pauses, want at least 100", n)
			}
		})
	}
}

// The default of Limits.Backpressure limits the memory of a program that sets nothing.
func TestFloodWithoutSettings(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			newFlood(t, scheme, reactor.DefaultMaxBackpressure, func(*reactor.Conn) {}).check()
		})
	}
}

// The program may set Limits.Backpressure. Requests continue when half of it has been sent.
func TestFloodWithOwnBound(t *testing.T) {
	const bound = 300 << 10
	newFlood(t, "https", bound, func(l *reactor.Conn) {
		must(t, l.SetLimits(reactor.Limits{Backpressure: bound}))
	}).check()
}
