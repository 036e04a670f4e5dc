package http_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
)

// EachHeader gives each line without the blanks around its value, and stops at the first error.
func TestEachHeader(t *testing.T) {
	stop, bad := errors.New("stop"), errors.New("bad line")
	for _, tt := range []struct {
		headers, want string
		is            error // nil: no error
		word          string
	}{
		{"", "", nil, ""},
		{"A: b\r\n", "A=b;", nil, ""},
		{"A: \tb c\t \r\nd:\r\nA:e:f\r\n", "A=b c;d=;A=e:f;", nil, ""},
		{"A: b\r\nstop: \r\nC: d\r\n", "A=b;", stop, ""},
		{"A: b", "", bad, "CRLF"},
		{"A: b\r\n\r\n", "A=b;", bad, "Name: value"},
		{"A: b\n\r\n", "", bad, "control byte"},
		{"A: b\r\n c\r\n", "A=b;", bad, "Name: value"},
	} {
		got := ""
		err := http.EachHeader(tt.headers, func(name, value string) error {
			if name == "stop" {
				return stop
			}
			got += fmt.Sprintf("%s=%s;", name, value)
			return nil
		})
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.headers, got, tt.want)
		}
		switch {
		case tt.is == nil || tt.is == stop:
			if err != tt.is {
				t.Errorf("%q: %v, want %v", tt.headers, err, tt.is)
			}
		default:
			looptest.WantErr(t, err, nil, tt.word)
		}
	}
}
