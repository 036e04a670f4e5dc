package http_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// small are limits that the fuzzer reaches.
var small = http.Limits{Head: 300, Headers: 8, Body: 64}

// addSeeds calls add for the messages of all tables.
func addSeeds(f *testing.F, add func(in string, response bool)) {
	for _, tt := range goodRequests {
		add(tt.in, false)
		add(tt.in+tt.in, false)
	}
	for _, tt := range badRequests() {
		add(tt.in+"\r\n", false)
	}
	for _, tt := range goodResponses {
		add(tt.in, true)
	}
	for _, tt := range badResponses {
		add(tt.in+"\r\n", true)
	}
}

// FuzzParse parses the input whole, cut in two and byte by byte. The results must be the
// same, and the slices of the Message must lie in the right places.
func FuzzParse(f *testing.F) {
	addSeeds(f, func(in string, response bool) { f.Add(in, len(in)/2, response) })
	f.Fuzz(func(t *testing.T, in string, cut int, response bool) {
		if len(in) > 2000 {
			return
		}
		p := http.Parser{Limits: small, Response: response}
		whole := parseStream(p, true, in)
		cut = int(uint(cut) % uint(len(in)+1))
		if got := parseStream(p, true, in[:cut], in[cut:]); !got.equal(whole) {
			t.Errorf("cut at %d:\ngot  %+v\nwant %+v", cut, got, whole)
		}
		if got := parseStream(p, true, strings.Split(in, "")...); in != "" && !got.equal(whole) {
			t.Errorf("byte by byte:\ngot  %+v\nwant %+v", got, whole)
		}
		checkShape(t, p, in)
	})
}

// FuzzLimitsChange parses the input byte by byte, and changes the limits before the parser gets
// the first change bytes. The result must be the same as with the new limits from the beginning,
// unless the parser had a result before.
func FuzzLimitsChange(f *testing.F) {
	addSeeds(f, func(in string, response bool) {
		f.Add(in, response, len(in)/2, 300, 8, 64)
		f.Add(in, response, len(in)-1, 40, 0, -1)
		f.Add(in, response, 2*len(in)/3, 0, 1, 2)
	})
	f.Fuzz(func(t *testing.T, in string, response bool, change, head, headers, body int) {
		if len(in) > 500 {
			return
		}
		change = int(uint(change) % uint(len(in)+1))
		limits := http.Limits{Head: head, Headers: headers, Body: body}
		p := http.Parser{Response: response}
		want, wantAt, wantErr := parseChanged(p, in, true, 0, -1, limits)
		if wantAt >= change {
			fixed := http.Parser{Limits: limits, Response: response}
			want, wantAt, wantErr = parseChanged(fixed, in, true, 0, -1, limits)
			wantAt = max(wantAt, change)
		}
		got, at, err := parseChanged(p, in, true, 0, change, limits)
		if got != want || at != wantAt || fmt.Sprint(err) != fmt.Sprint(wantErr) && !bothTooLarge(err, wantErr) {
			t.Errorf("%+v at byte %d: got %q, %v after %d bytes, want %q, %v after %d", limits, change, got, err, at, want, wantErr, wantAt)
		}
	})
}

// checkShape checks the slices and the size of the first message of in.
func checkShape(t *testing.T, p http.Parser, in string) {
	var msg http.Message
	buf := []byte(in)
	n, err := p.Parse(buf, &msg)
	if err != nil {
		if n != 0 {
			t.Errorf("%d bytes used, although the error is %v", n, err)
		}
		return
	}
	if n < len(msg.Raw) || n > len(in) || p.HeadDone() {
		t.Errorf("%d bytes used of %d", n, len(in))
	}
	if string(msg.Raw) != string(msg.Head)+string(msg.Body) || !strings.Contains(in, string(msg.Head)) {
		t.Errorf("head %q, body %q, raw %q", msg.Head, msg.Body, msg.Raw)
	}
	if msg.IsRequest() == p.Response || len(msg.Headers) > small.Headers || len(msg.Body) > small.Body || len(msg.Head) > small.Head {
		t.Errorf("got %s", show(&msg))
	}
}

// FuzzDifferential compares this package with net/http. net/http must accept every message
// that this package accepts, and find the same in it.
func FuzzDifferential(f *testing.F) {
	addSeeds(f, func(in string, response bool) { f.Add(in, response) })
	f.Fuzz(func(t *testing.T, in string, response bool) {
		p := http.Parser{Response: response}
		var msg http.Message
		buf := []byte(in)
		n, err := p.Parse(buf, &msg)
		if err != nil || msg.Header("Trailer") != nil { // net/http checks the value of Trailer
			return
		}
		r := bufio.NewReader(strings.NewReader(strings.TrimPrefix(in, "\r\n"))) // net/http does not skip an empty line
		if response {
			compareResponse(t, r, &msg)
		} else {
			compareRequest(t, r, &msg)
		}
		if rest, _ := io.ReadAll(r); string(rest) != in[n:] {
			t.Errorf("after the message: ours %q, theirs %q", in[n:], rest)
		}
	})
}

func compareRequest(t *testing.T, r *bufio.Reader, msg *http.Message) {
	theirs, err := nethttp.ReadRequest(r)
	if err != nil {
		t.Fatalf("%q is accepted, but net/http says: %v", msg.Head, err)
	}
	if theirs.Method != string(msg.Method) {
		t.Errorf("method: ours %q, theirs %q", msg.Method, theirs.Method)
	}
	if theirs.Method != "CONNECT" { // the target of CONNECT has no path
		ours, err := url.PathUnescape(string(msg.URI))
		if path := cmp.Or(theirs.URL.Path, "/"); err != nil || ours != path {
			t.Errorf("path: ours %q, %v, theirs %q", ours, err, path)
		}
	}
	if theirs.URL.RawQuery != string(msg.Query) {
		t.Errorf("query: ours %q, theirs %q", msg.Query, theirs.URL.RawQuery)
	}
	if theirs.Host != string(msg.Host()) {
		t.Errorf("host: ours %q, theirs %q", msg.Host(), theirs.Host)
	}
	compareRest(t, theirs.Header, theirs.Body, msg)
}

func compareResponse(t *testing.T, r *bufio.Reader, msg *http.Message) {
	theirs, err := nethttp.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%q is accepted, but net/http says: %v", msg.Head, err)
	}
	if theirs.StatusCode != msg.Status {
		t.Errorf("status: ours %d, theirs %d", msg.Status, theirs.StatusCode)
	}
	compareRest(t, theirs.Header, theirs.Body, msg)
}

func compareRest(t *testing.T, header nethttp.Header, body io.Reader, msg *http.Message) {
	theirs, err := io.ReadAll(body)
	if err != nil || !bytes.Equal(theirs, msg.Body) {
		t.Errorf("body: ours %q, theirs %q, %v", msg.Body, theirs, err)
	}
	for _, h := range msg.Headers {
		switch name := nethttp.CanonicalHeaderKey(string(h.Name)); name {
		case "Host", "Transfer-Encoding", "Content-Length": // net/http removes them
		default:
			if v := header[name]; len(v) == 0 || v[0] != string(msg.Header(name)) {
				t.Errorf("header %s: ours %q, theirs %q", name, msg.Header(name), v)
			}
		}
	}
}
