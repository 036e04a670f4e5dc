package ws_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// pair is a server and a client of this package that are connected.
type pair struct {
	m              *reactor.Manager
	listener       *reactor.Conn
	server, client side
	request        string // the extensions that the client offered
	answer         string // the extensions that the server chose
}

type side struct {
	c   *reactor.Conn
	rec recorder
}

// newPair makes a pair on a manager, which may have other connections.
func newPair(t testing.TB, m *reactor.Manager, server, client *ws.Options) *pair {
	t.Helper()
	p := &pair{m: m}
	p.server.rec.hook = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSOpen {
			p.request = string(data.(*http.Message).Header("Sec-WebSocket-Extensions"))
		}
	}
	p.client.rec.hook = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSOpen {
			p.answer = string(data.(*http.Message).Header("Sec-WebSocket-Extensions"))
		}
	}
	var err error
	if p.listener, err = ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			p.server.c, c.Fn = c, p.server.rec.handle
		}
	}, nil, server); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("ws://127.0.0.1:%d/", p.listener.LocalAddr().Port())
	if p.client.c, err = ws.Connect(m, url, p.client.rec.handle, nil, "", client); err != nil {
		t.Fatal(err)
	}
	await(t, m, "both to be open", func() bool { return p.server.rec.Noted("OPEN")() && p.client.rec.Noted("OPEN")() })
	p.listener.Close()
	spin(t, m)
	p.server.rec.Lines, p.client.rec.Lines = nil, nil
	return p
}

// closeBoth closes both sides.
func (p *pair) closeBoth(t testing.TB) {
	t.Helper()
	p.server.c.Close()
	p.client.c.Close()
	await(t, p.m, "CLOSE", func() bool { return p.server.rec.Closed() && p.client.rec.Closed() })
}

type direction struct {
	name string
	from *reactor.Conn
	to   *receiver
}

// receiver is a side that receives messages.
type receiver struct {
	m *reactor.Manager
	*side
}

func (p *pair) directions() []direction {
	return []direction{
		{"to the client", p.server.c, &receiver{p.m, &p.client}},
		{"to the server", p.client.c, &receiver{p.m, &p.server}},
	}
}

// want waits until the log has as many lines, and compares them.
func (h *receiver) want(t testing.TB, lines ...string) {
	t.Helper()
	looptest.Await(t, h.m, fmt.Sprint(len(lines), " lines"), func() bool { return len(h.rec.Lines) >= len(lines) || h.rec.LastErr() != nil })
	if h.rec.LastErr() != nil {
		t.Fatal(h.rec.LastErr())
	}
	h.rec.WantLines(t, lines...)
}
