package http

import (
	"fmt"
	"strings"
	"testing"
)

// bodies are messages whose body is good or bad. They are requests, and responses if they begin
// with HTTP.
var bodies = []string{
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcdeGET",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabcdefghi",
	"HTTP/1.1 200 OK\r\n\r\nabcde",
	"HTTP/1.1 200 OK\r\n\r\nabcdefghijk",
	chunkedHead + "5\r\nabcde\r\n0\r\n\r\n",
	chunkedHead + "1\r\na\r\n2;x=y\r\nbc\r\n0005\r\ndefgh\r\n0\r\n\r\nGET",
	chunkedHead + "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n",
	chunkedHead + "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n",
	chunkedHead + "3\r\nabc\r\n0\r\nA: " + strings.Repeat("x", 200) + "\r\n\r\n",
	chunkedHead + "3\r\nabc\r\n0\r\nA: " + strings.Repeat("x", 50) + "\r\nB: " + strings.Repeat("x", 50) + "\r\n\r\n",
	chunkedHead + "3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n",
	chunkedHead + "3\r\nabc\r\n6\r\nabcdef\r\n0\r\n\r\n",
	chunkedHead + "3\r\nabc\r\nffffffffffffffff\r\n",
	chunkedHead + "3\r\nabc\r\n10000000000000000\r\n",
	chunkedHead + "3\r\nabcd\r\n",
	chunkedHead + "3\r\nabc\r\n\r\n",
	chunkedHead + "3\r\nabc\r\nx\r\n",
	chunkedHead + "3\r\nabc\n1\r\n",
	chunkedHead + "3\nabc",
	chunkedHead + "1;" + strings.Repeat("x", 253) + "\r\n",
	chunkedHead + strings.Repeat("1;"+strings.Repeat("x", 44)+"\r\na\r\n", 3),
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

var bodyLimits = Limits{Head: 100, Headers: 4, Body: 8}

// decodePieces decodes the body of in, which arrives cut at the offsets cuts after the header.
func decodePieces(in string, max int64, cuts ...int) (result string) {
	p := Parser{Limits: bodyLimits, Response: strings.HasPrefix(in, "HTTP")}
	var msg Message
	head, err := p.ParseHead([]byte(in), &msg)
	if err != nil {
		return err.Error()
	}
	d := newPieceDecoder(&p, max)
	if err := d.checkLength(); err != nil {
		return p.withStatus(err).Error()
	}
	var body, buf []byte
	begin := head
	for _, end := range append(cuts, len(in)-head) {
		buf = append(append([]byte{}, buf...), in[begin:head+end]...)
		begin = head + end
		data, used, done, err := d.next(buf)
		body, buf = append(body, data...), buf[used:]
		switch {
		case err != nil:
			return fmt.Sprintf("%q, %v", body, p.withStatus(err))
		case done:
			return fmt.Sprintf("%q, rest %q", body, string(buf)+in[begin:])
		case d.decoded != int64(len(body)):
			return fmt.Sprintf("%d bytes decoded, and %d counted", len(body), d.decoded)
		}
	}
	return fmt.Sprintf("%q, more", body)
}

// parseWhole does the same with a Parser. If the body is bad, the part before the bad byte is
// missing.
func parseWhole(in string) string {
	p := Parser{Limits: bodyLimits, Response: strings.HasPrefix(in, "HTTP")}
	var msg Message
	n, err := p.Parse([]byte(in), &msg)
	switch {
	case err == ErrIncomplete && p.HeadDone():
		return "more"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%q, rest %q", msg.Body, in[n:])
}

// agree reports whether the results of the two are the same.
func agree(pieces, whole string) bool {
	if strings.HasPrefix(whole, `"`) {
		return pieces == whole
	}
	return strings.HasSuffix(pieces, whole)
}

// A body in pieces is the same as a collected one, and so are the errors, wherever it is cut.
func TestPiecesAreTheBody(t *testing.T) {
	for _, in := range bodies {
		size := len(in) - strings.Index(in, "\r\n\r\n") - 4
		whole := decodePieces(in, 8)
		if want := parseWhole(in); !agree(whole, want) {
			t.Errorf("%q:\ngot  %s\nwant %s", in, whole, want)
		}
		var each []int
		for i := range size {
			each = append(each, i)
			if got := decodePieces(in, 8, i); got != whole {
				t.Errorf("%q cut at %d:\ngot  %s\nwant %s", in, i, got, whole)
			}
		}
		if got := decodePieces(in, 8, each...); got != whole {
			t.Errorf("%q byte by byte:\ngot  %s\nwant %s", in, got, whole)
		}
	}
}

// The limit of a body in pieces is its own, and may be more than an int.
func TestPiecesLimit(t *testing.T) {
	const large = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n"
	for _, tt := range []struct {
		in   string
		max  int64
		want string
	}{
		{large + "ab", -1, `"ab", more`},
		{large + "ab", 1e12, `"ab", more`},
		{large + "ab", 1e12 - 1, "http: Content-Length 1000000000000 is beyond the limit of 999999999999 bytes"},
		{chunkedHead + "ffffffffff\r\nab", -1, `"ab", more`},
		{chunkedHead + "ffffffffff\r\nab", 1e12, `"", http: chunked body is larger than the limit of 1000000000000 bytes`},
		{chunkedHead + "7fffffffffffffff\r\nab", -1, fmt.Sprintf(`"", http: chunked body is larger than the limit of %d bytes`, int64(noMax))},
		{"HTTP/1.1 200 OK\r\n\r\nabc", 3, `"abc", more`},
		{"HTTP/1.1 200 OK\r\n\r\nabcd", 3, `"abc", http: body is larger than the limit of 3 bytes`},
	} {
		if got := decodePieces(tt.in, tt.max); got != tt.want {
			t.Errorf("%q, limit %d:\ngot  %s\nwant %s", tt.in, tt.max, got, tt.want)
		}
	}
}

// FuzzPieces compares the two decoders.
func FuzzPieces(f *testing.F) {
	for _, in := range bodies {
		f.Add(in, 2, 5)
	}
	f.Fuzz(func(t *testing.T, in string, a, b int) {
		head := strings.Index(in, "\r\n\r\n") + 4
		if head < 4 || len(in) > 1000 {
			return
		}
		size := len(in) - head
		a = int(uint(a) % uint(size+1))
		b = a + int(uint(b)%uint(size-a+1))
		if strings.HasPrefix(in, "\r\n") {
			return
		}
		whole, cut := decodePieces(in, 8), decodePieces(in, 8, a, b)
		if whole != cut {
			t.Errorf("cut at %d and %d:\ngot  %s\nwant %s", a, b, cut, whole)
		}
		if want := parseWhole(in); !agree(whole, want) {
			t.Errorf("got  %s\nwant %s", whole, want)
		}
	})
}
