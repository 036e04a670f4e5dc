package http_test

import (
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/http"
)

func TestCookies(t *testing.T) {
	for _, tt := range []struct{ headers, all, a string }{
		{"", "", "missing"},
		{"Cookie: a=1\r\n", "a=1;", "1"},
		{"cookie: b=2; a=1;a=3\r\n", "b=2;a=1;a=3;", "1"},
		{"Cookie: a=\r\n", "a=;", ""},
		{"Cookie: a=\"q\"; b=\"; c=\"\"\r\n", "a=q;b=\";c=;", "q"},
		{"Cookie: a=x=y\r\n", "a=x=y;", "x=y"},
		{"Cookie: A=1; xa=2; a; =3;; a\t=4\r\n", "A=1;xa=2;a\t=4;", "missing"},
		{"Cookie: b=1\r\nX: y\r\nCookie: a=2\r\n", "b=1;a=2;", "2"},
	} {
		msg := parseRequest(t, "GET / HTTP/1.1\r\nHost: h\r\n"+tt.headers+"\r\n")
		all, a := "", "missing"
		for name, value := range msg.Cookies() {
			all += string(name) + "=" + string(value) + ";"
		}
		if value := msg.Cookie("a"); value != nil {
			a = string(value)
		}
		if all != tt.all || a != tt.a {
			t.Errorf("%q: %q and a %q, want %q and %q", tt.headers, all, a, tt.all, tt.a)
		}
	}
}

func TestSetCookie(t *testing.T) {
	for _, k := range []http.Cookie{
		{Name: "id", Value: "a3fWa"},
		{Name: "id"},
		{Name: "id", Value: "x", Path: "/a b", Domain: "example.com", HTTPOnly: true},
		{Name: "id", Value: "x", MaxAge: time.Hour, Secure: true, SameSite: "Lax"},
		{Name: "id", Value: "x", MaxAge: -1, SameSite: "Strict"},
		{Name: "id", Value: "x", Expires: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), Secure: true, SameSite: "None", Partitioned: true},
		{Name: "__Host-id", Value: "x", Path: "/", Secure: true},
	} {
		line, err := http.SetCookie(&k)
		theirs := nethttp.Cookie{
			Name: k.Name, Value: k.Value, Path: k.Path, Domain: k.Domain, Expires: k.Expires,
			Secure: k.Secure, HttpOnly: k.HTTPOnly, Partitioned: k.Partitioned, MaxAge: int(k.MaxAge / time.Second),
			SameSite: map[string]nethttp.SameSite{"Lax": nethttp.SameSiteLaxMode, "Strict": nethttp.SameSiteStrictMode, "None": nethttp.SameSiteNoneMode}[k.SameSite],
		}
		if k.MaxAge < 0 {
			theirs.MaxAge = -1
		}
		if want := "Set-Cookie: " + theirs.String() + "\r\n"; err != nil || line != want {
			t.Errorf("%+v: %q, %v\nwant %q", k, line, err, want)
		}
	}
}

func TestSetCookieRefuses(t *testing.T) {
	for words, k := range map[string]http.Cookie{
		`"": the name is not a token`:            {},
		`"a b": the name`:                        {Name: "a b"},
		`"a\r\nX": the name`:                     {Name: "a\r\nX"},
		"value has bytes":                        {Name: "a", Value: "b;Path=/"},
		"the value has":                          {Name: "a", Value: "b\r\nX: y"},
		"value has bytes that are not allowed":   {Name: "a", Value: "ä"},
		`path "/;Domain=e" contains`:             {Name: "a", Path: "/;Domain=e"},
		`path "/\n" contains`:                    {Name: "a", Path: "/\n"},
		`path "a" does not begin`:                {Name: "a", Path: "a"},
		`domain "e;f" is not`:                    {Name: "a", Domain: "e;f"},
		`domain "e\nf" is not`:                   {Name: "a", Domain: "e\nf"},
		"year of Expires is 1600":                {Name: "a", Expires: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)},
		"MaxAge of 1ms is less":                  {Name: "a", MaxAge: time.Millisecond},
		`SameSite is "lax", want`:                {Name: "a", SameSite: "lax"},
		"SameSite None requires Secure":          {Name: "a", SameSite: "None"},
		"attribute Partitioned requires Secure":  {Name: "a", Partitioned: true},
		"prefix __Secure- requires Secure":       {Name: "__Secure-a"},
		"prefix __Host- requires Secure, the pa": {Name: "__Host-a", Secure: true},
	} {
		if line, err := http.SetCookie(&k); err == nil || line != "" || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %q, %v, want %q", k, line, err, words)
		}
	}
}
