package http_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// A request that is refused gets a response with the status and the reason of the error.
// Then the connection closes. Requests before it are answered.
func TestMalformedRequest(t *testing.T) {
	for _, tt := range []struct{ name, in, before, want string }{
		{"first", "GET / HTTP/1.1\r\nHost : h\r\n", "", "400 Bad Request|blank before the colon of header \"Host \"\n"},
		{"second", get + "GET / HTTP/3.0\r\n", ok("", "GET /a "), "505 HTTP Version Not Supported|version HTTP/3.0 is not supported: want HTTP/1.1 or HTTP/1.0\n"},
		{"after HEAD", lines("HEAD / HTTP/1.1", "Host: h") + "\n", dated("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"), "400 Bad Request|bare LF 0x0a after \"\" in the first line\n"},
		{"large", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3145729"), "", "413 Content Too Large|Content-Length 3145729 is beyond the limit of 3145728 bytes\n"},
		{"endless header", "GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 16384-19), "", "431 Request Header Fields Too Large|header is larger than the limit of 16384 bytes\n"},
		{"coding", "GET / HTTP/1.1\r\nTransfer-Encoding: br\r\n", "", "501 Not Implemented|Transfer-Encoding \"br\" is not supported: only chunked is\n"},
		{"chunk", chunkHead + "x\r\n", "", "400 Bad Request|chunk size \"x\" is not a hexadecimal number\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, echo(t))
			p := s.dial()
			p.send(tt.in)
			status, reason, _ := strings.Cut(tt.want, "|")
			p.expectClosed()
			p.expect(tt.before + dated("HTTP/1.1 "+status+"\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "+
				itoa(len(reason))+"\r\n\r\n") + reason)
			var e *http.Error
			if !errors.As(s.LastErr(), &e) || e.Reason+"\n" != reason {
				t.Errorf("EvError has %v, want %q", s.LastErr(), reason)
			}
			if n := len(s.Lines); n < 2 || s.Lines[n-1] != "CLOSE" || strings.Contains(strings.Join(s.Lines[:n-2], ""), "ERROR") {
				t.Errorf("log is %q", s.Lines)
			}
			if n := len(s.Lines); tt.name == "large" && (n != 3 || s.Lines[0] != `HTTP_HDRS POST / ""`) {
				t.Errorf("log is %q", s.Lines) // the handler may take over a body of any size
			}
		})
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
