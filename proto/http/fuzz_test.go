package http_test

import (
	"fmt"
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
	if string(msg.Raw) != string(msg.Head)+string(msg.Body) || !strings.Contains(string(buf), string(msg.Raw)) || !p.Response && !strings.Contains(in, string(msg.Head)) {
		t.Errorf("head %q, body %q, raw %q", msg.Head, msg.Body, msg.Raw)
	}
	if msg.IsRequest() == p.Response || len(msg.Headers) > small.Headers || len(msg.Body) > small.Body || len(msg.Head) > small.Head {
		t.Errorf("got %s", show(&msg))
	}
}
