package http_test

import (
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// endings are all ways in which a connection, or HTTP on it, can end in the middle of a body.
var endings = map[string]func(c, peer *reactor.Conn){
	"Close":              func(c, _ *reactor.Conn) { c.Close() },
	"Abort":              func(c, _ *reactor.Conn) { c.Abort() },
	"Fail":               func(c, _ *reactor.Conn) { c.Fail(io.ErrNoProgress) },
	"replaced":           func(c, _ *reactor.Conn) { l, _ := http.Layer(c); c.Stack().Replace(l, new(detached)) },
	"removed":            func(c, _ *reactor.Conn) { l, _ := http.Layer(c); c.Stack().Replace(l, nil) },
	"detached":           func(c, _ *reactor.Conn) { l, _ := http.Detach(c); c.Stack().Replace(l, new(detached)) },
	"the peer's end":     func(_, peer *reactor.Conn) { peer.Close() },
	"the peer's reset":   func(_, peer *reactor.Conn) { peer.Abort() },
	"the manager's end":  func(c, _ *reactor.Conn) { c.Manager().Close() },
	"a drain in no time": func(c, _ *reactor.Conn) { c.Manager().Drain(0) },
}

// Whatever ends the connection, and whether it happens in a handler, the reader of a body is closed
// once, and the memory of a body in pieces is not counted any more.
func TestReaderIsClosedAtEveryEnd(t *testing.T) {
	looptest.CheckLeaks(t)
	for name, end := range endings {
		for _, inHandler := range []bool{false, true} {
			if inHandler && strings.Contains(name, "drain") {
				continue // Drain panics in a handler
			}
			var c *reactor.Conn
			rd := &closeCounter{Reader: noEnd{}}
			s := listen(t, func(conn *reactor.Conn, ev reactor.Event, _ *http.Message) {
				if ev == reactor.EvHTTPHdrs {
					must(t, http.StreamBody(conn, -1))
					must(t, http.ReplyReader(conn, 200, "", rd, http.Chunked))
					c = conn
				}
			})
			s.piece = func(*reactor.Conn, *http.Piece) {}
			p := s.dial()
			p.send(lines("POST / HTTP/1.1", "Host: h", "Content-Length: 9"))
			s.until("the response", func() bool { return len(p.Got) > 1000 })
			if inHandler {
				s.conn.Fn = func(conn *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvUser:
						end(c, p.c)
					case reactor.EvError:
						_ = data.(error).Error()
					}
				}
				c.Call(reactor.EvUser, nil)
			} else {
				end(c, p.c)
			}
			for turns := 0; rd.closed == 0 && turns < 2000 && s.m.Poll(0) == nil; turns++ {
			}
			if rd.closed != 1 {
				t.Errorf("%s, in a handler %v: the reader was closed %d times", name, inHandler, rd.closed)
			}
			s.m.Close()
		}
	}
}

// So is the reader of a request, on a connection of a Client and on another one.
func TestRequestReaderIsClosed(t *testing.T) {
	looptest.CheckLeaks(t)
	for name, end := range endings {
		for _, pooled := range []bool{false, true} {
			ct := newClientTest(t, nil)
			s := ct.listenRaw(func(*rawConn) {})
			rd := &closeCounter{Reader: noEnd{}}
			req := &http.Request{Method: "PUT", URL: s.url + "/", Reader: rd}
			var c *reactor.Conn
			handle := func(conn *reactor.Conn, ev reactor.Event, data any) {
				if c = conn; ev == reactor.EvError {
					_ = data.(error).Error()
				}
			}
			if pooled {
				must(t, ct.cl.Do(req, handle, nil))
			} else {
				conn, err := http.Connect(ct.m, s.url, handle, nil)
				must(t, err)
				must(t, http.SendRequest(conn, req))
			}
			ct.until("the request", func() bool { return len(s.conns) > 0 && len(s.conns[0].got) > 1000 })
			end(c, s.conns[0].c)
			for turns := 0; rd.closed == 0 && turns < 2000 && ct.m.Poll(0) == nil; turns++ {
			}
			if rd.closed != 1 {
				t.Errorf("%s, pooled %v: the reader was closed %d times", name, pooled, rd.closed)
			}
			ct.m.Close()
		}
	}
}

// noEnd is a body that does not end.
type noEnd struct{}

func (noEnd) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A connection whose layer was replaced in the middle of a request belongs to the handler.
func TestClientLayerReplacedLate(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
	s := ct.listenRaw(func(*rawConn) {})
	var r looptest.Recorder
	var c *reactor.Conn
	must(t, ct.cl.Do(&http.Request{URL: s.url}, func(conn *reactor.Conn, ev reactor.Event, data any) {
		c = conn
		r.Handle(conn, ev, data)
	}, nil))
	ct.until("the request", func() bool { return len(s.conns) > 0 && s.conns[0].got != "" })
	l, _ := http.Layer(c)
	c.Stack().Replace(l, nil)
	s.conns[0].say("not HTTP")
	ct.until("the bytes", func() bool { return string(r.Got) == "not HTTP" })
	second := ct.start(&http.Request{URL: s.url})
	ct.until("another connection", func() bool { return len(s.conns) == 2 && s.conns[1].got != "" })
	s.conns[1].say(ok("", "a"))
	ct.await(second)
	ct.cl.Close()
	ct.idle()
	if second.body() != "a" || r.Closed() {
		t.Errorf("%q, closed %v", second.lines, r.Closed())
	}
}

// A body that lasts until the end of the stream is not cut in silence: if it ends early, the client
// gets a reset.
func TestCutBodyIsReset(t *testing.T) {
	for name, tt := range map[string]struct {
		end func(s *server, c *reactor.Conn, client *looptest.Socket)
		cut bool
	}{
		"the client's end": {func(_ *server, _ *reactor.Conn, client *looptest.Socket) { client.Shutdown() }, true},
		"Close":            {func(_ *server, c *reactor.Conn, _ *looptest.Socket) { c.Close() }, true},
		"Fail":             {func(_ *server, c *reactor.Conn, _ *looptest.Socket) { c.Fail(io.ErrNoProgress) }, true},
		"Fail with bytes in Send": {func(s *server, c *reactor.Conn, _ *looptest.Socket) {
			must(s.T, http.Chunk(c, []byte("more"))) // it is flushed after Fail, and an end could follow
			c.Fail(io.ErrNoProgress)
		}, true},
		"Drain":              {func(_ *server, c *reactor.Conn, _ *looptest.Socket) { c.Drain() }, false},
		"CloseWrite":         {func(_ *server, c *reactor.Conn, _ *looptest.Socket) { c.CloseWrite() }, false},
		"Manager.Close":      {func(s *server, _ *reactor.Conn, _ *looptest.Socket) { s.m.Close() }, true},
		"a drain in no time": {func(s *server, _ *reactor.Conn, _ *looptest.Socket) { s.m.Drain(0) }, true},
		"the end, unread": {func(s *server, c *reactor.Conn, _ *looptest.Socket) {
			must(s.T, http.Chunk(c, make([]byte, 20<<20))) // more than the socket takes
			must(s.T, http.EndChunks(c))
			s.m.Drain(0)
		}, true},
		"the end": {func(s *server, c *reactor.Conn, _ *looptest.Socket) { must(s.T, http.EndChunks(c)) }, false},
		"the client's end, with SetHalfClose": {func(s *server, c *reactor.Conn, client *looptest.Socket) {
			c.SetHalfClose(true)
			client.Shutdown()
			s.idle()
			must(s.T, http.EndChunks(c))
		}, false},
	} {
		var c *reactor.Conn
		s := listen(t, func(conn *reactor.Conn, ev reactor.Event, _ *http.Message) {
			if ev == reactor.EvHTTPMsg {
				c = conn
				must(t, http.ReplyStart(conn, 200, "", http.Chunked))
				must(t, http.Chunk(conn, []byte("piece")))
			}
		})
		client := looptest.DialSocket(t, s.ln.LocalAddr())
		client.WriteString("GET / HTTP/1.0\r\n\r\n")
		s.until("the piece", func() bool { client.Receive(); return strings.HasSuffix(string(client.In), "piece") })
		tt.end(s, c, client)
		for turns := 0; !client.EOF && client.Err == nil && turns < 2000; turns++ {
			s.m.Poll(0)
			client.Receive()
		}
		if got := client.Err != nil; got != tt.cut || client.EOF == tt.cut {
			t.Errorf("%s: end %v, error %v", name, client.EOF, client.Err)
		}
	}
}
