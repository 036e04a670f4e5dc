package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

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
			t.Errorf("in steps of %d: %v allocations", tt.step, n)
		}
	}
}

func TestVarAllocatesNothing(t *testing.T) {
	form := []byte("a=1&b=%41bc")
	dst := make([]byte, 0, 10)
	if n := testing.AllocsPerRun(100, func() {
		if v, ok := http.Var(dst, form, "b"); !ok || string(v) != "Abc" {
			t.Fatal(v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
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
