package http_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// ParseLocation takes URLs apart. Each row is URL, socket, Host, target.
func TestParseLocation(t *testing.T) {
	for _, tt := range [][4]string{
		{"http://h", "tcp://h:80", "h", "/"},
		{"HTTP://Ex.ORG:80/A", "tcp://ex.org:80", "Ex.ORG", "/A"},
		{"https://h:80?", "tls://h:80", "h:80", "/?"},
		{"https://h?a/b", "tls://h:443", "h", "/?a/b"},
		{"http://[2001:DB8::1]/", "tcp://[2001:db8::1]:80", "[2001:DB8::1]", "/"},
		{"http://[fe80::1%25Eth0]:81/", "tcp://[fe80::1%25Eth0]:81", "[fe80::1]:81", "/"},
		{"http://127.0.0.1:1//a/../b;c=d", "tcp://127.0.0.1:1", "127.0.0.1:1", "//a/../b;c=d"},
	} {
		socket, host, target, err := http.ParseLocation(tt[0])
		if err != nil || socket != tt[1] || host != tt[2] || target != tt[3] {
			t.Errorf("%s: %s %s %s %v", tt[0], socket, host, target, err)
		}
	}
}

// Whatever the URL is, what is sent can be parsed by a server, and is what the server gets.
func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"http://h/a?b=c", "https://u:p@[::1]:8/%41", "http://h\r\n/", "http://h/\x00", "http://h:80#f", "http://%zz/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, host, target, err := http.ParseLocation(s)
		if err != nil {
			return
		}
		in := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		var p http.Parser
		var msg http.Message
		p.Limits = http.Limits{Head: -1}
		n, err := p.Parse([]byte(in), &msg)
		if err != nil || n != len(in) || string(msg.Host()) != host {
			t.Fatalf("%q: request %q: %d bytes, error %v", s, in, n, err)
		}
	})
}

// Whatever a server says in Location, the next URL is an http or https URL without fragment, and
// errors repeat no password.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"/a", "//h", "?q", "../x", "http://u:pw@h", "ftp://h", "a b\xff", "http:x", "https://h/#f", ":", "//::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, location string) {
		next, err := http.ResolveRedirect("https://user:secret@example.org/dir/file?q", location)
		if err != nil {
			if strings.Contains(err.Error(), "secret") {
				t.Fatal(err)
			}
			return
		}
		u, err := url.Parse(next)
		if err != nil || u.Scheme != "https" || strings.Contains(next, "#") {
			t.Fatalf("%q leads to %q, error %v", location, next, err)
		}
	})
}
