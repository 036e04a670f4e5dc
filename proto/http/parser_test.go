package http_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// goodRequests are requests and the beginning of what show returns for them.
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
	{"percent escapes in hosts", lines("GET http://%C3%A9.org%2e:80/ HTTP/1.1", "Host: a%2Db:80"), `GET|/||HTTP/1.1|0||Host=a%2Db:80|`},
	{"percent escapes in CONNECT", lines("CONNECT %c3%a9.org:443 HTTP/1.1", "Host: %c3%a9.org:443"), `CONNECT|%c3%a9.org:443||HTTP/1.1|`},
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

// goodResponses are responses to requests of a method. toEnd says that the stream ends
// after them.
var goodResponses = []struct {
	name, method, in, want string
	toEnd                  bool
}{
	{name: "Content-Length", in: lines("HTTP/1.1 200 All is well", "Content-Length: 2") + "ok",
		want: `|||HTTP/1.1|200|All is well|Content-Length=2|"HTTP/1.1 200 All is well\r\nContent-Length: 2\r\n\r\n"|"ok"|`},
	{name: "folded", in: lines("HTTP/1.1 200 OK", "A: b", " c", "\td ", "Content-Length:", "  2", "B:", " ", "C: d") + "ok",
		want: "|||HTTP/1.1|200|OK|A=b   c  \td|Content-Length=2|B=|C=d|" +
			`"HTTP/1.1 200 OK\r\nA: b   c  \td \r\nContent-Length:    2\r\nB:   \r\nC: d\r\n\r\n"|"ok"|`},
	{name: "folded at the end", in: lines("HTTP/1.1 204 OK", "A:", " b"), want: "|||HTTP/1.1|204|OK|A=b|"},
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

// Requests are parsed alike, however they arrive.
func TestParseRequest(t *testing.T) {
	for _, tt := range goodRequests {
		t.Run(tt.name, func(t *testing.T) {
			checkGood(t, http.Parser{}, false, tt.in, tt.want)
		})
	}
}

// Responses are parsed alike, however they arrive.
func TestParseResponse(t *testing.T) {
	for _, tt := range goodResponses {
		t.Run(tt.name, func(t *testing.T) {
			checkGood(t, http.Parser{Response: true, Method: tt.method}, tt.toEnd, tt.in, tt.want)
		})
	}
}

// Requests that follow one another in one buffer are parsed as if each came alone.
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

// ParseHead returns the length of the header, and nothing of the body.
func TestParseHead(t *testing.T) {
	var msg http.Message
	response := lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket")
	frames := "\x81\x00\r\n"
	for _, tt := range []struct{ head, rest string }{
		{response, frames},
		{lines("HTTP/1.1 200 OK", "Content-Length: 99999999999"), ""},
		{lines("GET / HTTP/1.1", "Host: h", "Content-Length: 3"), "ab"},
		{lines("HTTP / HTTP/1.1", "Host: h"), ""}, // a method that looks like a version
	} {
		n, err := http.ParseHead([]byte(tt.head+tt.rest), &msg, http.Limits{})
		if err != nil || n != len(tt.head) || string(msg.Head) != tt.head || msg.Body != nil {
			t.Errorf("%q: got %d, %v, %q", tt.head, n, err, msg.Head)
		}
		for i := range len(tt.head) {
			if n, err := http.ParseHead([]byte(tt.head[:i]), &msg, http.Limits{}); n != 0 || err != http.ErrIncomplete {
				t.Errorf("%q: got %d, %v", tt.head[:i], n, err)
			}
		}
	}
	p := http.Parser{Response: true}
	for i := range len(response) {
		if p.HeadDone() {
			t.Fatalf("HeadDone after %d bytes of %d", i, len(response))
		}
		p.ParseHead([]byte(response[:i]), &msg)
	}
	for range 2 { // the second call returns the same
		n, err := p.ParseHead([]byte(response+frames), &msg)
		if n != len(response) || err != nil || !p.HeadDone() || string(msg.Header("upgrade")) != "websocket" {
			t.Fatalf("got %d, %v, %s", n, err, show(&msg))
		}
	}
}

// ParseEnd accepts the end of the stream between messages only.
func TestParseEnd(t *testing.T) {
	head := lines("POST / HTTP/1.1", "Host: h", "Content-Length: 2")
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{crlf, ""},
		{"G", "http: connection closed inside the header: unexpected EOF"},
		{"\r", "http: connection closed inside the header: unexpected EOF"},
		{head, "http: connection closed inside the body: unexpected EOF"},
		{head + "a", "http: connection closed inside the body: unexpected EOF"},
		{head + "ab", ""},
	} {
		for _, whole := range []bool{true, false} {
			var p http.Parser
			var msg http.Message
			if !whole {
				for i := range len(tt.in) - 1 {
					if _, err := p.Parse([]byte(tt.in[:i]), &msg); err != http.ErrIncomplete {
						t.Fatal(err)
					}
				}
			}
			_, err := p.ParseEnd([]byte(tt.in), &msg)
			if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
				t.Errorf("%q: got %v, want %s", tt.in, err, tt.want)
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v is not io.ErrUnexpectedEOF", tt.in, err)
			}
		}
	}
}
