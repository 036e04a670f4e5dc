package nethttp

import (
	stdhttp "net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
)

// writeLines writes the header lines of h in the order of their names, without those that are
// excluded. Names that are none are left out, and control bytes in values become blanks, so that a
// handler cannot inject lines.
func writeLines(b *strings.Builder, h stdhttp.Header, exclude ...string) {
	size, names := 0, make([]string, 0, 16)
	for name, values := range h {
		if slices.Contains(exclude, name) || strings.HasPrefix(name, stdhttp.TrailerPrefix) || !http.IsToken(name) {
			continue
		}
		names = append(names, name)
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	slices.Sort(names)
	b.Grow(size)
	for _, name := range names {
		for _, v := range h[name] {
			writeLine(b, name, textproto.TrimString(blankControls(v)))
		}
	}
}

func writeLine(b *strings.Builder, name, value string) {
	b.WriteString(name)
	b.WriteString(": ")
	b.WriteString(value)
	b.WriteString("\r\n")
}

// headerLines returns what writeLines writes.
func headerLines(h stdhttp.Header, exclude ...string) string {
	var b strings.Builder
	writeLines(&b, h, exclude...)
	return b.String()
}

// blankControls replaces each control byte by a blank. Other bytes stay as they are: a value need
// not be UTF-8 [RFC 9110 5.5].
func blankControls(v string) string {
	var changed []byte
	for i := range len(v) {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			if changed == nil {
				changed = []byte(v)
			}
			changed[i] = ' '
		}
	}
	if changed == nil {
		return v
	}
	return string(changed)
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
	if len(w.header) == 0 {
		return ""
	}
	t := stdhttp.Header{}
	for name, values := range w.header {
		if bare, ok := strings.CutPrefix(name, stdhttp.TrailerPrefix); ok {
			t[bare] = values
		}
	}
	for _, name := range w.trailers {
		t[name] = append(t[name], w.header[name]...)
	}
	for name := range t {
		if !http.IsTrailer(name) {
			delete(t, name)
		}
	}
	return headerLines(t)
}
