package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A handler replaces the layer in the EvHTTPMsg of a response that lasts until the end of the
// stream. The layer is released once: later connections do not share it.
func TestReplacedAtTheEnd(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) {
		p.say(lines("HTTP/1.1 200 OK") + "body")
		p.c.Drain()
	})
	closed := false
	must(t, ct.cl.Do(&http.Request{URL: s.url}, func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvHTTPMsg:
			l, _ := http.Layer(c)
			c.Stack().Replace(l, new(detached))
		case reactor.EvClose:
			closed = true
		}
	}, nil))
	ct.until("the end", func() bool { return closed })
	layers := map[reactor.Protocol]bool{}
	opened := 0
	for range 2 {
		must(t, ct.cl.Do(&http.Request{URL: s.url}, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvConnect:
				l, _ := http.Layer(c)
				layers[l] = true
				opened++
			case reactor.EvError:
				_ = data.(error).Error()
			}
		}, nil))
	}
	ct.until("two connections", func() bool { return opened == 2 })
	if len(layers) != 2 {
		t.Error("two connections have one layer")
	}
}
