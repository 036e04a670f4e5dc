package http_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A flood is as many requests as one read brings, each with an answer that is
// thousands of times larger.
const (
	floodRequests = 2600
	floodBody     = 100 << 10 // of answers by http://
	floodBodyTLS  = 25 << 10  // and by https://
	lowMark       = 128 << 10
	highMark      = 256 << 10
)

var floodRequest = "GET / HTTP/1.1\r\nHost:\r\n\r\n"

// flooded is a server under a flood, and its client on the same loop.
type flooded struct {
	*testing.T
	m        *reactor.Manager
	server   *reactor.Conn
	client   *reactor.Conn
	answered int
	peak     int  // bytes in the server's Send, at the most
	early    int  // requests that were delivered while more than allowed waited
	bound    int  // of bytes that may wait when a request is delivered
	body     int  // bytes of an answer's body
	began    bool // the client has read
	got      *looptest.Series
	err      error
}

// newFlooded connects them. The client stops reading when the first bytes come.
func newFlooded(t *testing.T, scheme string, bound int, prepare func(l *reactor.Conn)) *flooded {
	t.Helper()
	f := &flooded{T: t, m: looptest.NewManager(t), bound: bound, body: floodBody}
	if scheme == "https" {
		f.body = floodBodyTLS
	}
	rest := strings.Repeat("x", f.body-6)
	f.got = looptest.NewSeries(func(i int) []byte {
		return []byte(ok("", fmt.Sprintf("%06d", i)+rest))
	})
	l, err := http.Listen(f.m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		f.serve(c, ev, data, rest)
	}, nil)
	must(t, err)
	prepare(l)
	under := "tcp"
	if scheme == "https" {
		under = "tls"
	}
	c, err := f.m.Connect(under+"://"+l.LocalAddr().String(), f.hear, nil)
	must(t, err)
	if scheme == "https" {
		authority := looptest.NewAuthority(t)
		l.StartTLS(authority.Server(t))
		c.StartTLS(authority.Client())
	}
	io.WriteString(c, strings.Repeat(floodRequest, floodRequests))
	f.client = c
	return f
}

func (f *flooded) serve(c *reactor.Conn, ev reactor.Event, data any, rest string) {
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

func (f *flooded) hear(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
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

// check lets the server answer as much as it will, then the client read it all.
func (f *flooded) check() {
	f.Helper()
	looptest.Await(f.T, f.m, "the first answer", func() bool { return f.began || f.err != nil })
	looptest.Spin(f.T, f.m, 200)
	if f.answered >= floodRequests {
		f.Errorf("all %d requests were answered before the client has read", f.answered)
	}
	f.client.Resume()
	looptest.Progress(f.T, f.m, "answers", func() (int, bool) {
		if f.err != nil || f.got.Err() != nil {
			f.Fatalf("failed: %v, answers: %v", f.err, f.got.Err())
		}
		return f.got.Len(), f.got.Len() == floodRequests
	})
	if f.answered != floodRequests {
		f.Errorf("%d requests answered, %d were sent", f.answered, floodRequests)
	}
	if f.early > 0 {
		f.Errorf("%d requests were delivered while more than %d bytes waited", f.early, f.bound)
	}
	one := len(ok("", "")) + 5 + f.body
	if f.peak > f.bound+one || f.peak <= f.bound {
		f.Errorf("%d bytes waited at the most, want more than %d and no more than one answer on top", f.peak, f.bound)
	}
	if n := f.server.Send.Len(); n > 0 {
		f.Errorf("%d bytes are left in Send", n)
	}
}

// A program that pauses at the high-water mark and resumes at the low one bounds its
// memory, however many requests one read brings: the mark is looked at behind each.
func TestFloodWithWaterMarks(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			f := newFlooded(t, scheme, highMark, func(l *reactor.Conn) {
				l.SetWater(lowMark, highMark)
				must(t, l.SetLimits(reactor.Limits{Send: 1 << 20}))
			})
			f.check()
			if n := f.m.Stats().Pauses; n < 100 {
				t.Errorf("%d pauses", n)
			}
		})
	}
}

// A program that sets nothing does so as well.
func TestFloodWithoutSettings(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			newFlooded(t, scheme, reactor.DefaultUnsent, func(*reactor.Conn) {}).check()
		})
	}
}

// The bound of bytes that wait is the program's to set; requests go on when half of it
// is gone.
func TestFloodWithOwnBound(t *testing.T) {
	const bound = 300 << 10
	newFlooded(t, "https", bound, func(l *reactor.Conn) {
		must(t, l.SetLimits(reactor.Limits{Unsent: bound}))
	}).check()
}
