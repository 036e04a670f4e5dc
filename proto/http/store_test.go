package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// After an upgrade the layer of HTTP goes back to the pool, and the next connection gets
// it.
func TestUpgradeReturnsLayer(t *testing.T) {
	var state reactor.Protocol
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			state, _ = http.Layer(c)
			upgrade(t, c)
		}
	})
	p := s.dial()
	p.send(get + "x")
	s.dial()
	if next, _ := http.Layer(s.conn); next != state {
		t.Error("the next connection has another layer")
	}
	s.Read = p.sent
	p.send("y") // the first connection is not affected
	p.expect(switching + "XY")
}

// A layer from the pool keeps no state of the connection that had it before, however that
// connection ended.
func TestReusedLayerIsClean(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		switch {
		case ev == reactor.EvHTTPHdrs:
		case string(msg.URI) == "/up":
			upgrade(t, c)
		case string(msg.URI) == "/wait":
		default:
			must(t, http.Reply(c, 200, "", "%s", msg.Body))
		}
	})
	reused := false
	seen := map[reactor.Protocol]bool{}
	for _, in := range []string{
		get, lines("GET /up HTTP/1.1", "Host: h"), get[:7], post[:len(post)-1], chk[:len(chk)-9], lines("GET /wait HTTP/1.1", "Host: h"),
		lines("HEAD / HTTP/1.0"), "bad\r\n", lines("CONNECT h:1 HTTP/1.1", "Host: h")[:30], lines("GET /up HTTP/1.1", "Host: h") + "x",
	} {
		p := s.dial()
		p.send(in)
		p.c.Close()
		closed := s.conn
		s.until("close", func() bool { return closed.InputStopped() })
		p = s.dial()
		l, _ := http.Layer(s.conn)
		reused = reused || seen[l]
		seen[l] = true
		p.send(post)
		p.expect(ok("", "xyz"))
		p.c.Close()
		closed = s.conn
		s.until("close", func() bool { return closed.InputStopped() })
	}
	if !reused {
		t.Error("no layer was used twice")
	}
}
