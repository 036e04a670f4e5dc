package http

import "testing"

func TestAcceptsGzip(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP"}, true},
		{[]string{"x-gzip"}, true},
		{[]string{"gzip, deflate, br"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"deflate;q=1.0, gzip ; q=0.001"}, true},
		{[]string{"*"}, true},
		{[]string{"*;q=0.5, identity;q=0.4"}, true},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"*;q=0, gzip"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip;q=0.000"}, false},
		{[]string{"identity"}, false},
		{[]string{"identity, gzip;q=0.9"}, false},
		{[]string{"identity;q=0.9, gzip;q=0.9"}, true},
		{[]string{"gzipped"}, false},
		{[]string{"a gzip"}, false},
		{[]string{"gzip;q=1.001"}, false},
		{[]string{"gzip;q=2"}, false},
		{[]string{"gzip;q=-1"}, false},
		{[]string{"gzip;q="}, false},
		{[]string{"gzip;q=.5"}, false},
		{[]string{"gzip;q=0.5555"}, false},
		{[]string{"gzip;q=0.a"}, false},
		{[]string{"gzip;a=1"}, false},
	} {
		var hm Message
		for _, line := range tt.lines {
			hm.Headers = append(hm.Headers, Header{[]byte("accept-encoding"), []byte(line)})
		}
		if got := acceptsGzip(&hm); got != tt.want {
			t.Errorf("%q: %v", tt.lines, got)
		}
	}
}
