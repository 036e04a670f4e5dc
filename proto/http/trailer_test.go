package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Fields that must come before the body are no trailers. EndTrailers refuses them and writes
// nothing, on a server and on a client.
func TestTrailerNames(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Sum": true, "Grpc-Status": true, "Server-Timing": true, "Content-Digest": true, "ETag": true, "Iffy": true,
		"Content-Length": false, "transfer-encoding": false, "HOST": false, "Trailer": false, "te": false,
		"Content-Type": false, "content-range": false, "Content-Encoding": false, "Authorization": false,
		"Set-Cookie": false, "Cookie": false, "WWW-Authenticate": false, "If-Match": false, "Range": false,
		"Expect": false, "Cache-Control": false, "Location": false, "Date": false, "Connection": false,
		"": false, "a b": false,
	} {
		if got := http.IsTrailer(name); got != want {
			t.Errorf("IsTrailer(%q) is %v", name, got)
		}
		if name == "" || strings.Contains(name, " ") {
			continue
		}
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
			if ev != reactor.EvHTTPMsg {
				return
			}
			must(t, http.ReplyStart(c, 200, "", http.Chunked))
			err := http.EndTrailers(c, "A: b\r\n"+name+": 1\r\n")
			switch {
			case want:
				must(t, err)
				return
			case err == nil || !strings.Contains(err.Error(), name):
				t.Errorf("%s: error %v", name, err)
			}
			must(t, http.EndChunks(c))
		})
		p := s.dial()
		p.send(get)
		end := "0\r\n\r\n"
		if want {
			end = "0\r\nA: b\r\n" + name + ": 1\r\n\r\n"
		}
		p.expect(dated("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") + end)
	}
}
