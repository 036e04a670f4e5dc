package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rikkihttp "github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// pageFiles is the number of scripts, and of images, of the page of browserFiles.
const pageFiles = 60

// usingFiles is what the page of browserFiles does besides loading its files. It returns an array
// of strings.
const usingFiles = `(async () => {
	const text = async (url, options) => (await fetch(url, options)).text();
	const big = await (await fetch("big.bin")).arrayBuffer();
	const hex = async p => [...new Uint8Array(await crypto.subtle.digest("SHA-256", p))].map(b => b.toString(16).padStart(2, "0")).join("");
	const range = await fetch("small.txt", {headers: {Range: "bytes=10-13"}, cache: "no-store"});
	const head = await fetch("big.bin", {method: "HEAD", cache: "no-store"});
	const form = new FormData();
	form.append("name", "value");
	form.append("file", new Blob([big]), "big.bin");
	const many = await Promise.all([...Array(30).keys()].map(i => text("/upload", {method: "POST", body: "x".repeat(i * 1000)})));
	return [
		big.byteLength + " " + await hex(big),
		range.status + " " + await range.text(),
		head.status + " " + head.headers.get("Content-Length") + " " + (await head.text()).length,
		await text("/chunked"),
		await text("/upload", {method: "POST", body: big}),
		await text("/form", {method: "POST", body: form}),
		await text("/form", {method: "POST", body: new URLSearchParams({name: "a b&c"})}),
		many.map(s => s.split(" ")[0]).join(),
		String((await fetch("none")).status),
	];
})()`

// browserFiles loads a page with many files, and then again, when the browser has them. Then the
// page uses the other resources of rikkiWeb.
func browserFiles(t *testing.T, addr string) {
	l := newLoop(t)
	dir := webFiles(t)
	page := `<!doctype html><title>files</title><link rel=stylesheet href=style.css><script>var n = 0</script><body>`
	names := map[string]string{"style.css": "body { margin-top: 17px }"}
	for i := range pageFiles {
		page += fmt.Sprintf("<script src=s%d.js></script><img src=i%d.svg>", i, i)
		names[fmt.Sprintf("s%d.js", i)] = "n++ //" + strings.Repeat("x", i*997)
		names[fmt.Sprintf("i%d.svg", i)] = `<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>`
	}
	names["index.html"] = page
	for name, content := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := rikkihttp.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	web := &rikkiWeb{t: t, m: l.m, files: files}
	conns, whole, unchanged := map[uint64]bool{}, 0, 0
	server, err := rikkihttp.Listen(l.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		hm, ok := data.(*rikkihttp.Message)
		switch {
		case ev != reactor.EvHTTPMsg || !ok:
			web.serve(c, ev, data)
		case !rikkihttp.Match(hm.URI, "/files/*"):
			web.answer(c, hm)
		default:
			conns[uint64(c.ID())] = true
			if hm.Header("If-None-Match") != nil {
				unchanged++
			} else {
				whole++
			}
			noError(t, rikkihttp.ServeDir(c, hm, &rikkihttp.ServeOptions{FS: files, Prefix: "/files", Headers: "Cache-Control: no-cache\r\n"}))
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := l.openPage(addr)
	url := fmt.Sprintf("http://%s/files/", server.LocalAddr())
	const loaded = `document.readyState === "complete" && window.n === %d && getComputedStyle(document.body).marginTop === "17px" &&
		document.images.length === %[1]d && [...document.images].every(i => i.naturalWidth === 7)`
	b.call("Page.navigate", map[string]any{"url": url})
	b.await(fmt.Sprintf(loaded, pageFiles))
	if want := 2 + 2*pageFiles; whole < want || unchanged != 0 || len(conns) > 10 {
		t.Errorf("%d files, %d conditional, on %d connections; want at least %d, none, and 6 connections", whole, unchanged, len(conns), want)
	}
	whole = 0
	b.eval(nil, `window.n = "old"`)
	b.call("Page.navigate", map[string]any{"url": url})
	b.await(fmt.Sprintf(loaded, pageFiles))
	if unchanged < 2*pageFiles {
		t.Errorf("loaded again: %d conditional requests, %d others", unchanged, whole)
	}
	var got []string
	b.eval(&got, usingFiles)
	var sizes []string
	for i := range 30 {
		sizes = append(sizes, fmt.Sprint(i*1000))
	}
	want := []string{sum(bigFile), "206 abcd", fmt.Sprintf("200 %d 0", len(bigFile)), "one\ntwo\nthree\n", sum(bigFile),
		fmt.Sprintf("name=value&file=big.bin:%d", len(bigFile)), "name=a b&c", strings.Join(sizes, ","), "404"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("the page has\n%q\nwant\n%q", got, want)
	}
}
