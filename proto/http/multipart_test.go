package http_test

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// Each body has the boundary "xyz". want lists the parts, or words of the error.
var multiparts = []struct{ name, body, want, err string }{
	{"two parts", "--xyz\r\nContent-Disposition: form-data; name=\"val\"\r\n\r\nabc\r\ndef\r\n" +
		"--xyz\r\nContent-Disposition: form-data; name=\"foo\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\nhello world\r\n\r\n--xyz--\r\n",
		"val::abc\r\ndef;foo:a b.txt:hello world\r\n;", ""},
	{"long and short header", "--xyz\r\nA: " + strings.Repeat("b", 90) + "\r\n\r\na\r\n--xyz\r\nB: c\r\n\r\nb\r\n--xyz--", "::a;::b;", ""},
	{"no part", "--xyz--\r\n", "", ""},
	{"no part and no line end", "--xyz--", "", ""},
	{"CRLF first", "\r\n--xyz\r\n\r\na\r\n--xyz--", "::a;", ""},
	{"blanks after boundaries", "--xyz \t\r\n\r\na\r\n--xyz  \r\n\r\nb\r\n--xyz-- \t", "::a;::b;", ""},
	{"text after the end", "--xyz\r\n\r\na\r\n--xyz--\r\nb\r\n--xyz\r\n\r\nc", "::a;", ""},
	{"empty part", "--xyz\r\nA: b\r\n\r\n\r\n--xyz--", "::;", ""},
	{"empty part without an empty line", "--xyz\r\nA: b\r\n\r\n--xyz--", "::;", ""},
	{"empty part without a header", "--xyz\r\n\r\n--xyz--", "::;", ""},
	{"boundary as a prefix", "--xyz\r\n\r\n--xyz1\r\n--xyzz--\r\n--xy\r\n--xyz--", "::--xyz1\r\n--xyzz--\r\n--xy;", ""},
	{"boundary within a line", "--xyz\r\n\r\na--xyz\r\n-\r\r\n--xyz--", "::a--xyz\r\n-\r;", ""},
	{"CRLF before the boundary", "--xyz\r\n\r\n\r\r\n\r\n\r\n--xyz--", "::\r\r\n\r\n;", ""},
	{"folders", "--xyz\r\ncontent-disposition: form-data; filename=\"../../etc/C:\\a.txt\"; name=n\r\n\r\n\r\n--xyz--", "n:a.txt:;", ""},
	{"dots", "--xyz\r\nContent-Disposition: form-data; filename=\"a/..\"; name=\"\"\r\n\r\n\r\n--xyz--", "::;", ""},

	{"nothing", "", "", "ends"},
	{"preamble", "a\r\n--xyz--", "", "does not begin with the boundary"},
	{"other boundary", "--xya\r\n\r\na\r\n--xya--", "", "does not begin with the boundary"},
	{"longer boundary", "--xyza\r\n\r\na\r\n--xyz--", "", "follows a boundary"},
	{"LF", "--xyz\n\na\n--xyz--\n", "", "follows a boundary"},
	{"LF after a boundary", "--xyz\r\n\r\na\r\n--xyz\n\r\n--xyz--", "::a;", "follows a boundary"},
	{"LF in the header", "--xyz\r\nA: b\nC: d\r\n\r\n\r\n--xyz--", "", "control byte 0x0a"},
	{"NUL in the header", "--xyz\r\nA: b\x00\r\n\r\n\r\n--xyz--", "", "control byte 0x00"},
	{"folded header", "--xyz\r\nA: b\r\n c\r\n\r\n\r\n--xyz--", "", "begins with a blank"},
	{"no colon", "--xyz\r\nAb\r\n\r\n\r\n--xyz--", "", "has no colon"},
	{"bad name", "--xyz\r\nA b: c\r\n\r\n\r\n--xyz--", "", "is not a token"},
	{"two dispositions", "--xyz\r\nContent-Disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b\r\n\r\n\r\n--xyz--", "", "second Content-Disposition"},
	{"one dash", "--xyz\r\n\r\na\r\n--xyz-\r\n", "::a;", "follows a boundary"},
	{"byte after the end", "--xyz\r\n\r\na\r\n--xyz--b", "::a;", "follows a boundary"},
	{"byte after a blank", "--xyz\r\n\r\na\r\n--xyz b\r\n", "::a;", "follows a boundary"},
	{"many blanks", "--xyz" + strings.Repeat(" ", 65) + "\r\n\r\na\r\n--xyz--", "", "follows a boundary"},
	{"no end", "--xyz\r\n\r\na\r\n", "::a\r\n", "ends"},
	{"no end after a boundary", "--xyz\r\n\r\na\r\n--xyz", "::a", "ends"},
	{"no last part", "--xyz\r\n\r\na\r\n--xyz\r\n", "::a;", "ends"},
	{"no end of a header", "--xyz\r\n\r\na\r\n--xyz\r\nA: b\r\n", "::a;", "ends"},
	{"long header", "--xyz\r\nA: " + strings.Repeat("b", 200) + "\r\n\r\n\r\n--xyz--", "", "larger than the limit of 200"},
	{"many header lines", "--xyz\r\n" + strings.Repeat("A: b\r\n", 6) + "\r\n\r\n--xyz--", "", "more header lines than the limit of 5"},
	{"many parts", strings.Repeat("--xyz\r\n\r\na\r\n", 6) + "--xyz--", "::a;::a;::a;::a;::a;", "more parts than the limit of 5"},
}

var smallMultipart = http.MultipartLimits{Head: 200, Headers: 5, Parts: 5}

// parsePieces returns the parts that a MultipartParser finds, in the form of multiparts.
func parsePieces(boundary string, limits http.MultipartLimits, pieces ...string) (string, error) {
	var got strings.Builder
	p := &http.MultipartParser{
		Boundary: boundary,
		Limits:   limits,
		Begin:    func(p *http.Part) error { fmt.Fprintf(&got, "%s:%s:", p.Name, p.Filename); return nil },
		Data:     func(b []byte) error { got.Write(b); return nil },
		End:      func() error { got.WriteByte(';'); return nil },
	}
	for _, piece := range pieces {
		scratch := []byte(piece)
		n, err := p.Write(scratch)
		clear(scratch) // the parser must not keep it
		if err != nil {
			if _, again := p.Write([]byte("x")); again != err || p.Close() != err || n != 0 {
				return "", fmt.Errorf("after %w: %d, %v", err, n, again)
			}
			return got.String(), err
		}
	}
	return got.String(), p.Close()
}

func TestMultipart(t *testing.T) {
	for _, tt := range multiparts {
		check := func(how string, pieces ...string) {
			got, err := parsePieces("xyz", smallMultipart, pieces...)
			if !strings.HasPrefix(tt.want, got) || tt.err == "" && got != tt.want || tt.err == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s, %s: %q, %v\nwant %q, %q", tt.name, how, got, err, tt.want, tt.err)
			}
			var e *http.Error
			if err != nil && errors.As(err, &e) == errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: error %#v", tt.name, how, err)
			}
		}
		check("whole", tt.body)
		check("byte by byte", strings.Split(tt.body, "")...)
		for i := range tt.body {
			check(fmt.Sprint("cut at ", i), tt.body[:i], tt.body[i:])
		}
	}
}

// The functions of the parser end it with an error.
func TestMultipartStopsWithTheErrorOfAFunction(t *testing.T) {
	body := "--xyz\r\n\r\na\r\n--xyz\r\n\r\nb\r\n--xyz--"
	stop := errors.New("stop")
	for _, p := range []*http.MultipartParser{
		{Begin: func(*http.Part) error { return stop }},
		{Data: func([]byte) error { return stop }},
		{End: func() error { return stop }},
	} {
		p.Boundary = "xyz"
		if n, err := p.Write([]byte(body)); n != 0 || err != stop {
			t.Errorf("%d, %v", n, err)
		}
		if err := p.Close(); err != stop {
			t.Errorf("Close: %v", err)
		}
	}
	p := &http.MultipartParser{Boundary: "xyz"} // no functions
	if _, err := p.Write([]byte(body)); err != nil || p.Close() != nil {
		t.Errorf("%v, %v", err, p.Close())
	}
	for _, boundary := range []string{"", "a ", "a\r\n", "ä", strings.Repeat("a", 71)} {
		p := &http.MultipartParser{Boundary: boundary}
		if _, err := p.Write([]byte("--" + boundary)); err == nil || !strings.Contains(err.Error(), "is not a boundary") {
			t.Errorf("boundary %q: %v", boundary, err)
		}
	}
}

// The parser holds at most the header of a part, whatever the size of the parts and pieces.
func TestMultipartMemoryIsBounded(t *testing.T) {
	size := 0
	p := &http.MultipartParser{Boundary: "xyz", Data: func(b []byte) error { size += len(b); return nil }}
	p.Write([]byte("--xyz\r\n\r\n"))
	piece := []byte(strings.Repeat("\r\n--xy", 10000))
	p.Write(piece)
	if n := testing.AllocsPerRun(100, func() { p.Write(piece); p.Write(piece[:1]) }); n != 0 {
		t.Errorf("%v allocations for a piece", n)
	}
	if p.Write([]byte("\r\n--xyz--")); p.Close() != nil || size < 6000000 {
		t.Errorf("%d bytes, %v", size, p.Close())
	}
}

// FuzzMultipart parses the input whole and in pieces, and compares the parts with those of
// mime/multipart, which must accept all that this package accepts.
func FuzzMultipart(f *testing.F) {
	for _, tt := range multiparts {
		f.Add(tt.body, len(tt.body)/2)
	}
	f.Fuzz(func(t *testing.T, body string, cut int) {
		if len(body) > 2000 {
			return
		}
		want, wantErr := parsePieces("xyz", smallMultipart, body)
		cut = int(uint(cut) % uint(len(body)+1))
		for _, pieces := range [][]string{{body[:cut], body[cut:]}, strings.Split(body, "")} {
			got, err := parsePieces("xyz", smallMultipart, pieces...)
			if err != nil && wantErr != nil { // it may have delivered more before the error
				continue
			}
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("in %d pieces: %q, %v, want %q, %v", len(pieces), got, err, want, wantErr)
			}
		}
		if got, err := nextParts(t, body); wantErr == nil && (got != want || err != nil) {
			t.Errorf("NextPart: %q, %v, want %q", got, err, want)
		}
		if wantErr == nil {
			compareParts(t, body)
		}
	})
}

// nextParts returns the parts that NextPart finds, in the form of multiparts.
func nextParts(t *testing.T, body string) (string, error) {
	var got strings.Builder
	var p http.Part
	ofs, err := http.NextPart(&p, []byte(body), "xyz", 0)
	for ; ofs > 0; ofs, err = http.NextPart(&p, []byte(body), "xyz", ofs) {
		fmt.Fprintf(&got, "%s:%s:%s;", p.Name, p.Filename, p.Body)
		if got.Len() > 20*len(body)+100 {
			t.Fatal("NextPart does not end")
		}
	}
	return got.String(), err
}

// compareParts compares the parts of NextPart with those of mime/multipart.
func compareParts(t *testing.T, body string) {
	var p http.Part
	theirs := multipart.NewReader(strings.NewReader(body), "xyz")
	for ofs := 0; ; {
		next, err := http.NextPart(&p, []byte(body), "xyz", ofs)
		part, theirErr := theirs.NextRawPart()
		if next == 0 {
			if err != nil || theirErr != io.EOF {
				t.Errorf("at the end: ours %v, theirs %v", err, theirErr)
			}
			return
		}
		if theirErr != nil {
			t.Fatalf("part at %d: ours %q, theirs %v", ofs, p.Body, theirErr)
		}
		data, theirErr := io.ReadAll(part)
		if string(data) != string(p.Body) || theirErr != nil {
			t.Errorf("part at %d: ours %q, theirs %q, %v", ofs, p.Body, data, theirErr)
		}
		for _, h := range p.Headers {
			name := textproto.CanonicalMIMEHeaderKey(string(h.Name))
			if v := part.Header[name]; len(v) == 0 || v[0] != string(p.Header(string(h.Name))) {
				t.Errorf("header %s: ours %q, theirs %q", name, h.Value, v)
			}
		}
		ofs = next
	}
}

// Limits that are lowered in the middle of a header apply to all of it.
func TestMultipartLimitsLowered(t *testing.T) {
	head := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
	for at := range len(head) {
		for limit := range 60 {
			p := http.MultipartParser{Boundary: "b"}
			if _, err := p.Write([]byte(head[:at])); err != nil {
				t.Fatal(err)
			}
			p.Limits.Head = limit
			_, err := p.Write([]byte(head[at:]))
			if size := len(head) - len("--b\r\n"); (err != nil) != (0 < limit && limit < size) {
				t.Errorf("limit %d after %d bytes: error %v", limit, at, err)
			}
		}
	}
}

// The functions of a parser cannot call it.
func TestMultipartNested(t *testing.T) {
	var p *http.MultipartParser
	calls := 0
	nested := func() error {
		calls++
		if _, err := p.Write([]byte("x")); err == nil {
			t.Error("Write in Write has worked")
		}
		return p.Close()
	}
	p = &http.MultipartParser{Boundary: "b", Begin: func(*http.Part) error { return nested() }}
	if _, err := p.Write([]byte("--b\r\n\r\nabc")); err == nil || calls != 1 || p.Close() == nil {
		t.Errorf("error %v after %d calls", err, calls)
	}
}
