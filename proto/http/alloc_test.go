package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Parsing does not allocate, with the message whole or byte by byte.
func TestParseAllocatesNothing(t *testing.T) {
	in := lines("POST http://e.org/a?b HTTP/1.1", "Host: h", "Connection: a, close", "Content-Length: 5") + "hello"
	chunked := chunkHead + "3\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n"
	var p http.Parser
	var msg http.Message
	buf := make([]byte, 0, 1000)
	parse := func(in string, step int) {
		for i := step; i < len(in); i += step {
			buf = append(buf[:i-step], in[i-step:i]...)
			if _, err := p.Parse(buf, &msg); err != http.ErrIncomplete {
				t.Fatal(err)
			}
		}
		done := (len(in) - 1) / step * step
		buf = append(buf[:done], in[done:]...)
		if _, err := p.Parse(buf, &msg); err != nil {
			t.Fatal(err)
		}
		if string(msg.Method) != "POST" || msg.HasToken("Connection", "keep-alive") || len(msg.Body) != 5 {
			t.Fatal(show(&msg))
		}
	}
	for _, tt := range []struct {
		in   string
		step int
	}{{in, 10000}, {in, 1}, {chunked, 10000}, {chunked, 1}} {
		if n := testing.AllocsPerRun(100, func() { parse(tt.in, tt.step) }); n != 0 {
			t.Errorf("in pieces of %d bytes: %v allocations, want 0", tt.step, n)
		}
	}
}

// Var does not allocate if dst is large enough.
func TestVarAllocatesNothing(t *testing.T) {
	form := []byte("a=1&b=%41bc")
	dst := make([]byte, 0, 10)
	if n := testing.AllocsPerRun(100, func() {
		if v, ok := http.Var(dst, form, "b"); !ok || string(v) != "Abc" {
			t.Fatal(v)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// The default deadlines do not allocate, even if a header arrives in pieces.
func TestDeadlinesOfRequestsAllocateNothing(t *testing.T) {
	for name, pieces := range servedRequests {
		serve := newServing(t, pieces)
		serve()
		looptest.WantNoAllocs(t, name, serve)
	}
}

func BenchmarkParse(b *testing.B) {
	in := []byte(lines("GET /index.html?x=1 HTTP/1.1", "Host: www.example.org", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: en-US,en;q=0.5",
		"Accept-Encoding: gzip, deflate", "Connection: keep-alive", "Upgrade-Insecure-Requests: 1"))
	b.SetBytes(int64(len(in)))
	var p http.Parser
	var msg http.Message
	for b.Loop() {
		if _, err := p.Parse(in, &msg); err != nil {
			b.Fatal(err)
		}
	}
}

// Handling a request and writing its response does not allocate, after the first round. The
// test calls the layer directly, so that only its own work is measured.
func TestServeAllocatesNothing(t *testing.T) {
	body := []byte("hello")
	var served int
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			served++
			var err error
			if len(msg.Body) == 0 {
				err = http.Reply(c, 200, "", "Hello, World!")
			} else {
				err = http.ReplyBytes(c, 200, "Content-Type: text/plain\r\n", body)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	s.dial()
	c, in, none := s.conn, []byte(get+post+chk), 0
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			s.serve(c, ev, data.(*http.Message))
		}
	}
	round := func() {
		c.Recv.Append(in)
		c.Call(reactor.EvRead, &none)
		c.Send.Reset()
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if served != 3*102 || c.Recv.Len() != 0 {
		t.Errorf("%d requests were served, want %d; %d bytes are left in Recv", served, 3*102, c.Recv.Len())
	}
}

// Match does not allocate for URIs of the usual length.
func TestMatchAllocatesNothing(t *testing.T) {
	uri := []byte("/api/devices/" + strings.Repeat("x", 400) + "/state")
	looptest.WantNoAllocs(t, "Match", func() {
		var a, b []byte
		if !http.Match(uri, "/api/*/#/*", &a, &b) || string(a) != "devices" || http.Match(uri, "*b#b*") {
			t.Fatal("wrong result")
		}
	})
}
