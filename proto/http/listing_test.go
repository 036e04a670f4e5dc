package http_test

import (
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rikki-go/rikki/proto/http"
)

// A list has escaped names, directories first, and links that lead to the files.
func TestListing(t *testing.T) {
	files := tree()
	files[`list/<b>"&'.txt`] = &fstest.MapFile{Data: []byte("found")}
	files[`list/a:b.txt`] = &fstest.MapFile{Data: []byte("found"), ModTime: fileTime}
	files[`list/a%2fb?#.txt`] = &fstest.MapFile{Data: []byte("found")}
	files[`list/&lt.txt`] = &fstest.MapFile{Data: []byte("found")}
	files[`list/z/x.txt`] = &fstest.MapFile{}
	files[`list/fifo`] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	s := serving(t, &http.ServeOptions{FS: files, List: true, Headers: "X-A: b\r\n"})
	got := s.ask("GET", "/list/", "")
	if got.status != 200 || got.header.Get("Content-Type") != "text/html; charset=utf-8" || got.header.Get("X-A") != "b" {
		t.Fatalf("%+v", got)
	}
	var names []string
	for _, m := range regexp.MustCompile(`<a href="([^"<>]*)">([^<>]*)</a>`).FindAllStringSubmatch(got.body, -1) {
		names = append(names, m[2])
		ref, err := url.Parse(html.UnescapeString(m[1]))
		must(t, err)
		base, _ := url.Parse("http://h/list/")
		target := base.ResolveReference(ref)
		if a := s.ask("GET", target.RequestURI(), ""); target.Host != "h" || a.status != 200 || strings.HasSuffix(m[2], ".txt") && a.body != "found" {
			t.Errorf("%s leads to %s: %d %q", m[1], target, a.status, a.body)
		}
	}
	if want := "[../ z/ &amp;lt.txt &lt;b&gt;&#34;&amp;&#39;.txt a%2fb?#.txt a:b.txt]"; fmt.Sprint(names) != want {
		t.Errorf("names %v, want %s", names, want)
	}
	if !strings.Contains(got.body, "<td>2026-02-03 04:05:06</td><td>5</td>") {
		t.Errorf("no time and size in %s", got.body)
	}
	if head := s.ask("HEAD", "/list/", ""); head.header.Get("Content-Length") != fmt.Sprint(len(got.body)) || head.body != "" {
		t.Errorf("%+v", head)
	}
	if root := s.ask("GET", "/", ""); strings.Contains(root.body, "../") || !strings.Contains(root.body, "Index of /<") {
		t.Errorf("%+v", root)
	}
	if index := s.ask("GET", "/dir/", ""); index.body != "<p>index" {
		t.Errorf("%+v", index)
	}
}

// A list has a bounded number of files.
func TestListingIsBounded(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 5001 {
		files[fmt.Sprintf("%04d.txt", i)] = &fstest.MapFile{}
	}
	got := serving(t, &http.ServeOptions{FS: files, List: true}).ask("GET", "/", "")
	if n := strings.Count(got.body, "<a href="); n != 5000 || !strings.Contains(got.body, "more than 5000 files") {
		t.Errorf("%d files listed", n)
	}
}
