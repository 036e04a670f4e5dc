package http

import (
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

var fileNames = []struct {
	uri, prefix, name string // name is "-" if the path is refused
	slash             bool
}{
	{"/", "", ".", true},
	{"/a", "", "a", false},
	{"/a/", "", "a", true},
	{"/a/b.c", "", "a/b.c", false},
	{"/a%20b/%C3%A4", "", "a b/ä", false},
	{"/%2525", "", "%25", false},
	{"/..a/b../...", "", "..a/b../...", false},
	{"/p", "/p", ".", false},
	{"/p/", "/p", ".", true},
	{"/p/a/", "/p/", "a", true},
	{"/%70/a", "/p", "a", false},
	{"/pa", "/p", "-", false},
	{"/pab", "/p", "-", false},
	{"/a/p", "/p", "-", false},
	{"a", "", "-", false},
	{"*", "", "-", false},
	{"", "", ".", false},
	{"/.", "", "-", false},
	{"/./", "", "-", false},
	{"/..", "", "-", false},
	{"/a/../b", "", "-", false},
	{"/a/%2e%2e/b", "", "-", false},
	{"/p/%2e%2e/b", "/p", "-", false},
	{"//", "", "-", false},
	{"//a", "", "-", false},
	{"/a//", "", "-", false},
	{"/a%2fb", "", "-", false},
	{"/a%2Fb", "", "-", false},
	{"/a\\b", "", "-", false},
	{"/a%5Cb", "", "-", false},
	{"/a%00", "", "-", false},
	{"/%ff", "", "-", false},
	{"/%", "", "-", false},
	{"/%4", "", "-", false},
	{"/%zz", "", "-", false},
}

func TestFileName(t *testing.T) {
	for _, tt := range fileNames {
		name, slash, ok := fileName([]byte(tt.uri), tt.prefix)
		if !ok {
			name, slash = "-", false
		}
		if name != tt.name || slash != tt.slash {
			t.Errorf("fileName(%q, %q) = %q, %v, want %q, %v", tt.uri, tt.prefix, name, slash, tt.name, tt.slash)
		}
	}
}

// FuzzFileName checks that a name is one that an fs.FS accepts, and the path without its escapes.
func FuzzFileName(f *testing.F) {
	for _, tt := range fileNames {
		f.Add(tt.uri, tt.prefix)
	}
	f.Fuzz(func(t *testing.T, uri, prefix string) {
		name, slash, ok := fileName([]byte(uri), prefix)
		if !ok {
			return
		}
		if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\") {
			t.Errorf("%q: %q", uri, name)
		}
		path := strings.TrimSuffix(prefix, "/")
		if name != "." {
			path += "/" + name
		}
		if slash {
			path += "/"
		}
		if decoded, err := url.PathUnescape(uri); err != nil || decoded != path {
			t.Errorf("%q: %q, %v is not %q, %v", uri, name, slash, decoded, err)
		}
	})
}
