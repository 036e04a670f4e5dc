package http_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// shout is a protocol that sends the bytes back in upper case.
type shout struct{ got string }

func (s *shout) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		s.got += string(c.Recv.Bytes())
		io.WriteString(c, strings.ToUpper(string(c.Recv.Bytes())))
		c.Recv.Reset()
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n"

// upgrade replaces HTTP by shout on a server's connection.
func upgrade(t *testing.T, c *reactor.Conn) {
	old, ok := http.Layer(c)
	if !ok {
		t.Error("Layer finds no HTTP layer")
		return
	}
	io.WriteString(c, switching)
	c.Stack().Replace(old, new(shout))
	if _, ok := http.Layer(c); ok {
		t.Error("Layer finds an HTTP layer after the upgrade")
	}
	if err := http.Reply(c, 200, "", ""); !errors.Is(err, http.ErrNoRequest) {
		t.Errorf("Reply after the upgrade: %v", err)
	}
}

// After an upgrade in EvHTTPHdrs or in EvHTTPMsg, the new layer gets the bytes after the
// request, however they arrive.
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

// An upgrade may come after the handler has returned, as a response may.
func TestUpgradeLate(t *testing.T) {
	s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
	p := s.dial()
	p.send(get + "abc")
	p.idle()
	upgrade(t, s.conn)
	p.expect(switching + "ABC")
}
