package http_test

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A listener is full. It evicts connections between two requests, in a header, and those that
// have sent nothing. A request whose body arrives, or that is not answered, is kept.
func TestEvictionBetweenRequests(t *testing.T) {
	m := looptest.NewManager(t)
	var conns []*reactor.Conn
	var closed []int
	requests := 0
	l, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			conns = append(conns, c)
		case reactor.EvClose:
			closed = append(closed, slices.Index(conns, c))
		case reactor.EvHTTPMsg:
			requests++
			if string(data.(*http.Message).URI) != "/later" {
				http.Reply(c, 200, "", "ok")
			}
		}
	}, nil)
	looptest.Must(t, err)
	looptest.Must(t, l.SetLimits(reactor.Limits{Conns: 5}))
	peers := map[string]*looptest.Socket{}
	client := func(name, say string) {
		t.Helper()
		accepted, read := m.Stats().Accepted+m.Stats().Refused, m.Stats().BytesIn
		p := looptest.DialSocket(t, l.LocalAddr())
		peers[name] = p
		looptest.Await(t, m, "the client", func() bool { return m.Stats().Accepted+m.Stats().Refused > accepted })
		if say != "" {
			p.WriteString(say)
			looptest.Await(t, m, "its request", func() bool { return m.Stats().BytesIn == read+uint64(len(say)) })
		}
		looptest.Settle(t, m)
	}
	client("not answered", "GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
	client("in a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234")
	client("in a header", "GET / HTTP/1.1\r\nHo")
	client("between requests", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	client("silent", "")
	if len(conns) != 5 || requests != 2 {
		t.Fatalf("%d connections, %d requests", len(conns), requests)
	}
	peers["between requests"].WriteString("GET / HTTP/1.1\r\nHost: a\r\n\r\n") // it is idle for a shorter time now
	looptest.Await(t, m, "another request", func() bool { return requests == 3 })
	for i, want := range []int{2, 4, 3} {
		client("new", "GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
		if len(closed) != i+1 || closed[i] != want {
			t.Fatalf("closed are %v, want %d at last", closed, want)
		}
	}
	client("refused", "")
	if s := m.Stats(); s.Refused != 1 || s.Evicted != 3 || len(closed) != 3 {
		t.Errorf("%+v, closed are %v", s, closed)
	}
	peers["in a body"].WriteString("56789")
	looptest.Await(t, m, "the whole body", func() bool { return requests == 7 })
	client("last", "")
	if s := m.Stats(); s.Evicted != 4 || closed[3] != 1 {
		t.Errorf("%+v, closed are %v", s, closed)
	}
}
