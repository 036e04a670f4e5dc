package http_test

import (
	"cmp"
	"fmt"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A reason phrase is the one in the registry of IANA, or empty.
func TestReasonPhrases(t *testing.T) {
	status := 0
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.ReplyBytes(c, status, "", nil))
		}
	})
	newer := map[int]string{413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
	p, known := s.dial(), 0
	for status = 200; status < 600; status++ {
		p.send(get)
		p.until("response", func() bool { return strings.HasSuffix(string(p.Got), "\r\n\r\n") })
		line, _, _ := strings.Cut(string(p.Got), "\r\n")
		p.Got = nil
		phrase, found := strings.CutPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", status))
		want := cmp.Or(newer[status], nethttp.StatusText(status))
		if !found || phrase != "" && phrase != want {
			t.Errorf("status line %q, want the phrase %q", line, want)
		}
		if phrase != "" {
			known++
		}
	}
	if known < 30 {
		t.Errorf("%d status codes have a phrase, want at least 30", known)
	}
}
