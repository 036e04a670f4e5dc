package http_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// show renders a message so that two can be compared and a difference read.
func show(m *http.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|%s|%d|%s", m.Method, m.URI, m.Query, m.Proto, m.Status, m.Reason)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "|%s=%s", h.Name, h.Value)
	}
	fmt.Fprintf(&b, "|%q|%q|%q", m.Head, m.Body, m.Raw)
	return b.String()
}

// verdict is what came of parsing a stream: messages, and what is behind them.
type verdict struct {
	messages []string
	rest     int
	err      string
}

func (v verdict) equal(w verdict) bool {
	return slices.Equal(v.messages, w.messages) && v.rest == w.rest && v.err == w.err
}

// parseStream parses pieces as they would arrive one after the other. The
// buffer moves at each piece; each call gets another Message.
func parseStream(p http.Parser, end bool, pieces ...string) verdict {
	var v verdict
	var buf []byte
	for i, piece := range pieces {
		buf = append(slices.Clone(buf), piece...)
		last := end && i == len(pieces)-1
		for {
			var msg http.Message
			n, err := p.Parse(buf, &msg)
			if err == http.ErrIncomplete && last {
				n, err = p.ParseEnd(buf, &msg)
				if n == 0 && err == nil {
					v.rest, v.err = len(buf), ""
					break
				}
			}
			if err != nil {
				v.rest, v.err = len(buf), err.Error()
				if err == http.ErrIncomplete {
					break
				}
				v.rest = 0 // how much has arrived by then is up to the pieces
				return v
			}
			v.messages = append(v.messages, show(&msg))
			buf = buf[n:]
			if v.rest, v.err = len(buf), ""; len(buf) == 0 {
				break
			}
		}
	}
	return v
}

const crlf = "\r\n"

// lines joins header lines and the empty line that ends them.
func lines(line ...string) string { return strings.Join(line, crlf) + crlf + crlf }

var goodRequests = []struct {
	name, in, want string
}{
	{"origin form", lines("GET /a/b?x=1&y HTTP/1.1", "Host: h:80"),
		`GET|/a/b|x=1&y|HTTP/1.1|0||Host=h:80|"GET /a/b?x=1&y HTTP/1.1\r\nHost: h:80\r\n\r\n"|""|`},
	{"empty query", lines("GET /? HTTP/1.1", "Host:"), `GET|/||HTTP/1.1|0||Host=|`},
	{"absolute form", lines("GET http://e.org:8/p?q HTTP/1.1", "Host: other"), `GET|/p|q|HTTP/1.1|0||Host=other|`},
	{"absolute form without path", lines("GET HTTP://[::1]?q HTTP/1.1", "Host: h"), `GET|/|q|HTTP/1.1|`},
	{"asterisk form", lines("OPTIONS * HTTP/1.1", "Host: h"), `OPTIONS|*||HTTP/1.1|`},
	{"authority form", lines("CONNECT e.org:443 HTTP/1.1", "Host: e.org"), `CONNECT|e.org:443||HTTP/1.1|`},
	{"HTTP/1.0 without Host", lines("GET / HTTP/1.0"), `GET|/||HTTP/1.0|0||"GET / HTTP/1.0\r\n\r\n"|""|`},
	{"percent escapes", lines("GET /%41%2f/%7E?100% HTTP/1.1", "Host: h"), `GET|/%41%2f/%7E|100%|HTTP/1.1|`},
	{"later minor version", lines("GET / HTTP/1.7", "Host: h"), `GET|/||HTTP/1.7|`},
	{"own method", lines("x-1~ / HTTP/1.1", "Host: h"), `x-1~|/||HTTP/1.1|`},
	{"empty line before", crlf + lines("GET / HTTP/1.1", "Host: h"), `GET|/||HTTP/1.1|0||Host=h|"GET / HTTP/1.1\r\nHost: h\r\n\r\n"|""|"GET`},
	{"blanks around values", lines("GET / HTTP/1.1", "Host:h", "A: \t b\tc \t", "B:", "B:  "), `GET|/||HTTP/1.1|0||Host=h|A=b` + "\t" + `c|B=|B=|`},
	{"bytes above 0x7f in a value", lines("GET / HTTP/1.1", "Host: h", "A: \xff\x80"), "GET|/||HTTP/1.1|0||Host=h|A=\xff\x80|"},
	{"Content-Length", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 5") + "a\r\nb\n",
		`POST|/||HTTP/1.1|0||Host=h|Content-Length=5|"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"|"a\r\nb\n"|"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\na\r\nb\n"`},
	{"Content-Length with zeros", lines("POST / HTTP/1.1", "Host: h", "content-length: 0000000000000000000000002") + "ab", `POST|/||HTTP/1.1|0||Host=h|content-length=0000000000000000000000002|"POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 0000000000000000000000002\r\n\r\n"|"ab"|`},
	{"chunked", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: Chunked") + "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
		`POST|/||HTTP/1.1|0||Host=h|Transfer-Encoding=Chunked|"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"|"abc0123456789"|"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\nabc0123456789"`},
	{"chunked, empty", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "000\r\n\r\n", `POST|/||HTTP/1.1|0||Host=h|Transfer-Encoding=chunked|"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"|""|`},
	{"chunked, trailer", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1\r\n\r\r\n0;\r\nDigest: x\r\nB:\r\n\r\n",
		`POST|/||HTTP/1.1|0||Host=h|Transfer-Encoding=chunked|"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"|"\r"|`},
}

var goodResponses = []struct {
	name, method, in, want string
	toEnd                  bool
}{
	{name: "Content-Length", in: lines("HTTP/1.1 200 All is well", "Content-Length: 2") + "ok",
		want: `|||HTTP/1.1|200|All is well|Content-Length=2|"HTTP/1.1 200 All is well\r\nContent-Length: 2\r\n\r\n"|"ok"|`},
	{name: "no reason", in: lines("HTTP/1.1 404 ", "Content-Length: 0"), want: `|||HTTP/1.1|404||Content-Length=0|`},
	{name: "no second space", in: lines("HTTP/1.0 404", "Content-Length: 0"), want: `|||HTTP/1.0|404||Content-Length=0|`},
	{name: "chunked", in: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n",
		want: `|||HTTP/1.1|200|OK|Transfer-Encoding=chunked|"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"|"ok"|`},
	{name: "101", in: lines("HTTP/1.1 101 Switching Protocols", "Upgrade: x"), want: `|||HTTP/1.1|101|Switching Protocols|Upgrade=x|`},
	{name: "204", in: lines("HTTP/1.1 204 No Content", "Content-Length: 9"), want: `|||HTTP/1.1|204|No Content|Content-Length=9|`},
	{name: "304", in: lines("HTTP/1.1 304 Not Modified", "Content-Length: 9"), want: `|||HTTP/1.1|304|`},
	{name: "HEAD", method: "HEAD", in: lines("HTTP/1.1 200 OK", "Content-Length: 9"), want: `|||HTTP/1.1|200|OK|`},
	{name: "HEAD, chunked", method: "HEAD", in: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), want: `|||HTTP/1.1|200|OK|`},
	{name: "CONNECT", method: "CONNECT", in: lines("HTTP/1.1 200 OK", "Content-Length: 9"), want: `|||HTTP/1.1|200|OK|`},
	{name: "CONNECT refused", method: "CONNECT", in: lines("HTTP/1.1 403 No", "Content-Length: 2") + "no",
		want: `|||HTTP/1.1|403|No|Content-Length=2|"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n"|"no"|`},
	{name: "to the end", in: lines("HTTP/1.0 200 OK", "A: b") + "all\r\nthis", toEnd: true,
		want: `|||HTTP/1.0|200|OK|A=b|"HTTP/1.0 200 OK\r\nA: b\r\n\r\n"|"all\r\nthis"|`},
	{name: "to the end, empty", in: lines("HTTP/1.1 200 OK"), toEnd: true, want: `|||HTTP/1.1|200|OK|"HTTP/1.1 200 OK\r\n\r\n"|""|`},
}

// splits calls f with in cut in two at every byte, and in single bytes.
func splits(in string, f func(what string, pieces []string)) {
	for i := range len(in) {
		f(fmt.Sprintf("cut at %d", i), []string{in[:i], in[i:]})
	}
	f("byte by byte", strings.Split(in, ""))
}

func TestParseRequest(t *testing.T) {
	for _, tt := range goodRequests {
		t.Run(tt.name, func(t *testing.T) {
			checkGood(t, http.Parser{}, false, tt.in, tt.want)
		})
	}
}

func TestParseResponse(t *testing.T) {
	for _, tt := range goodResponses {
		t.Run(tt.name, func(t *testing.T) {
			checkGood(t, http.Parser{Response: true, Method: tt.method}, tt.toEnd, tt.in, tt.want)
		})
	}
}

func checkGood(t *testing.T, p http.Parser, end bool, in, want string) {
	t.Helper()
	whole := parseStream(p, end, in)
	if len(whole.messages) != 1 || whole.rest != 0 || whole.err != "" {
		t.Fatalf("got %+v", whole)
	}
	if !strings.HasPrefix(whole.messages[0], want) {
		t.Fatalf("\ngot  %s\nwant %s", whole.messages[0], want)
	}
	splits(in, func(what string, pieces []string) {
		if got := parseStream(p, end, pieces...); !got.equal(whole) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, whole)
		}
	})
	if end {
		return
	}
	for i := range len(in) { // every true prefix is incomplete
		if got := parseStream(p, false, in[:i]); len(got.messages) > 0 || got.err != http.ErrIncomplete.Error() {
			t.Errorf("first %d bytes: got %+v", i, got)
		}
	}
}

func TestParsePipelined(t *testing.T) {
	var in string
	var want []string
	for _, tt := range goodRequests {
		in += tt.in
		want = append(want, parseStream(http.Parser{}, false, tt.in).messages...)
	}
	whole := parseStream(http.Parser{}, false, in)
	if !slices.Equal(whole.messages, want) || whole.rest != 0 {
		t.Fatalf("\ngot  %+v\nwant %+v", whole, want)
	}
	splits(in, func(what string, pieces []string) {
		if got := parseStream(http.Parser{}, false, pieces...); !got.equal(whole) {
			t.Errorf("%s: got %+v", what, got)
		}
	})
}

// A line that was accepted is not checked again when more arrives: it may be
// spoilt without harm. Nor is the scan for a line's end begun again: its first
// bytes may be spoilt with what the scan refuses, and mended when it ends.
func TestParseLooksOnce(t *testing.T) {
	in := lines("GET /some/path HTTP/1.1", "Host: h", "Accept: a, b", "X: y")
	buf := []byte(in)
	var p http.Parser
	var msg http.Message
	line := 0
	for i := range in {
		if in[i] == '\n' {
			copy(buf[line:], in[line:i])
		}
		_, err := p.Parse(buf[:i+1], &msg)
		if i < len(in)-1 && err != http.ErrIncomplete || i == len(in)-1 && err != nil {
			t.Fatalf("%d bytes: %v", i+1, err)
		}
		switch in[i] {
		case '\n':
			for j := line; j < i-1; j++ {
				buf[j] = 0
			}
			line = i + 1
		case '\r': // looked at again together with what follows
		default:
			buf[i] = 0
		}
	}
}
