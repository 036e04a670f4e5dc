package http_test

import (
	"mime"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

var headerVars = []struct{ header, name, want string }{
	{"", "a", "missing"},
	{"a", "a", "missing"},
	{"a=", "a", ""},
	{"=b", "a", "missing"},
	{"a=b", "a", "b"},
	{"a=b", "A", "b"},
	{"xa=b; a=c", "a", "c"},
	{"b=a=c; a=d", "a", "d"},
	{`Digest username="Mufasa", realm="a b, realm=x", qop=auth,nc=1`, "realm", "a b, realm=x"},
	{`Digest username="Mufasa", realm="a", qop=auth,nc=1`, "qop", "auth"},
	{`Digest username="Mufasa", realm="a", qop=auth,nc=1`, "nc", "1"},
	{`Digest username="Mufasa"`, "digest", "missing"},
	{`form-data; filename="a b.txt"; name="x"`, "name", "x"},
	{`form-data; filename="a b.txt"; name="x"`, "filename", "a b.txt"},
	{`form-data; name=x;filename=""`, "filename", ""},
	{`form-data; name="a\"b\\c\d"`, "name", `a"b\c\d`},
	{`form-data; name="a\\"; b="c"`, "b", "c"},
	{`form-data; name="a; b=c`, "name", "a; b=c"},
	{`form-data; name="a; b=c`, "b", "missing"},
	{`form-data; name="`, "name", ""},
	{`form-data; name="\`, "name", `\`},
	{`form-data; name="\"`, "name", `"`},
	{`form-data; name="C:\dir\file.txt"`, "name", `C:\dir\file.txt`},
	{`a="b"c; d=e`, "d", "e"},
}

func TestHeaderVar(t *testing.T) {
	for _, tt := range headerVars {
		got := "missing"
		if value := http.HeaderVar([]byte(tt.header), tt.name); value != nil {
			got = string(value)
		}
		if got != tt.want {
			t.Errorf("HeaderVar(%q, %q) = %q, want %q", tt.header, tt.name, got, tt.want)
		}
	}
}

// FuzzHeaderVar compares HeaderVar with what package mime finds in headers that it formats.
func FuzzHeaderVar(f *testing.F) {
	for _, tt := range headerVars {
		f.Add(tt.header, tt.name, tt.want)
	}
	f.Fuzz(func(t *testing.T, header, name, value string) {
		http.HeaderVar([]byte(header), name)
		line := mime.FormatMediaType("form-data", map[string]string{"a0": "x; " + name + "=y", name: value, "zzz": "z"})
		_, params, err := mime.ParseMediaType(line)
		if line == "" || err != nil || params[name] != value {
			return
		}
		for n, want := range params {
			got := http.HeaderVar([]byte(line), n)
			if star := http.HeaderVar([]byte(line), n+"*"); star != nil { // not ASCII: RFC 2231
				continue
			}
			if string(got) != want {
				t.Errorf("%q: %q = %q, want %q", line, n, got, want)
			}
		}
	})
}
