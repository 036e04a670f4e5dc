package interop

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
)

// visit is a client of net/http that uses a rikkiWeb, directly or through another server.
type visit struct {
	t      *testing.T
	client *http.Client
	base   string // such as http://127.0.0.1:80
	// balanced means that another HTTP server is in front. It decides about connections, about 100
	// Continue, and about when the body of a request is read.
	balanced bool
}

// newVisit returns a visit with a client of its own.
func newVisit(t *testing.T, base string) *visit {
	tr := &http.Transport{TLSClientConfig: identities().client(), ExpectContinueTimeout: timeout, MaxIdleConnsPerHost: 20}
	t.Cleanup(tr.CloseIdleConnections)
	return &visit{t: t, base: base, client: &http.Client{Transport: tr, Timeout: timeout}}
}

// do sends a request and returns the response with its body. headers are "Name: value".
func (v *visit) do(method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequest(method, v.base+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatalf("%s %s %q: %v", method, path, headers, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Errorf("%s %s %q: %d bytes, %v", method, path, headers, len(got), err)
	}
	return resp, string(got)
}

// want sends a request and checks the status and the body.
func (v *visit) want(status int, want string, method, path string, body io.Reader, headers ...string) *http.Response {
	v.t.Helper()
	resp, got := v.do(method, path, body, headers...)
	if resp.StatusCode != status || got != want {
		v.t.Errorf("%s %s %q: %s with %d bytes %.60q, want %d with %d bytes %.60q", method, path, headers, resp.Status, len(got), got, status, len(want), want)
	}
	return resp
}

// all runs all checks.
func (v *visit) all() {
	v.resources()
	v.uploads()
	v.expectations()
	v.slowReader()
	v.crowd()
}

// resources asks for files, parts of files, and bodies of unknown size.
func (v *visit) resources() {
	resp := v.want(200, string(smallFile), "GET", "/files/small.txt", nil, "Accept-Encoding: identity")
	if resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.ContentLength != int64(len(smallFile)) {
		v.t.Errorf("small.txt: %v", resp.Header)
	}
	tag, when := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	v.want(304, "", "GET", "/files/small.txt", nil, "If-None-Match: "+tag, "Accept-Encoding: identity")
	v.want(304, "", "GET", "/files/small.txt", nil, "If-Modified-Since: "+when, "Accept-Encoding: identity")
	v.want(412, "412 Precondition Failed\n", "GET", "/files/small.txt", nil, `If-Match: "other"`, "Accept-Encoding: identity")
	resp = v.want(206, "abcd", "GET", "/files/small.txt", nil, "Range: bytes=10-13")
	if got := resp.Header.Get("Content-Range"); got != "bytes 10-13/37" {
		v.t.Errorf("Content-Range: %q", got)
	}
	v.want(206, "yz\n", "GET", "/files/small.txt", nil, "Range: bytes=-3")
	v.want(206, "abcd", "GET", "/files/small.txt", nil, "Range: bytes=10-13", "If-Range: "+tag)
	v.want(200, string(smallFile), "GET", "/files/small.txt", nil, "Range: bytes=10-13", `If-Range: "other"`)
	if resp, _ := v.do("GET", "/files/small.txt", nil, "Range: bytes=37-"); resp.StatusCode != 416 || resp.Header.Get("Content-Range") != "bytes */37" {
		v.t.Errorf("a range behind the end: %s %v", resp.Status, resp.Header)
	}
	resp = v.want(200, string(smallFile), "GET", "/files/small.txt", nil) // the compressed one
	if !resp.Uncompressed {
		v.t.Errorf("small.txt came without compression: %v", resp.Header)
	}
	v.want(200, string(bigFile), "GET", "/files/big.bin", nil)
	if resp := v.want(200, "", "HEAD", "/files/big.bin", nil); resp.ContentLength != int64(len(bigFile)) {
		v.t.Errorf("HEAD: Content-Length %d", resp.ContentLength)
	}
	v.want(200, "", "HEAD", "/chunked", nil)
	resp = v.want(200, "one\ntwo\nthree\n", "GET", "/chunked", nil)
	if fmt.Sprint(resp.TransferEncoding) != "[chunked]" {
		v.t.Errorf("/chunked: Transfer-Encoding %q", resp.TransferEncoding)
	}
	v.want(200, string(smallFile), "GET", "/move", nil) // a redirect
	if resp, _ := v.do("GET", "/files/none", nil); resp.StatusCode != 404 {
		v.t.Errorf("no file: %s", resp.Status)
	}
}

// uploads sends bodies of known and unknown size.
func (v *visit) uploads() {
	for _, n := range []int{0, 1, 70_000, len(bigFile)} {
		p := bigFile[:n]
		v.want(200, sum(p), "POST", "/upload", bytes.NewReader(p))
		v.want(200, sum(p), "PUT", "/upload", io.MultiReader(bytes.NewReader(p))) // its size is not known
	}
	// The body is made while the response may begin: each piece when the last one was read.
	r, w := io.Pipe()
	go func() {
		for i := range 50 {
			w.Write(bigFile[i*1000 : i*1000+1000])
		}
		w.Close()
	}()
	v.want(200, sum(bigFile[:50_000]), "POST", "/upload", r)
}

// watched notes whether it was read.
type watched struct {
	io.Reader
	read bool
}

func (w *watched) Read(p []byte) (int, error) {
	w.read = true
	return w.Reader.Read(p)
}

// expectations sends requests with Expect: 100-continue.
func (v *visit) expectations() {
	v.want(200, sum(bigFile), "POST", "/upload", bytes.NewReader(bigFile), "Expect: 100-continue")
	if v.balanced {
		return
	}
	body := &watched{Reader: bytes.NewReader(bigFile)}
	v.want(403, "refused\n", "POST", "/refuse", body, "Expect: 100-continue")
	if body.read {
		v.t.Error("the body of a refused request was read")
	}
}

// slowReader leaves a large response unread while the server answers others.
func (v *visit) slowReader() {
	resp, err := v.client.Get(v.base + "/files/big.bin")
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		v.t.Error(err)
	}
	for range 5 {
		v.want(200, "one\ntwo\nthree\n", "GET", "/chunked", nil)
	}
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(append(first, rest...), bigFile) {
		v.t.Errorf("read slowly: %d bytes, %v", len(rest)+100, err)
	}
}

// crowd sends requests at the same time. Then the client has connections that it uses again.
func (v *visit) crowd() {
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for i := range 5 {
				part := bigFile[:i*10_000]
				for _, row := range []struct {
					path, want string
					body       []byte
				}{{"/upload", sum(part), part}, {"/chunked", "one\ntwo\nthree\n", nil}} {
					resp, err := v.client.Post(v.base+row.path, "text/plain", bytes.NewReader(row.body))
					if err != nil {
						v.t.Error(err)
						continue
					}
					if got, err := io.ReadAll(resp.Body); err != nil || string(got) != row.want {
						v.t.Errorf("%s: %.40q, %v, want %.40q", row.path, got, err, row.want)
					}
					resp.Body.Close()
				}
			}
		})
	}
	all.Wait()
	reused := false
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(v.t.Context(), trace), "GET", v.base+"/peer", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body.Close()
	if !reused {
		v.t.Error("no connection is used again")
	}
}

// TestWebNetHTTPClient lets the client of net/http use our server.
func TestWebNetHTTPClient(t *testing.T) {
	t.Parallel()
	s := startWeb(t)
	for name, base := range map[string]string{"http": "http://" + s.plain, "https": "https://" + s.tls} {
		t.Run(name, func(t *testing.T) {
			newVisit(t, base).all()
		})
	}
	t.Run("TLS 1.2", func(t *testing.T) {
		v := newVisit(t, "https://"+s.tls)
		v.client.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
		v.resources()
		v.uploads()
	})
}
