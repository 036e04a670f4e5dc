package session

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

func TestParseReference(t *testing.T) {
	many := strings.Repeat("h ", 100)
	tests := []struct{ base, reference, want string }{
		{"mqtt://a", "b", "mqtt://b"},
		{"mqtt://a:1", "b", "mqtt://b:1"},
		{"mqtt://a:1", "b:2", "mqtt://b:2"},
		{"mqtt://a:1", "  b:2   c ", "mqtt://b:2 mqtt://c:1"},
		{"wss://u:p%20w@a:1/path?q=1", "b:2", "wss://u:p%20w@b:2/path?q=1"},
		{"wss://u@a/mqtt", "10.10.151.22:8883", "wss://u@10.10.151.22:8883/mqtt"},
		{"mqtts://a", "[fe80::9610:3eff:fe1c]:1883", "mqtts://[fe80::9610:3eff:fe1c]:1883"},
		{"mqtts://a:7", "[::1]", "mqtts://[::1]:7"},
		{"mqtts://a:7", "::1", "mqtts://[::1]:7"},
		{"mqtts://a", "fe80::1%eth0", "mqtts://[fe80::1%25eth0]"},
		{"mqtt://[::2]:5", "b", "mqtt://b:5"},
		{"mqtt://a", many, strings.TrimSpace(strings.Repeat("mqtt://h ", maxReferences))},

		{"mqtt://a", "", ""},
		{"unix:///run/broker", "b", ""},
		{"mqtt://a", "   ", ""},
		{"mqtt://a", "b:", ""},
		{"mqtt://a", "b:0", ""},
		{"mqtt://a", "b:65536", ""},
		{"mqtt://a", "b:+5", ""},
		{"mqtt://a", "b:5:6", ""},
		{"mqtt://a", ":5", ""},
		{"mqtt://a", "mqtt://b", ""},
		{"mqtt://a", "user@b", ""},
		{"mqtt://a", "b/path", ""},
		{"mqtt://a", "b?x#y", ""},
		{"mqtt://a", "b\tc", ""},
		{"mqtt://a", "b\x00", ""},
		{"mqtt://a", "bücher", ""},
		{"mqtt://a", "[::1", ""},
		{"mqtt://a", "[::1]5", ""},
		{"mqtt://a", "[::1]:", ""},
		{"mqtt://a", "[1.2.3.4]:5", ""},
		{"mqtt://a", "[]:5", ""},
		{"mqtt://a", "good b:x", ""},
		{"mqtt://a", "fe80::1%e/h", ""},
		{"mqtt://a", strings.Repeat("x", 254), ""},
	}
	for _, test := range tests {
		got, err := parseReference(test.base, test.reference)
		if strings.Join(got, " ") != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s refers to %q: %v, error %v; want %s", test.base, test.reference, got, err, test.want)
		}
	}
}

// A server that is named keeps scheme, user, password and path, and each result is a URL.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"b", "b:2 c", "[::1]:5", "fe80::1%eth0", "x@y", "a:b:c", "[", "%", "[::1]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		servers, err := parseReference("wss://u:pw@a/path?q", reference)
		if (err == nil) != (len(servers) > 0) || len(servers) > maxReferences {
			t.Fatalf("%d servers, error %v", len(servers), err)
		}
		for _, s := range servers {
			u, err := reactor.ParseURL(s)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if u.Scheme != "wss" || u.User != "u" || u.Password != "pw" || u.Path != "/path" || u.RawQuery != "q" || u.Host == "" {
				t.Fatalf("%q has become %q", reference, s)
			}
		}
	})
}
