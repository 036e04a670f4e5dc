package http_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// shout is a protocol that answers bytes in upper case.
type shout struct{ got string }

func (s *shout) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		s.got += string(c.Recv.Bytes())
		io.WriteString(c, strings.ToUpper(string(c.Recv.Bytes())))
		c.Recv.Reset()
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n"

func upgrade(t *testing.T, c *reactor.Conn) {
	old, ok := http.Layer(c)
	if !ok {
		t.Error("no HTTP layer")
		return
	}
	io.WriteString(c, switching)
	c.Stack().Replace(old, new(shout))
	if _, ok := http.Layer(c); ok {
		t.Error("still an HTTP layer")
	}
	if err := http.Reply(c, 200, "", ""); !errors.Is(err, http.ErrNoRequest) {
		t.Errorf("Reply after the upgrade: %v", err)
	}
}

// The request's bytes are gone, and those behind it untouched, when the new
// layer is offered Recv; from either event, and however they arrive.
func TestUpgrade(t *testing.T) {
	for _, from := range []reactor.Event{reactor.EvHTTPHdrs, reactor.EvHTTPMsg} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			switch {
			case string(msg.URI) != "/up":
				if ev == reactor.EvHTTPMsg {
					must(t, http.Reply(c, 200, "", "no"))
				}
			case ev == from:
				upgrade(t, c)
			}
		})
		request := lines("GET /up HTTP/1.1", "Host: h", "Upgrade: shout")
		in := get + request + "abc\r\n\x00"
		for _, pieces := range [][]string{{in}, {get + request, "abc\r\n\x00"}, {get, request[:9], request[9:] + "a", "bc\r\n\x00"}, strings.Split(in, "")} {
			p := s.dial()
			p.send(pieces...)
			p.expect(ok("", "no") + switching + "ABC\r\n\x00")
			p.c.Close()
		}
	}
}

// An upgrade may come later, as an answer may.
func TestUpgradeLate(t *testing.T) {
	s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
	p := s.dial()
	p.send(get + "abc")
	p.idle()
	upgrade(t, s.conn)
	p.expect(switching + "ABC")
}

// A connection that became something else does not keep HTTP's state.
func TestUpgradeGivesStateBack(t *testing.T) {
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
		t.Error("the next connection has other state")
	}
	s.read = p.sent
	p.send("y") // the first is not harmed
	p.expect(switching + "XY")
}

// Whatever became of a connection, the next one that gets its state has
// nothing of it.
func TestStateIsFresh(t *testing.T) {
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
		s.until("closed", func() bool { return closed.Stopped() })
		p = s.dial()
		l, _ := http.Layer(s.conn)
		reused = reused || seen[l]
		seen[l] = true
		p.send(post)
		p.expect(ok("", "xyz"))
		p.c.Close()
		closed = s.conn
		s.until("closed", func() bool { return closed.Stopped() })
	}
	if !reused {
		t.Error("no state was ever used again")
	}
}

// Handlers of two connections run inside one another, each with its own
// message.
func TestNestedDispatch(t *testing.T) {
	var inner, outer *reactor.Conn
	s := listen(t, nil)
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		if c == outer {
			inner.Recv.AppendString(get)
			none := 0
			inner.Call(reactor.EvRead, &none)
		}
		must(t, http.Reply(c, 200, "", "%s", msg.URI))
	}
	p, q := s.dial(), (*peer)(nil)
	outer = s.conn
	q = s.dial()
	inner = s.conn
	s.read, p.sent = 0, 0
	p.send(post)
	p.expect(ok("", "/b"))
	q.expect(ok("", "/a"))
}
