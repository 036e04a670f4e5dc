package http_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// parseOne parses the header of a message.
func parseOne(t *testing.T, in string) *http.Message {
	t.Helper()
	var msg http.Message
	if _, err := http.ParseHead([]byte(in), &msg, http.Limits{}); err != nil {
		t.Fatal(err)
	}
	return &msg
}

// Header finds the first header of that name in any case. An empty value is not nil.
func TestHeader(t *testing.T) {
	msg := parseOne(t, lines("GET / HTTP/1.1", "Host: h", "A: 1", "a: 2", "Empty:", "X-Y: z"))
	if v := msg.Header("hOST"); string(v) != "h" {
		t.Errorf("Host is %q", v)
	}
	if v := msg.Header("a"); string(v) != "1" {
		t.Errorf("first A is %q", v)
	}
	if v := msg.Header("EMPTY"); v == nil || len(v) != 0 {
		t.Errorf("Empty is %#v", v)
	}
	for _, name := range []string{"missing", "hos", "hostt", ""} {
		if v := msg.Header(name); v != nil {
			t.Errorf("%s is %q", name, v)
		}
	}
	if !msg.IsRequest() || parseOne(t, lines("HTTP/1.1 200 OK")).IsRequest() {
		t.Error("IsRequest is wrong for the request or for the response")
	}
}

// HasToken finds members of the lists in all headers of that name.
func TestHasToken(t *testing.T) {
	msg := parseOne(t, lines("GET / HTTP/1.1", "Host: h", "Connection: keep-alive ,\tUpgrade,", "Connection: x y, Z", "Other: close"))
	for token, want := range map[string]bool{
		"keep-alive": true, "upgrade": true, "UPGRADE": true, "z": true, "x y": true,
		"close": false, "x": false, "keep": false, "upgrade,": false, "keep-alive2": false,
	} {
		if got := msg.HasToken("connection", token); got != want {
			t.Errorf("%s: %v", token, got)
		}
	}
}

// Host prefers the authority of the request target to the Host header.
func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		lines("GET / HTTP/1.1", "Host: a:1"):                "a:1",
		lines("GET http://b:2/x HTTP/1.1", "Host: a:1"):     "b:2",
		lines("CONNECT c:3 HTTP/1.1", "Host: a:1"):          "c:3",
		lines("GET / HTTP/1.0"):                             "",
		lines("GET / HTTP/1.1", "Host: [::1]:8", "A: b"):    "[::1]:8",
		lines("GET https://[::2]?x HTTP/1.1", "Host: a:1"):  "[::2]",
		lines("GET http://1.2.3.4 HTTP/1.1", "Host: a:1"):   "1.2.3.4",
		lines("GET /http://no/x HTTP/1.1", "Host: a:1", ""): "a:1",
	} {
		if got := string(parseOne(t, in).Host()); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Var decodes the first form field of that name.
func TestVar(t *testing.T) {
	form := []byte("a=1&bb=x+y%2Bz%26&empty=&flag&bad=%4&c=%e4&a=2&=n&end")
	for _, tt := range []struct {
		name, want string
		ok         bool
	}{
		{"a", "1", true}, {"bb", "x y+z&", true}, {"empty", "", true}, {"flag", "", true},
		{"bad", "", false}, {"c", "\xe4", true}, {"end", "", true}, {"b", "", false}, {"fla", "", false}, {"n", "", false},
	} {
		got, ok := http.Var([]byte(">"), form, tt.name)
		if string(got) != ">"+tt.want || ok != tt.ok {
			t.Errorf("%s: %q, %v", tt.name, got, ok)
		}
	}
	if got, ok := http.Var(nil, nil, "a"); got != nil || ok {
		t.Errorf("no form: %q, %v", got, ok)
	}
}

// A Message that is used again keeps nothing of the previous message.
func TestMessageReuse(t *testing.T) {
	var p http.Parser
	var msg http.Message
	first := lines("POST http://a/b?c HTTP/1.1", "Host: h", "X: y", "Content-Length: 1") + "z"
	second := lines("GET / HTTP/1.0")
	if _, err := p.Parse([]byte(first), &msg); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]byte(second), &msg); err != nil {
		t.Fatal(err)
	}
	if got, want := show(&msg), parseStream(p, false, second).messages[0]; got != want || msg.Host() != nil || msg.Query != nil {
		t.Errorf("got %s, want %s", got, want)
	}
	if old := msg.Headers[:3]; old[0].Name != nil || old[2].Value != nil {
		t.Errorf("the Message still refers to %q", old)
	}
}

// A call with nil where it needs a value panics. The panic says which call it was.
func TestNilArguments(t *testing.T) {
	for call, f := range map[string]func(){
		"http: ParseHead into a nil Message":        func() { http.ParseHead(nil, nil, http.Limits{}) },
		"http: Parser.ParseHead into a nil Message": func() { new(http.Parser).ParseHead([]byte(get), nil) },
		"http: Parser.Parse into a nil Message":     func() { new(http.Parser).Parse([]byte(get), nil) },
		"http: Parser.ParseEnd into a nil Message":  func() { new(http.Parser).ParseEnd(nil, nil) },
		"http: EachHeader with a nil function":      func() { http.EachHeader("", nil) },
	} {
		t.Run(strings.Fields(call)[1], func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got != call {
					t.Errorf("panic %q, want %q", got, call)
				}
			}()
			f()
		})
	}
}

// A gateway announces the size of a body as it was announced to it.
func TestBodySize(t *testing.T) {
	for head, want := range map[string]int64{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                     0,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n":               0,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0042\r\n\r\n":            42,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n":      http.Chunked,
		"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n":        1<<63 - 1,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n":                          5,
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n":                 http.Chunked,
		"HTTP/1.1 200 OK\r\n\r\n":                                               http.Chunked,
		"HTTP/1.1 204 No Content\r\n\r\n":                                       0,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n":       0,
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n": 7,
	} {
		var msg http.Message
		if _, err := http.ParseHead([]byte(head), &msg, http.Limits{}); err != nil {
			t.Errorf("%q: %v", head, err)
		} else if got := msg.BodySize(); got != want {
			t.Errorf("%q: %d, want %d", head, got, want)
		}
	}
}
