package http_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A server has ended its side of an idle connection, and still reads. A request that is sent again
// because no byte of it was written is not written to the old connection afterwards.
func TestClientRetryIsNotSentTwice(t *testing.T) {
	far := newLoop(t) // a loop of its own, so that the client does not see the end
	s := far.listenRaw(func(p *rawConn) {
		switch {
		case strings.HasPrefix(p.got, "GET"):
			p.say(ok("", "old"))
		case p.n > 0 && strings.HasPrefix(p.got, "POST"):
			p.say(ok("", "new"))
		}
	})
	ct := newClientTest(t, nil)
	both := func(what string, done func() bool) {
		ct.until(what, func() bool { far.idle(); return done() })
	}
	first := ct.start(&http.Request{URL: s.url})
	both("the first response", func() bool { return first.ended > 0 })
	s.conns[0].got = ""
	var x *call // the loop reads other first: its handler sends a request before the end is read
	other, err := ct.m.Connect("tcp"+strings.TrimPrefix(s.url, "http"), func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead && x == nil {
			x = ct.start(&http.Request{Method: "POST", URL: s.url, Body: []byte("body")})
		}
	}, nil)
	must(t, err)
	both("the other connection", func() bool { return len(s.conns) == 2 })
	s.conns[1].say("go")
	far.idle()
	s.conns[0].c.CloseWrite()
	far.idle()
	both("the end", func() bool { return x != nil && x.ended > 0 && ct.m.Stats().Conns == 2 })
	far.idle()
	if x.body() != "new" || s.conns[0].got != "" {
		t.Errorf("%q, error %v; the old connection got %q", x.lines, x.err, s.conns[0].got)
	}
	other.Close()
	ct.m.Close()
	far.m.Close()
}

// faultyReader returns text, then err, and then rest.
type faultyReader struct {
	text, rest string
	err        error
}

func (r *faultyReader) Read(p []byte) (n int, err error) {
	if r.text == "" && r.err != nil {
		err, r.err = r.err, nil
		return 0, err
	}
	if r.text == "" {
		r.text, r.rest = r.rest, ""
	}
	if n = copy(p, r.text); n == 0 {
		return 0, io.EOF
	}
	r.text = r.text[n:]
	return n, nil
}

// The reader of a body fails when it is read for the first time, which is after the header was
// written. The error may look like that of a socket. The request is not sent again.
func TestClientReaderFailsAtOnce(t *testing.T) {
	for name, err := range map[string]error{"an error of a file": syscall.EIO, "too short": io.ErrUnexpectedEOF} {
		ct := newClientTest(t, nil)
		s := ct.listenRaw(func(p *rawConn) {
			if p.n > 0 || strings.HasPrefix(p.got, "GET") {
				p.say(ok("", "a"))
			}
		})
		ct.get(s.url, "a")
		s.conns[0].got = ""
		x := ct.do(&http.Request{Method: "POST", URL: s.url, Size: http.Chunked, Reader: &faultyReader{"one", "two", err}})
		if !errors.Is(x.err, err) || len(s.conns) != 1 {
			t.Errorf("%s: %q, error %v, %d connections", name, x.lines, x.err, len(s.conns))
		}
	}
}
