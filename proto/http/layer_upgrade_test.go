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

// A handler may replace the layer in EvHTTPHdrs whatever the size of the body, and in EvHTTPBody.
// The new layer gets the bytes after the header, or after the piece.
func TestUpgradeBeforeBody(t *testing.T) {
	const large = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n"
	for _, tt := range []struct {
		from reactor.Event
		in   string
		want string
	}{
		{reactor.EvHTTPHdrs, large + "abc", "ABC"},
		{reactor.EvHTTPBody, large + "abc", ""},
		{reactor.EvHTTPBody, chunkHead + "1\r\na\r\n1", "1"}, // in the middle of the next size line
		{reactor.EvHTTPBody, post + "abc", "ABC"},
	} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev != reactor.EvHTTPHdrs {
				t.Errorf("%v after the upgrade", ev)
			} else if tt.from == ev {
				upgrade(t, c)
			} else {
				must(t, http.StreamBody(c, -1))
			}
		})
		s.piece = func(c *reactor.Conn, p *http.Piece) { upgrade(t, c) }
		p := s.dial()
		p.send(tt.in)
		p.expect(switching + tt.want)
		p.send("xyz")
		p.expect("XYZ")
	}
}

// Detach works in the events of HTTP too. The new layer gets the bytes after the header, or after
// the piece, once, and the data of the event stays valid.
func TestDetachInEvents(t *testing.T) {
	for _, tt := range []struct {
		at       reactor.Event
		in, want string
		stream   bool
	}{
		{reactor.EvHTTPHdrs, post, "xyz", false},
		{reactor.EvHTTPHdrs, post, "xyz", true},
		{reactor.EvHTTPHdrs, "\r\n" + chk, chk[len(chunkHead):], false},
		{reactor.EvHTTPBody, post + "abc", "abc", true},
		{reactor.EvHTTPMsg, post + "abc", "abc", false},
		{reactor.EvHTTPMsg, post + "abc", "abc", true},
	} {
		d := new(detached)
		detach := func(c *reactor.Conn) {
			for range 2 { // the second call finds nothing to do
				if l, ok := http.Detach(c); !ok {
					t.Error("no HTTP layer")
				} else if d.got == "" && c.Recv.Len() != len(tt.want) {
					t.Errorf("%v: Recv has %q, want %q", tt.at, c.Recv.Bytes(), tt.want)
				} else {
					defer c.Stack().Replace(l, d)
				}
			}
		}
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev == reactor.EvHTTPHdrs && tt.stream {
				must(t, http.StreamBody(c, -1))
			}
			if ev == tt.at {
				detach(c)
				if string(msg.Method) != "POST" {
					t.Errorf("%v: method %q after Detach", ev, msg.Method)
				}
			}
		})
		s.piece = func(c *reactor.Conn, p *http.Piece) {
			if tt.at == reactor.EvHTTPBody {
				detach(c)
			}
			if string(p.Data) != "xyz" || string(p.Msg.Method) != "POST" {
				t.Errorf("%q of %q after Detach", p.Data, p.Msg.Method)
			}
		}
		p := s.dial()
		p.send(tt.in)
		s.idle()
		p.send("later")
		s.until("the bytes", func() bool { return d.got == tt.want+"later" })
		p.c.Close()
	}
}

// Without Replace after it, the connection fails.
func TestDetachWithoutReplace(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			http.Detach(c)
		}
	})
	p := s.dial()
	p.send(post)
	p.expectClosed()
	if err := s.LastErr(); err == nil || !strings.Contains(err.Error(), "changed Recv") {
		t.Errorf("error %v", err)
	}
}

// detached is a layer that takes all bytes.
type detached struct{ got string }

func (d *detached) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		d.got += string(c.Recv.Bytes())
		c.Recv.Consume(c.Recv.Len())
	}
}

// A layer that replaces HTTP outside of its events gets the bytes after the header, whatever of the
// body was delivered before.
func TestDetach(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
	for _, tt := range []struct {
		name, request, want string
		at                  reactor.Event // after which event the layer is replaced
		stream, pause       bool
	}{
		{"paused at the header", head + "abc", "abc", reactor.EvHTTPHdrs, false, true},
		{"paused at the header of a stream", head + "abc", "abc", reactor.EvHTTPHdrs, true, true},
		{"after a piece", head + "abc", "", reactor.EvHTTPBody, true, false},
		{"a part of a body", head + "abc", "abc", reactor.EvHTTPHdrs, false, false},
		{"after the message", get + "abc", "abc", reactor.EvHTTPMsg, false, false},
		{"after an empty line", "\r\n" + head + "abc", "abc", reactor.EvHTTPHdrs, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, nil)
			d, posted, replaced := new(detached), false, false
			detach := func(c *reactor.Conn, ev reactor.Event) {
				if ev != tt.at || posted {
					return
				}
				posted = true
				s.m.Post(func() {
					replaced = true
					l, ok := http.Detach(c)
					if !ok {
						t.Error("no HTTP layer")
					}
					c.Stack().Replace(l, d)
					c.Resume()
				})
			}
			s.serve = func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
				if ev == reactor.EvHTTPHdrs && tt.stream {
					must(t, http.StreamBody(c, -1))
				}
				if ev == reactor.EvHTTPHdrs && tt.pause {
					c.Pause()
				}
				detach(c, ev)
			}
			s.piece = func(c *reactor.Conn, _ *http.Piece) { detach(c, reactor.EvHTTPBody) }
			p := s.dial()
			p.send(tt.request)
			s.until("the replacement", func() bool { return replaced })
			s.idle()
			p.send("later")
			s.until("the bytes", func() bool { return d.got == tt.want+"later" })
			if _, ok := http.Detach(s.conn); ok {
				t.Error("HTTP is still on the connection")
			}
		})
	}
}
