package reactor_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		url      string
		want     reactor.URL
		redacted string // "" if the same as url
	}{
		{"tcp://127.0.0.1:80", reactor.URL{Scheme: "tcp", Host: "127.0.0.1", Port: 80, HasPort: true}, ""},
		{"tcp://:1883", reactor.URL{Scheme: "tcp", Port: 1883, HasPort: true}, ""},
		{"tcp://h:0", reactor.URL{Scheme: "tcp", Host: "h", HasPort: true}, ""},
		{"tcp://h:65535", reactor.URL{Scheme: "tcp", Host: "h", Port: 65535, HasPort: true}, ""},
		{"TCP://h:1", reactor.URL{Scheme: "tcp", Host: "h", Port: 1, HasPort: true}, "tcp://h:1"},
		{"tcp://[::1]:80", reactor.URL{Scheme: "tcp", Host: "::1", Port: 80, HasPort: true}, ""},
		{"udp://[::]:0", reactor.URL{Scheme: "udp", Host: "::", HasPort: true}, ""},
		{"ws://h/mqtt?a=b&c", reactor.URL{Scheme: "ws", Host: "h", Path: "/mqtt", RawQuery: "a=b&c"}, ""},
		{"ws://[::1]/mqtt", reactor.URL{Scheme: "ws", Host: "::1", Path: "/mqtt"}, ""},
		{"ws://h/a%2Fb", reactor.URL{Scheme: "ws", Host: "h", Path: "/a%2Fb"}, ""},
		{"mqtt://u:p@h:1", reactor.URL{Scheme: "mqtt", User: "u", Password: "p", HasPassword: true, Host: "h", Port: 1, HasPort: true}, "mqtt://u:xxxxx@h:1"},
		{"mqtt://u@h", reactor.URL{Scheme: "mqtt", User: "u", Host: "h"}, ""},
		{"mqtt://u:@h", reactor.URL{Scheme: "mqtt", User: "u", HasPassword: true, Host: "h"}, "mqtt://u:xxxxx@h"},
		{"mqtt://:p@h", reactor.URL{Scheme: "mqtt", Password: "p", HasPassword: true, Host: "h"}, "mqtt://:xxxxx@h"},
		{"mqtt://a%40b:p%2Fq%3A@h", reactor.URL{Scheme: "mqtt", User: "a@b", Password: "p/q:", HasPassword: true, Host: "h"}, "mqtt://a%40b:xxxxx@h"},
		{"http://%41%2d.%C3%A9:80/%41", reactor.URL{Scheme: "http", Host: "A-.\u00e9", Port: 80, HasPort: true, Path: "/%41"}, "http://A-.%C3%A9:80/%41"},
		{"http://u%40:p@\u00e9/", reactor.URL{Scheme: "http", User: "u@", Password: "p", HasPassword: true, Host: "\u00e9", Path: "/"}, "http://u%40:xxxxx@%C3%A9/"},
		{"ws://[fe80::1%25lo]/", reactor.URL{Scheme: "ws", Host: "fe80::1%lo", Path: "/"}, ""},
		{"unix:///tmp/a/s", reactor.URL{Scheme: "unix", Path: "/tmp/a/s"}, ""},
		{"unix:///tmp/a%20b", reactor.URL{Scheme: "unix", Path: "/tmp/a b"}, "unix:///tmp/a b"},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			u, err := reactor.ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if u != test.want {
				t.Errorf("%+v\nwant %+v", u, test.want)
			}
			if test.redacted == "" {
				test.redacted = test.url
			}
			if got := u.Redacted(); got != test.redacted {
				t.Errorf("redacted: %s, want %s", got, test.redacted)
			}
		})
	}
}

func TestHostPort(t *testing.T) {
	for url, want := range map[string]string{
		"tcp://127.0.0.1:80": "127.0.0.1:80", "tcp://[::1]:80": "[::1]:80", "tcp://h:1": "h:1", "tcp://:7": ":7",
	} {
		u, err := reactor.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.HostPort(); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	for _, test := range []struct{ url, reason string }{
		{"", "no scheme"},
		{"h:80", "no scheme"},
		{"://h:80", "no scheme"},
		{"/path", "no scheme"},
		{"tcp:h:80", "no scheme"},
		{"0/://", "no scheme"},
		{"a/b://h:80", "no scheme"},
		{"tcp://h:", "port"},
		{"tcp://h:65536", "port"},
		{"tcp://h:-1", "port"},
		{"tcp://h:http", "port"},
		{"tcp://h:1 2", "port"},
		{"tcp://[::1", "]"},
		{"tcp://a b:1", "host"},
		{"tcp://h\n:1", "control"},
		{"tcp://h:1/%zz", "escape"},
		{"tcp://h%zz:1", "broken percent escape in the host"},
		{"tcp://h%4", "broken percent escape in the host"},
		{"tcp://a%20b:1", "host contains ' '"},
		{"tcp://a%3a1:1", "host contains ':'"},
		{"tcp://a%2Fb", "host contains '/'"},
		{"tcp://u@%40", "host contains '@'"},
		{"tcp://%25", "host contains '%'"},
		{"tcp://a%0d%0ab", `host contains '\r'`},
		{"tcp://h:%31", "port"},
		{"tcp://h:1#frag", "fragment"},
		{"1tcp://h:1", ""},
		{"unix://", "unix:///path"},
		{"unix://host/path", "unix:///path"},
		{"unix://relative", "unix:///path"},
	} {
		t.Run(test.url, func(t *testing.T) {
			u, err := reactor.ParseURL(test.url)
			if err == nil {
				t.Fatalf("%+v, want an error", u)
			}
			if !strings.Contains(err.Error(), "bad URL") || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("error %v, want a bad URL because of %q", err, test.reason)
			}
			if u != (reactor.URL{}) {
				t.Errorf("ParseURL returns %+v with the error, want the zero value", u)
			}
		})
	}
}

// No error shows a password, even if the URL is malformed.
func TestErrorsDoNotShowThePassword(t *testing.T) {
	const secret = "hunter2"
	for _, url := range []string{
		"tcp://u:hunter2@h:1",
		"tcp://u:hunter2@h",
		"tcp://u:hunter2@h:99999",
		"tcp://u:hunter2@h:port",
		"tcp://u:hunter2@h:1#f",
		"tcp://u:hunter2@[::1",
		"tcp://u:hunter2@a b:1",
		"tcp://u:hunter2%zz@h:1",
		"tcp://u:hunter2 @h:1",
		"tcp://u:hunter2\"@h:1",
		"tcp://u:hunter2\x00@h:1",
		"tcp://u:a@hunter2@h:1",
		"tcp://u:a:hunter2@h:1",
		"tcp://u:hunter2?x@h:1",
		"tcp://u:hunter2#x@h:1",
		"tcp://u:hunter2/x@h:1",
		"tcp://u:x/hunter2@h:1",
		"tcp://u:x?hunter2@h:1",
		"tcp:/u:hunter2@h:1",
		"u:hunter2@h:1",
		"/u:hunter2@h:1",
		"://u:hunter2@h:1",
		"nosuch://u:hunter2@h:1",
		"tls://u:hunter2@h:1",
		"unix://u:hunter2@h/path",
	} {
		t.Run(url, func(t *testing.T) {
			m := newManager(t)
			u, err := reactor.ParseURL(url)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("ParseURL: %v", err)
			}
			if s := u.Redacted(); strings.Contains(s, secret) {
				t.Errorf("Redacted: %s", s)
			}
			if _, err := m.Connect(url, nil, nil); err == nil {
				t.Error("Connect returns no error")
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("Connect: %v", err)
			}
			if _, err := m.Listen(url, nil, nil); err == nil {
				t.Error("Listen returns no error")
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("Listen: %v", err)
			}
		})
	}
}

// FuzzParseURL checks that an accepted URL is consistent, and that Redacted does not show
// the password, which is the second string of the fuzzer.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"tcp://h:1", "tcp://[::1]:80/p?q", "unix:///a/b", "ws://u:p@h/x", "tcp://:0", "tcp://h:65536", "a://%41:%2f@b%20c:1", "tcp://%41%c3%a9:1", "ws://a%2eb@%ff", "0/://"} {
		f.Add(s, "s3cr3t")
	}
	f.Fuzz(func(t *testing.T, s, password string) {
		u, err := reactor.ParseURL(s)
		if err != nil {
			if u != (reactor.URL{}) {
				t.Fatalf("%q: %+v beside %v", s, u, err)
			}
			return
		}
		if u.Scheme == "" || u.Scheme != strings.ToLower(u.Scheme) {
			t.Fatalf("%q: scheme %q", s, u.Scheme)
		}
		if u.Scheme == "unix" && (u.Host != "" || u.Path == "" || u.HasPort) || !u.HasPort && u.Port != 0 {
			t.Fatalf("%q: %+v", s, u)
		}
		if again, err := reactor.ParseURL(s); err != nil || again != u {
			t.Fatalf("%q: %+v, then %+v, %v", s, u, again, err)
		}
		plain := u
		plain.HasPassword, plain.Password = true, ""
		secret := plain
		secret.Password = password
		if plain.Redacted() != secret.Redacted() {
			t.Fatalf("%q: the password %q changes %s", s, password, secret.Redacted())
		}
	})
}
