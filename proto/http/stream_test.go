package http_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// streaming is a server that gets each body in pieces, and answers with it.
type streaming struct {
	*server
	max  int64
	body []byte            // of the current message
	head string            // of the current message, as EvHTTPHdrs has it
	each func(*http.Piece) // called with each piece, if it is not nil
}

func newStreaming(t *testing.T, max int64) *streaming {
	t.Helper()
	s := &streaming{max: max}
	s.server = listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			s.body, s.head = nil, string(msg.Head)
			must(t, http.StreamBody(c, s.max))
			return
		}
		if len(msg.Body) > 0 {
			t.Errorf("EvHTTPMsg has the body %q", msg.Body)
		}
		if string(msg.Head) != s.head || string(msg.Raw) != s.head || msg.Scheme != "http" || msg.Header("Host") == nil {
			t.Errorf("EvHTTPMsg has %s, want the header %q", show(msg), s.head)
		}
		must(t, http.Reply(c, 200, "", "%s %s", msg.URI, s.body))
	})
	s.piece = func(c *reactor.Conn, p *http.Piece) {
		if int(p.Offset) != len(s.body) || len(p.Data) == 0 || cap(p.Data) != len(p.Data) {
			t.Errorf("%d bytes, capacity %d, at %d, want them at %d", len(p.Data), cap(p.Data), p.Offset, len(s.body))
		}
		if string(p.Msg.Head) != s.head || p.Msg.Header("Host") == nil || len(p.Msg.Body) > 0 {
			t.Errorf("EvHTTPBody has %s, want the header %q", show(p.Msg), s.head)
		}
		s.body = append(s.body, p.Data...)
		clear(p.Data) // the handler may change it
		if s.each != nil {
			s.each(p)
		}
	}
	return s
}

// The pieces of a body are the body, however the input arrives. The requests after it are
// delivered as well.
func TestStreamSplit(t *testing.T) {
	in := get + post + chk + chunkHead + "3;x\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n" + post + get
	want := ok("", "/a ") + ok("", "/b xyz") + ok("", "/ abcd") + ok("", "/ abc0123456789abcdef") + ok("", "/b xyz") + ok("", "/a ")
	s := newStreaming(t, 0)
	check := func(pieces ...string) {
		p := s.dial()
		p.send(pieces...)
		p.expect(want)
		p.c.Drain()
		p.expectClosed()
		s.until("close of the server's side", func() bool { return s.Lines[len(s.Lines)-1] == "CLOSE" })
		if len(s.Lines) != 13 {
			t.Errorf("events %q", s.Lines)
		}
		s.Lines = nil
	}
	check(in)
	for i := 1; i < len(in); i += 3 {
		check(in[:i], in[i:])
	}
	check(strings.Split(in, "")...)
}

// Pause in any piece stops the pieces and the end of the message until Resume.
func TestPauseInPieces(t *testing.T) {
	in := post + chk + post
	for _, pieces := range [][]string{{in}, strings.Split(in, ""), {in[:len(post)], in[len(post):]}} {
		s := newStreaming(t, 0)
		paused := false
		serve := s.serve
		s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if paused {
				t.Errorf("%v while paused", ev)
			}
			serve(c, ev, msg)
		}
		s.each = func(*http.Piece) {
			if paused {
				t.Error("a piece while paused")
			}
			s.conn.Pause()
			paused = true
			must(t, s.m.Post(func() {
				paused = false
				s.conn.Resume()
			}))
		}
		p := s.dial()
		io.WriteString(p.c, pieces[0])
		for _, piece := range pieces[1:] {
			p.idle()
			io.WriteString(p.c, piece)
		}
		p.expect(ok("", "/b xyz") + ok("", "/ abcd") + ok("", "/b xyz"))
	}
}

// An answer that is complete before the body ends the connection. After the last piece the
// connection goes on.
func TestReplyInPiece(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		closes   bool
	}{
		{"sized, in the middle", post[:len(post)-1], true},
		{"sized, the end", post, false},
		{"chunked, in the middle", chk[:len(chk)-9], true},
		{"chunked, before the trailer", chk[:len(chk)-2], true},
		{"chunked, before an error", chunkHead + "3\r\nabc\r\nx\r\n", true},
		{"chunked, the end", chk, false},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, ", late ", late), func(t *testing.T) {
				s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
					must(t, http.StreamBody(c, 0))
				})
				s.piece = func(c *reactor.Conn, p *http.Piece) {
					reply := func() { must(t, http.Reply(c, 200, "", "enough")) }
					if late {
						c.Pause()
						must(t, s.m.Post(func() { reply(); c.Resume() }))
					} else {
						reply()
					}
				}
				p := s.dial()
				p.send(tt.in)
				if tt.closes {
					p.expect(ok("Connection: close\r\n", "enough"))
					p.expectClosed()
				} else {
					p.expect(ok("", "enough"))
					p.send(tt.in)
					p.expect(ok("", "enough"))
				}
				for _, line := range s.Lines {
					if !strings.HasPrefix(line, "HTTP_HDRS") && line != "CLOSE" {
						t.Errorf("log is %q", s.Lines)
					}
				}
			})
		}
	}
}

// The body of the response may go on beside that of the request.
func TestAnswerBesideStream(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			must(t, http.StreamBody(c, -1))
			must(t, http.ReplyStart(c, 200, "", http.Chunked))
		} else {
			must(t, http.EndChunks(c))
		}
	})
	s.piece = func(c *reactor.Conn, p *http.Piece) { must(t, http.Chunkf(c, "<%s>", p.Data)) }
	p := s.dial()
	p.send(lines("POST / HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 4"))
	const begin = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	p.expect("HTTP/1.1 100 Continue\r\n\r\n" + dated(begin))
	p.send("ab")
	p.expect("4\r\n<ab>\r\n")
	p.send("cd" + get)
	p.expect("4\r\n<cd>\r\n0\r\n\r\n" + dated(begin) + "0\r\n\r\n")
	p.send(chunkHead, "1\r\na\r\n")
	p.expect(dated(begin) + "3\r\n<a>\r\n")
	p.send("x\r\n") // the response has begun, so its status cannot be 400
	p.expectClosed()
	p.expect("")
	var e *http.Error
	if !errors.As(s.LastErr(), &e) || e.Status != 400 {
		t.Errorf("EvError has %v", s.LastErr())
	}
}

// The limit of StreamBody replaces Limits.Body. The pieces up to it are delivered.
func TestStreamLimit(t *testing.T) {
	const expect = "Expect: 100-continue"
	for _, tt := range []struct {
		name, in string
		max      int64
		limits   http.Limits
		want     string // of the answer
		pieces   string
	}{
		{"default", lines("POST / HTTP/1.1", "Host: h", expect, "Content-Length: 3145729"), 0, http.Limits{}, "413", ""},
		{"limit of the connection", post, 0, http.Limits{Body: 2}, "413", ""},
		{"own limit", lines("POST / HTTP/1.1", "Host: h", expect, "Content-Length: 3") + "xyz", 2, http.Limits{}, "413", ""},
		{"own limit is larger", post, 3, http.Limits{Body: 2}, "200", "xyz"},
		{"no limit", post, -1, http.Limits{Body: 2}, "200", "xyz"},
		{"no limit of the connection", post, 0, http.Limits{Body: -1}, "200", "xyz"},
		{"chunks at limit", chk, 4, http.Limits{}, "200", "abcd"},
		{"chunks beyond", chk, 3, http.Limits{}, "413", "abc"},
		{"bad chunk", chunkHead + "3\r\nabc\r\nx\r\n", 3, http.Limits{}, "400", "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStreaming(t, tt.max)
			must(t, http.SetLimits(s.ln, tt.limits))
			for _, pieces := range [][]string{{tt.in}, strings.Split(tt.in, "")} {
				p := s.dial()
				p.send(pieces...)
				p.until("an answer", func() bool { return strings.Contains(string(p.Got), "\r\n\r\n") })
				if got := string(p.Got); !strings.HasPrefix(got, "HTTP/1.1 "+tt.want+" ") || string(s.body) != tt.pieces {
					t.Errorf("got %q, %q", got, s.body)
				}
			}
		})
	}
}

// A client that waits for 100 (Continue) gets it from StreamBody, unless the body is too large or
// already there.
func TestStreamContinue(t *testing.T) {
	s := newStreaming(t, 0)
	p := s.dial()
	head := lines("POST /e HTTP/1.1", "Host: h", "Expect: 100-Continue", "Content-Length: 3")
	p.send(head)
	p.expect("HTTP/1.1 100 Continue\r\n\r\n")
	p.send("a", "bc")
	p.expect(ok("", "/e abc"))
	p.send(head + "abc")
	p.expect(ok("", "/e abc"))
}

// After the beginning of the response it is too late for 100 (Continue).
func TestNoContinueAfterReplyStart(t *testing.T) {
	for _, stream := range []bool{false, true} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
			if ev != reactor.EvHTTPHdrs {
				must(t, http.EndChunks(c))
				return
			}
			must(t, http.ReplyStart(c, 200, "", 0))
			if stream {
				must(t, http.StreamBody(c, 0))
			}
		})
		s.piece = func(*reactor.Conn, *http.Piece) {}
		p := s.dial()
		p.send(lines("POST / HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 2"))
		p.expect(ok("", ""))
		p.send("ab" + get)
		p.expect(ok("", ""))
	}
}

// StreamBody may be called later if the handler has paused the connection in EvHTTPHdrs. The
// client that waits for 100 (Continue) waits until then.
func TestStreamAfterPause(t *testing.T) {
	s := newStreaming(t, 0)
	serve := s.serve
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			s.body, s.head = nil, string(msg.Head)
			c.Pause()
		} else {
			serve(c, ev, msg)
		}
	}
	p := s.dial()
	for _, in := range []string{post, chk, lines("POST /b HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 3")} {
		p.send(in)
		p.idle()
		p.expect("")
		must(t, http.StreamBody(s.conn, 3))
		looptest.WantErr(t, http.StreamBody(s.conn, 3), nil, "EvHTTPHdrs")
		s.conn.Resume()
		if in == chk {
			p.until("413", func() bool { return strings.HasPrefix(string(p.Got), "HTTP/1.1 413") })
			p = s.dial()
		} else if in != post {
			p.expect("HTTP/1.1 100 Continue\r\n\r\n")
			p.send("xyz")
			p.expect(ok("", "/b xyz"))
		} else {
			p.expect(ok("", "/b xyz"))
		}
	}
}

// StreamBody is refused in the wrong place.
func TestStreamBodyInTheWrongPlace(t *testing.T) {
	s := listen(t, nil)
	wrong := func(c *reactor.Conn) {
		t.Helper()
		looptest.WantErr(t, http.StreamBody(c, 0), nil, "EvHTTPHdrs")
	}
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			must(t, http.StreamBody(c, 0))
			return
		}
		wrong(c)
		must(t, http.Reply(c, 200, "", ""))
	}
	s.piece = func(c *reactor.Conn, _ *http.Piece) { wrong(c) }
	p := s.dial()
	wrong(s.conn)
	p.send(post)
	p.expect(ok("", ""))
	collected := listen(t, echo(t))
	q := collected.dial()
	q.send(post[:len(post)-1])
	wrong(collected.conn) // the body is being collected
	q.send(post[len(post)-1:])
	q.expect(ok("", "POST /b xyz"))
	looptest.WantErr(t, http.StreamBody(p.c, 0), http.ErrNotHTTP)
	looptest.WantErr(t, http.StreamBody(s.ln, 0), http.ErrNotHTTP)
	s.conn.Close()
	p.expectClosed()
	looptest.WantErr(t, http.StreamBody(s.conn, 0), reactor.ErrClosed)
}

// A client's response may be streamed too.
func TestStreamResponse(t *testing.T) {
	head := lines("HTTP/1.1 200 OK", "Content-Length: 5")
	for _, tt := range []struct {
		name, in string
		end      bool // of the stream, after in
		want     []string
	}{
		{"sized", head + "abcde", false, []string{"HTTP_HDRS 200", "abcde", "HTTP_MSG"}},
		{"chunked", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", false, []string{"HTTP_HDRS 200", "abcde", "HTTP_MSG"}},
		{"to the end", lines("HTTP/1.1 200 OK") + "abcde", true, []string{"HTTP_HDRS 200", "abcde", "HTTP_MSG"}},
		{"interim first", lines("HTTP/1.1 103 Early Hints") + head + "abcde", false, []string{"HTTP_HDRS 103", "HTTP_HDRS 200", "abcde", "HTTP_MSG"}},
		{"no body", lines("HTTP/1.1 204 No Content") + head + "abcde", false, []string{"HTTP_HDRS 204", "HTTP_MSG", "HTTP_HDRS 200", "abcde", "HTTP_MSG"}},
		{"cut, sized", head + "abcd", true, []string{"HTTP_HDRS 200", "abcd", "EOF"}},
		{"cut, chunked", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nab\r\n", true, []string{"HTTP_HDRS 200", "ab", "EOF"}},
		{"bad chunk", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nab\r\nx\r\n", false, []string{"HTTP_HDRS 200", "ab", "502"}},
	} {
		for i, pieces := range [][]string{{tt.in}, strings.Split(tt.in, "")} {
			t.Run(fmt.Sprint(tt.name, i), func(t *testing.T) {
				cl := dialClient(t)
				var got []string
				body := false
				cl.c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
					cl.Record(c, ev, data)
					var e *http.Error
					switch {
					case ev == reactor.EvHTTPHdrs:
						got = append(got, fmt.Sprint(ev, " ", data.(*http.Message).Status))
						must(t, http.StreamBody(c, 0))
					case ev == reactor.EvHTTPBody && body:
						got[len(got)-1] += string(data.(*http.Piece).Data)
					case ev == reactor.EvHTTPBody:
						got = append(got, string(data.(*http.Piece).Data))
					case ev == reactor.EvHTTPMsg:
						got = append(got, ev.String())
					case ev == reactor.EvError && errors.As(data.(error), &e):
						got = append(got, fmt.Sprint(e.Status))
					case ev == reactor.EvError && errors.Is(data.(error), io.ErrUnexpectedEOF):
						got = append(got, "EOF")
					}
					body = ev == reactor.EvHTTPBody || body && ev == reactor.EvRead
				}
				cl.answer(pieces...)
				if tt.end {
					cl.far.Drain()
					cl.until("close", cl.Closed)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
	}
}

// If the client ends the stream inside a body, the error is io.ErrUnexpectedEOF.
func TestStreamCut(t *testing.T) {
	for _, in := range []string{post[:len(post)-1], chk[:len(chk)-2], chk[:len(chk)-4], post[:len(post)-3]} {
		s := newStreaming(t, 0)
		p := s.dial()
		p.send(in)
		p.c.Drain()
		s.until("close", func() bool { return s.Lines[len(s.Lines)-1] == "CLOSE" })
		looptest.WantErr(t, s.LastErr(), io.ErrUnexpectedEOF, "inside the body")
	}
}

// A handler that changes Recv in the middle of a body loses the connection.
func TestHandlerTakesPieces(t *testing.T) {
	s := newStreaming(t, 0)
	s.each = func(*http.Piece) { s.conn.Recv.Append([]byte("x")) }
	p := s.dial()
	p.send(post[:len(post)-1])
	p.expectClosed()
	looptest.WantErr(t, s.LastErr(), nil, "changed Recv")
}

// The copy of the header counts towards the memory budget, until the message is complete or the
// request is answered.
func TestStreamHeaderIsHeld(t *testing.T) {
	for _, how := range []string{"complete", "answered", "answered late", "closed"} {
		s := newStreaming(t, 0)
		if how == "answered" {
			s.each = func(*http.Piece) { must(t, http.Reply(s.conn, 200, "", "")) }
		}
		p := s.dial()
		p.send(post[:len(post)-3])
		if held := s.m.Stats().Held; held == 0 {
			t.Errorf("%s: nothing is held", how)
		}
		switch how {
		case "answered late":
			must(t, http.Reply(s.conn, 200, "", ""))
		case "closed":
			s.conn.Close()
		default:
			p.send(post[len(post)-3:])
		}
		p.idle()
		if held := s.m.Stats().Held; held != 0 {
			t.Errorf("%s: %d bytes are held", how, held)
		}
	}
}
