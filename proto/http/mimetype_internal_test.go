package http

import (
	"mime"
	nethttp "net/http"
	"strings"
	"testing"
)

func TestMediaType(t *testing.T) {
	overrides := map[string]string{".js": "x/js", ".log": "x/log", "": "x/none"}
	for name, want := range map[string]string{
		"a.html": "text/html; charset=utf-8", "A.HTML": "text/html; charset=utf-8", "d.d/a.js": "x/js", "a.JS": "x/js",
		"a.LOG": "x/log", "a": "x/none", "d.html/a": "x/none", "a.unknown-extension": "", "a.tar.gz": "application/gzip",
	} {
		if got := mediaType(name, overrides); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for ext, value := range webTypes {
		if _, _, err := mime.ParseMediaType(value); err != nil || ext != strings.ToLower(ext) || ext[0] != '.' {
			t.Errorf("%s: %s: %v", ext, value, err)
		}
	}
}

// sniff agrees with net/http about which bytes are text, except for signatures.
func TestSniff(t *testing.T) {
	const text, data = "text/plain; charset=utf-8", "application/octet-stream"
	for in, want := range map[string]string{
		"": text, "a\r\n\t\f\x1bä": text, "cut \xc3": text, "cut \xe2\x82": text, "cut \xf0\x9f\x92": text,
		"\x00": data, "a\x01": data, "a\xff": data, "a\xc3a": data, "a\xe2\x82": text, "\xff\xfea\x00": data,
		"<html><script>": text, "%PDF-1.4": text,
	} {
		if got := sniff([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for c := range 256 {
		in := []byte{'a', byte(c), 'b'}
		want := nethttp.DetectContentType(in)
		if c >= 0x80 {
			want = data // not UTF-8
		}
		if got := sniff(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
