package http_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

var forms = []struct{ form, want string }{
	{"", ""},
	{"a=1", "a=1;"},
	{"a=1&b=2&a=3", "a=1;b=2;a=3;"},
	{"a", "a=;"},
	{"=v", "=v;"},
	{"=", "=;"},
	{"&&a=1&", "a=1;"},
	{"a=b=c", "a=b=c;"},
	{"a+b=c+d", "a b=c d;"},
	{"%61%3D=%26%3b", "a==&;;"},
	{"a=%zz&b=2", "b=2;"},
	{"%4=1&b=%", ""},
	{"%00=%ff", "\x00=\xff;"},
}

func TestVars(t *testing.T) {
	for _, tt := range forms {
		got := ""
		for name, value := range http.Vars([]byte(tt.form)) {
			got += name + "=" + value + ";"
		}
		if got != tt.want {
			t.Errorf("Vars(%q) = %q, want %q", tt.form, got, tt.want)
		}
	}
	for range http.Vars([]byte("a=1&b=2")) {
		break // stops, without a panic
	}
}

// FuzzVars compares Vars and Var with net/url.
func FuzzVars(f *testing.F) {
	for _, tt := range forms {
		f.Add(tt.form)
	}
	f.Add("&=0")
	f.Add("%61=1&a=2")
	f.Fuzz(func(t *testing.T, form string) {
		if strings.Contains(form, ";") {
			return // an error of net/url only
		}
		got := url.Values{}
		for name, value := range http.Vars([]byte(form)) {
			got.Add(name, value)
		}
		want, _ := url.ParseQuery(form)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: got %q, want %q", form, got, want)
		}
		seen := map[string]bool{}
		for pair := range strings.SplitSeq(form, "&") {
			name, raw, _ := strings.Cut(pair, "=")
			if pair == "" || seen[name] {
				continue // Var returns the first one
			}
			seen[name] = true
			value, err := url.QueryUnescape(raw)
			got, ok := http.Var(nil, []byte(form), name)
			if ok != (err == nil) || string(got) != value {
				t.Errorf("%q: Var(%q) = %q, %t, want %q (%v)", form, name, got, ok, value, err)
			}
		}
	})
}

func TestMessageVars(t *testing.T) {
	const urlencoded = "application/x-www-form-urlencoded"
	for _, tt := range []struct{ query, contentType, body, a, all string }{
		{"?a=1", "", "", "1", "a=1;"},
		{"?a=1&a=2", urlencoded, "a=3&b=4", "1", "a=1;a=2;a=3;b=4;"},
		{"?b=1", urlencoded, "a=%203", " 3", "b=1;a= 3;"},
		{"", urlencoded + "; charset=utf-8", "a=3", "3", "a=3;"},
		{"", "Application/X-WWW-Form-URLencoded", "a=3", "3", "a=3;"},
		{"", "text/plain", "a=3", "missing", ""},
		{"", "", "a=3", "missing", ""},
		{"", urlencoded, "a=%3", "missing", ""},
	} {
		headers := "Host: h\r\n"
		if tt.contentType != "" {
			headers += "Content-Type: " + tt.contentType + "\r\n"
		}
		msg := parseRequest(t, fmt.Sprintf("POST /%s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", tt.query, headers, len(tt.body), tt.body))
		a, ok := msg.Var("a")
		if !ok {
			a += "missing"
		}
		all := ""
		for name, value := range msg.Vars() {
			all += name + "=" + value + ";"
		}
		if a != tt.a || all != tt.all {
			t.Errorf("%+v: got a %q and %q", tt, a, all)
		}
	}
}

// parseRequest returns the message of a request, with an own buffer.
func parseRequest(t *testing.T, in string) *http.Message {
	t.Helper()
	var p http.Parser
	msg := new(http.Message)
	if n, err := p.Parse([]byte(in), msg); err != nil || n != len(in) {
		t.Fatalf("%q: %d bytes, %v", in, n, err)
	}
	return msg
}
