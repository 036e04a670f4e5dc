package http_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// show returns a message as readable text, for comparisons.
func show(m *http.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|%s|%d|%s", m.Method, m.URI, m.Query, m.Proto, m.Status, m.Reason)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "|%s=%s", h.Name, h.Value)
	}
	fmt.Fprintf(&b, "|%q|%q|%q", m.Head, m.Body, m.Raw)
	return b.String()
}

// verdict is the result of parsing a stream.
type verdict struct {
	messages []string
	rest     int    // number of bytes after the last message
	err      string // of the parser; empty if there was none
}

func (v verdict) equal(w verdict) bool {
	return slices.Equal(v.messages, w.messages) && v.rest == w.rest && v.err == w.err
}

// parseStream parses pieces that arrive one after the other. The buffer moves with each
// piece, and each call of the parser gets a new Message. end says that the stream ends
// after the last piece.
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
				v.rest = 0 // it depends on the pieces how much has arrived
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

// lines joins header lines and adds the empty line after them.
func lines(line ...string) string { return strings.Join(line, crlf) + crlf + crlf }

// chunkHead is the header of a request with a chunked body.
const chunkHead = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

// splits calls f with in cut in two, once at every byte, and then cut into single bytes.
func splits(in string, f func(what string, pieces []string)) {
	for i := range len(in) {
		f(fmt.Sprintf("cut at byte %d", i), []string{in[:i], in[i:]})
	}
	f("byte by byte", strings.Split(in, ""))
}

// smallPieces cuts in into single bytes. The bytes in the middle of a long input stay
// together in pieces of 64.
func smallPieces(in string) []string {
	const edge = 300
	if len(in) <= 2*edge {
		return strings.Split(in, "")
	}
	pieces := strings.Split(in[:edge], "")
	for in = in[edge:]; len(in) > edge; {
		n := min(len(in)-edge, 64)
		pieces, in = append(pieces, in[:n]), in[n:]
	}
	return append(pieces, strings.Split(in, "")...)
}

// checkGood fails the test unless in is one message that show returns as want or as
// something that begins with want. The pieces in which it arrives must not matter. end says
// that the stream ends after it.
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
	for i := range len(in) { // everything shorter is incomplete
		if got := parseStream(p, false, in[:i]); len(got.messages) > 0 || got.err != http.ErrIncomplete.Error() {
			t.Errorf("first %d bytes: got %+v", i, got)
		}
	}
}

// badRequest is a request that must be refused.
type badRequest struct {
	name   string
	in     string // the bytes up to the one at which it must be refused
	status int    // of the error
	reason string // a part of the error's text
}

func (b badRequest) run(t *testing.T) {
	t.Run(b.name, func(t *testing.T) { checkBad(t, http.Parser{}, b.in, b.status, b.reason) })
}

// badRequests returns all of them.
func badRequests() []badRequest {
	return slices.Concat(badStartLines, badTargets, badLines, badFields, badChunks)
}

// checkBad fails the test unless the parser refuses in at its last byte and not earlier.
// The pieces in which it arrives, and the bytes after it, must not matter.
func checkBad(t *testing.T, p http.Parser, in string, status int, reason string) {
	t.Helper()
	q := p
	var msg http.Message
	if _, err := q.Parse([]byte(in[:len(in)-1]), &msg); err != http.ErrIncomplete {
		t.Errorf("without the last byte: got %v, want ErrIncomplete", err)
	}
	q = p
	_, err := q.Parse([]byte(in), &msg)
	var e *http.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Status != status || !strings.Contains(e.Reason, reason) {
		t.Errorf("got %d %s, want %d %s", e.Status, e.Reason, status, reason)
	}
	long := strings.Repeat("x", http.DefaultMaxHead+1)
	for _, rest := range []string{"", "\r\n\r\n", long} {
		splits(in, func(what string, pieces []string) {
			pieces[len(pieces)-1] += rest
			if got := parseStream(p, false, pieces...); got.err != err.Error() || len(got.messages) > 0 {
				t.Errorf("%s, %d bytes after it: got %+v, want %v", what, len(rest), got, err)
			}
		})
	}
}
