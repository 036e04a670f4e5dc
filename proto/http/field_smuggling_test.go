package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// smuggled are requests that hide a second one, GET /smuggled, from one of two servers in a chain
// that understand the first one in different ways. A server must refuse them.
var smuggled = []struct{ name, in string }{
	// Content-Length and Transfer-Encoding [RFC 9112 6.1, 6.3]
	{"CL.TE", smuggle("Content-Length: 42\r\nTransfer-Encoding: chunked", "0\r\n\r\n")},
	{"TE.CL", smuggle("Transfer-Encoding: chunked\r\nContent-Length: 4", "2a\r\n")},
	{"TE.TE, other coding first", smuggle("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", "0\r\n\r\n")},
	{"TE.TE, other coding last", smuggle("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")},
	{"TE list", smuggle("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")},
	{"TE list with identity", smuggle("Transfer-Encoding: identity, chunked", "0\r\n\r\n")},
	{"TE prefix", smuggle("Transfer-Encoding: xchunked", "0\r\n\r\n")},
	{"TE suffix", smuggle("Transfer-Encoding: chunked-x", "0\r\n\r\n")},
	{"TE quoted", smuggle("Transfer-Encoding: \"chunked\"", "0\r\n\r\n")},
	{"TE with parameter", smuggle("Transfer-Encoding: chunked;q=1", "0\r\n\r\n")},
	{"TE with comma", smuggle("Transfer-Encoding: ,chunked", "0\r\n\r\n")},
	{"TE blank before colon", smuggle("Transfer-Encoding : chunked", "0\r\n\r\n")},
	{"TE tab before colon", smuggle("Transfer-Encoding\t: chunked", "0\r\n\r\n")},
	{"TE vertical tab", smuggle("Transfer-Encoding:\vchunked", "0\r\n\r\n")},
	{"TE form feed", smuggle("Transfer-Encoding: chunked\f", "0\r\n\r\n")},
	{"TE NUL", smuggle("Transfer-Encoding: chunked\x00", "0\r\n\r\n")},
	{"TE no-break space", smuggle("Transfer-Encoding:\xa0chunked", "0\r\n\r\n")},
	{"TE folded", smuggle("Transfer-Encoding:\r\n chunked", "0\r\n\r\n")},
	{"TE behind a fold", smuggle("X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n")},
	{"TE behind a bare CR", smuggle("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n")},
	{"TE behind a bare LF", smuggle("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n")},
	{"TE without a colon", smuggle("Transfer-Encoding chunked", "0\r\n\r\n")},
	{"TE in HTTP/1.0", strings.Replace(smuggle("Transfer-Encoding: chunked", "0\r\n\r\n"), "/1.1", "/1.0", 1)},
	{"first line folded", strings.Replace(smuggle("Content-Length: 0", ""), "\r\nHost", "\r\n X: y\r\nHost", 1)},
	// Content-Length [RFC 9110 8.6]
	{"CL twice", smuggle("Content-Length: 0\r\nContent-Length: 42", "")},
	{"CL twice, equal", smuggle("Content-Length: 0\r\nContent-Length: 0", "")},
	{"CL list", smuggle("Content-Length: 0, 42", "")},
	{"CL sign", smuggle("Content-Length: +0", "")},
	{"CL hexadecimal", smuggle("Content-Length: 0x0", "")},
	{"CL underscore", smuggle("Content-Length: 0_0", "")},
	{"CL blank inside", smuggle("Content-Length: 0 0", "")},
	{"CL decimal point", smuggle("Content-Length: 0.0", "")},
	{"CL overflow", smuggle("Content-Length: 18446744073709551616", "")},
	{"CL empty", smuggle("Content-Length:", "")},
	{"CL other digits", smuggle("Content-Length: \u0660", "")},
	{"CL blank before colon", smuggle("Content-Length : 0", "")},
	{"CL NUL", smuggle("Content-Length: 0\x00", "")},
	// chunks [RFC 9112 7.1]
	{"chunk size with sign", smuggle("Transfer-Encoding: chunked", "+0\r\n\r\n")},
	{"chunk size 0x", smuggle("Transfer-Encoding: chunked", "0x0\r\n\r\n")},
	{"chunk size underscore", smuggle("Transfer-Encoding: chunked", "0_0\r\n\r\n")},
	{"chunk size overflow", smuggle("Transfer-Encoding: chunked", "10000000000000000\r\n\r\n")},
	{"chunk size empty", smuggle("Transfer-Encoding: chunked", "\r\n\r\n")},
	{"chunk size blank first", smuggle("Transfer-Encoding: chunked", " 0\r\n\r\n")},
	{"chunk size blank last", smuggle("Transfer-Encoding: chunked", "0 \r\n\r\n")},
	{"chunk line bare LF", smuggle("Transfer-Encoding: chunked", "0\n\r\n")},
	{"chunk extension bare LF", smuggle("Transfer-Encoding: chunked", "1;\nx\r\n0\r\n\r\n")},
	{"chunk extension bare CR", smuggle("Transfer-Encoding: chunked", "1;a\rb\r\nx\r\n0\r\n\r\n")},
	{"chunk longer than its size", smuggle("Transfer-Encoding: chunked", "1\r\nab\r\n0\r\n\r\n")},
	{"chunk ends with LF", smuggle("Transfer-Encoding: chunked", "1\r\na\n0\r\n\r\n")},
	{"chunk ends with two bytes", smuggle("Transfer-Encoding: chunked", "1\r\naXX0\r\n\r\n")},
	{"trailer bare LF", smuggle("Transfer-Encoding: chunked", "0\r\nX: y\n\r\n")},
	{"trailer is a request", smuggle("Transfer-Encoding: chunked", "0\r\nGET /x HTTP/1.1\r\n\r\n")},
	// Host and target [RFC 9112 3.2]
	{"Host twice", smuggle("Host: other", "")},
	{"Host list", strings.Replace(smuggle("X: y", ""), "Host: h", "Host: h, other", 1)},
	{"Host with userinfo", strings.Replace(smuggle("X: y", ""), "Host: h", "Host: a@h", 1)},
	{"Host blank", strings.Replace(smuggle("X: y", ""), "Host: h", "Host: h x", 1)},
	{"target with blank", strings.Replace(smuggle("X: y", ""), "/first", "/first x", 1)},
	{"target with tab", strings.Replace(smuggle("X: y", ""), "/first", "/first\tx", 1)},
	{"target with userinfo", strings.Replace(smuggle("X: y", ""), "/first", "http://a@h/", 1)},
	{"empty lines first", crlf + crlf + smuggle("X: y", "")},
	{"bare LF first", "\n" + smuggle("X: y", "")},
	{"bare CR first", "\r" + smuggle("X: y", "")},
	{"version", strings.Replace(smuggle("X: y", ""), "HTTP/1.1", "HTTP/1.10", 1)},
	{"HTTP/0.9", "GET /first\r\n" + smuggledRequest},
}

const smuggledRequest = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

// smuggle returns a request with header lines and a body, and the hidden request after it.
func smuggle(headers, body string) string {
	return lines("POST /first HTTP/1.1", "Host: h", headers) + body + smuggledRequest
}

// A request that two servers may understand in different ways is refused, and the connection
// closes: what follows it is never taken for a request, in one piece, byte by byte, and with the
// body in pieces.
func TestSmuggling(t *testing.T) {
	for _, tt := range smuggled {
		for _, pieces := range [][]string{{tt.in}, strings.Split(tt.in, "")} {
			for _, stream := range []bool{false, true} {
				s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
					switch {
					case ev == reactor.EvHTTPHdrs && stream:
						must(t, http.StreamBody(c, -1))
					case ev == reactor.EvHTTPMsg:
						t.Errorf("%s: EvHTTPMsg has %q", tt.name, msg.Raw)
						must(t, http.Reply(c, 200, "", "served"))
					}
				})
				s.piece = func(*reactor.Conn, *http.Piece) {}
				p := s.dial()
				for _, piece := range pieces {
					p.c.Send.AppendString(piece)
					if len(pieces) > 1 {
						must(t, s.m.Poll(0))
					}
				}
				p.expectClosed()
				if got := string(p.Got); !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 5") || len(statusLine.FindAllString(got, -1)) != 1 {
					t.Errorf("%s: got %q", tt.name, got)
				}
				if all := strings.Join(s.Lines, "\n"); strings.Contains(all, "/smuggled") {
					t.Errorf("%s: events %q", tt.name, s.Lines)
				}
			}
		}
	}
}
