package http_test

import (
	nethttp "net/http"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/http"
)

func TestParseTime(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		if got, err := http.ParseTime(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994", "Sun, 31 Feb 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"} {
		if got, err := http.ParseTime([]byte(s)); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2026, 3, 1, 1, 2, 3, 999, time.FixedZone("", 3600))
	if got, want := http.FormatTime(at), at.UTC().Format(nethttp.TimeFormat); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
