package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

// ask makes a request [RFC 1928 4].
func ask(command, kind byte, addr string, port int) string {
	return string([]byte{5, command, 0, kind}) + addr + string([]byte{byte(port >> 8), byte(port)})
}

// domain is an address of that kind.
func domain(name string) string { return string([]byte{byte(len(name))}) + name }

func TestParseRequest(t *testing.T) {
	long := strings.Repeat("a", 255)
	for _, tc := range []struct{ in, url, err string }{
		{ask(1, 1, "\x7f\x00\x00\x01", 80), "tcp://127.0.0.1:80", ""},
		{ask(1, 4, strings.Repeat("\x00", 15)+"\x01", 65535), "tcp://[::1]:65535", ""},
		{ask(1, 3, domain("example.com"), 443), "tcp://example.com:443", ""},
		{ask(1, 3, domain("a_b-c.Example."), 443), "tcp://a_b-c.Example.:443", ""},
		{ask(1, 3, domain("10.0.0.1"), 443), "tcp://10.0.0.1:443", ""},
		{ask(1, 3, domain("::1"), 443), "tcp://[::1]:443", ""},
		{ask(1, 3, domain(long), 443), "tcp://" + long + ":443", ""},
		{ask(1, 3, domain(""), 443), "", `reply 4: bad host name ""`},
		{ask(1, 3, domain("a@b/c"), 443), "", `reply 4: bad host name "a@b/c"`},
		{ask(1, 3, domain("a:1"), 443), "", `reply 4: bad host name "a:1"`},
		{ask(1, 3, domain("fe80::1%eth0"), 443), "", `reply 4: bad host name "fe80::1%eth0"`},
		{ask(1, 3, domain("a\x00b"), 443), "", `reply 4: bad host name "a\x00b"`},
		{ask(1, 1, "\x7f\x00\x00\x01", 0), "", "reply 1: port 0"},
		{ask(2, 1, "\x7f\x00\x00\x01", 80), "", "reply 7: command 2 is not supported"},
		{ask(3, 1, "\x7f\x00\x00\x01", 80), "", "reply 7: command 3 is not supported"},
		{ask(1, 2, "\x7f\x00\x00\x01", 80), "", "reply 8: address type 2 is not supported"},
		{"\x04\x01\x00\x50", "", "version 4 of SOCKS in the request, want 5"},
		{"GET /", "", "version 71 of SOCKS in the request, want 5"},
	} {
		text := func(err error) string {
			if r, ok := errors.AsType[*refusal](err); ok {
				return fmt.Sprintf("reply %d: %v", r.reply, err)
			}
			if err != nil {
				return err.Error()
			}
			return ""
		}
		for cut := range len(tc.in) + 1 { // each beginning of it
			url, n, err := parseRequest([]byte(tc.in[:cut]))
			if err == errIncomplete && cut < len(tc.in) {
				continue
			}
			if url != tc.url || text(err) != tc.err || err == nil && n != len(tc.in) {
				t.Errorf("%q: %q, %d, %v", tc.in[:cut], url, n, err)
			}
		}
		if url, n, _ := parseRequest([]byte(tc.in + "GET /")); tc.err == "" && (url != tc.url || n != len(tc.in)) {
			t.Errorf("%q and more: %q, %d", tc.in, url, n)
		}
	}
}

func TestParseGreetingAndLogin(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want string
		err  string
	}{
		{"\x05\x01\x00", "[0]", ""},
		{"\x05\x02\x00\x02", "[0 2]", ""},
		{"\x05\x00", "[]", ""},
		{"\x04\x01\x00", "", "version 4 of SOCKS, want 5"},
	} {
		for cut := range len(tc.in) + 1 {
			methods, n, err := parseGreeting([]byte(tc.in[:cut]))
			if err == errIncomplete && cut < len(tc.in) {
				continue
			}
			if err == nil && (fmt.Sprint(methods) != tc.want || n != len(tc.in)) || err != nil && err.Error() != tc.err {
				t.Errorf("greeting %q: %v, %d, %v", tc.in[:cut], methods, n, err)
			}
		}
	}
	for _, tc := range []struct{ in, user, password, err string }{
		{"\x01\x02me\x03abc", "me", "abc", ""},
		{"\x01\x00\x00", "", "", ""},
		{"\x05\x02me\x03abc", "", "", "version 5 of the login, want 1"},
	} {
		for cut := range len(tc.in) + 1 {
			user, password, n, err := parseLogin([]byte(tc.in[:cut]))
			if err == errIncomplete && cut < len(tc.in) {
				continue
			}
			if string(user) != tc.user || string(password) != tc.password || err == nil && n != len(tc.in) || err != nil && err.Error() != tc.err {
				t.Errorf("login %q: %q, %q, %d, %v", tc.in[:cut], user, password, n, err)
			}
		}
	}
}

func TestAppendReply(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:258":          "\x05\x05\x00\x01\xc0\x00\x02\x01\x01\x02",
		"[::ffff:192.0.2.1]:258": "\x05\x05\x00\x01\xc0\x00\x02\x01\x01\x02",
		"[2001:db8::1]:258":      "\x05\x05\x00\x04\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x01\x02",
	} {
		if got := string(appendReply(nil, replyRefused, netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got := string(appendReply(nil, replyFailure, netip.AddrPort{})); got != "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00" {
		t.Errorf("no address: %q", got)
	}
}

func TestReplyFor(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want reply
	}{
		{syscall.ECONNREFUSED, replyRefused}, {syscall.ENETUNREACH, replyNetUnreachable}, {syscall.EHOSTUNREACH, replyHostUnreachable},
		{syscall.EACCES, replyNotAllowed}, {errors.New("other"), replyFailure}, {os.ErrDeadlineExceeded, replyHostUnreachable},
		{&net.DNSError{IsNotFound: true}, replyHostUnreachable}, {refuse(replyBadAddress, "x"), replyBadAddress},
	} {
		if got := replyFor(fmt.Errorf("wrapped: %w", tc.err)); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.want)
		}
	}
}

// FuzzParse checks that what was parsed is within the input, and that a URL is one that a program
// could have written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(ask(1, 3, domain("example.com"), 443)))
	f.Add([]byte("\x05\x02\x00\x02"))
	f.Add([]byte("\x01\x02me\x03abc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if url, n, err := parseRequest(in); err == nil {
			if n > len(in) || strings.ContainsAny(url[len("tcp://"):], "/?#@ %\\\x00\r\n") {
				t.Errorf("%q: %q, %d", in, url, n)
			}
		}
		if _, n, err := parseGreeting(in); err == nil && n > len(in) {
			t.Errorf("greeting %q: %d", in, n)
		}
		if user, password, n, err := parseLogin(in); err == nil && (n > len(in) || n != 3+len(user)+len(password)) {
			t.Errorf("login %q: %d", in, n)
		}
	})
}
