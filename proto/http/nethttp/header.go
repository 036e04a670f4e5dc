package nethttp

import (
	stdhttp "net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
)

// headerLines returns the header lines of h in the order of their names, without those that are
// excluded. Names that are none are left out, and control bytes in values become blanks, so that a
// handler cannot inject lines.
func headerLines(h stdhttp.Header, exclude ...string) string {
	names := make([]string, 0, len(h))
	for name := range h {
		if !slices.Contains(exclude, name) && !strings.HasPrefix(name, stdhttp.TrailerPrefix) && http.IsToken(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, v := range h[name] {
			b.WriteString(name + ": " + textproto.TrimString(strings.Map(blankControls, v)) + "\r\n")
		}
	}
	return b.String()
}

// blankControls replaces a control character by a blank.
func blankControls(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return ' '
	}
	return r
}

// appendHead appends the header of a response without framing.
func appendHead(b []byte, status int, lines string) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, stdhttp.StatusText(status)...)
	return append(b, "\r\n"+lines+"\r\n"...)
}

// announceTrailers notes the names in the header Trailer.
func (w *response) announceTrailers() {
	for _, line := range w.sent["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = stdhttp.CanonicalHeaderKey(textproto.TrimString(name)); name != "" {
				w.trailers = append(w.trailers, name)
			}
		}
	}
}

// hasTrailers reports whether lines may follow the body.
func (w *response) hasTrailers() bool {
	if len(w.trailers) > 0 {
		return true
	}
	for name := range w.sent {
		if strings.HasPrefix(name, stdhttp.TrailerPrefix) {
			return true
		}
	}
	return false
}

// trailerLines returns the lines that follow the body: those that were announced, and those whose
// names begin with http.TrailerPrefix.
func (w *response) trailerLines() string {
	t := stdhttp.Header{}
	for name, values := range w.header {
		if bare, ok := strings.CutPrefix(name, stdhttp.TrailerPrefix); ok {
			t[bare] = values
		}
	}
	for _, name := range w.trailers {
		t[name] = append(t[name], w.header[name]...)
	}
	return headerLines(t, "Content-Length", "Transfer-Encoding", "Trailer") // never trailers [RFC 9110 6.5.1]
}
