package http_test

import (
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

func TestCreds(t *testing.T) {
	for _, tt := range []struct{ target, headers, user, password string }{
		{"/", "", "", ""},
		{"/", "Authorization: Basic dXNlcjpwYXNz\r\n", "user", "pass"},
		{"/", "authorization: bAsIc   dXNlcjpwYXNz\r\n", "user", "pass"},
		{"/", "Authorization: Basic dXNlcjpwOmE6c3M=\r\n", "user", "p:a:ss"},
		{"/", "Authorization: Basic Og==\r\n", "", ""},
		{"/", "Authorization: Basic OnA=\r\n", "", "p"},
		{"/", "Authorization: Basic dXNlcg==\r\n", "", ""}, // no colon
		{"/", "Authorization: Basic dXNlcjpwYXN\r\n", "", ""},
		{"/", "Authorization: Basic !\r\n", "", ""},
		{"/", "Authorization: Basic\r\n", "", ""},
		{"/", "Authorization: Basicd XNlcjpwYXNz\r\n", "", ""},
		{"/?access_token=q", "Authorization: Basic !\r\nCookie: access_token=c\r\n", "", ""},
		{"/", "Authorization: Bearer tok.en\r\n", "", "tok.en"},
		{"/?access_token=q", "Authorization: bearer t\r\nCookie: access_token=c\r\n", "", "t"},
		{"/?access_token=q", "Authorization: Digest x\r\nCookie: a=b; access_token=c\r\n", "", "c"},
		{"/?access_token=q%20r", "Cookie: a=b\r\n", "", "q r"},
		{"/?access_token=%", "", "", ""},
		{"/?xaccess_token=q", "Cookie: xaccess_token=c\r\n", "", ""},
	} {
		msg := parseRequest(t, "GET "+tt.target+" HTTP/1.1\r\nHost: h\r\n"+tt.headers+"\r\n")
		if user, password := msg.Creds(); user != tt.user || password != tt.password {
			t.Errorf("%s %q: %q, %q, want %q, %q", tt.target, tt.headers, user, password, tt.user, tt.password)
		}
	}
}

func TestBasicAuth(t *testing.T) {
	for _, tt := range []struct{ user, password, err string }{
		{"Aladdin", "open sesame", ""},
		{"", "", ""},
		{"user", "p:a\xffs", ""},
		{"a:b", "secret", `"a:b" contains a colon`},
		{"a\n", "secret", `"a\n" contains a control byte`},
		{"a", "secret\x7f", "the password contains a control byte"},
	} {
		line, err := http.BasicAuth(tt.user, tt.password)
		if tt.err != "" {
			if err == nil || line != "" || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%+v: %q, %v", tt, line, err)
			}
			continue
		}
		theirs := nethttp.Request{Header: nethttp.Header{}}
		theirs.SetBasicAuth(tt.user, tt.password)
		if want := "Authorization: " + theirs.Header.Get("Authorization") + "\r\n"; err != nil || line != want {
			t.Errorf("%+v: %q, %v, want %q", tt, line, err, want)
		}
	}
}
