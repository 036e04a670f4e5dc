package nethttp_test

import (
	"bytes"
	"expvar"
	"fmt"
	"io"
	stdhttp "net/http"
	"net/http/pprof"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// site has handlers as real programs have them.
func site() stdhttp.Handler {
	files := fstest.MapFS{
		"index.html":  {Data: []byte("<h1>index</h1>"), ModTime: time.Unix(1e9, 0)},
		"big.bin":     {Data: bytes.Repeat([]byte("0123456789"), 50*1000), ModTime: time.Unix(1e9, 0)},
		"sub/a.txt":   {Data: []byte("a"), ModTime: time.Unix(1e9, 0)},
		"sub/x/b.css": {Data: []byte("b{}"), ModTime: time.Unix(1e9, 0)},
	}
	mux := stdhttp.NewServeMux()
	mux.Handle("/files/", stdhttp.StripPrefix("/files", stdhttp.FileServerFS(files)))
	mux.HandleFunc("GET /items/{id}", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		fmt.Fprintln(w, "item", r.PathValue("id"), r.Pattern)
	})
	mux.HandleFunc("POST /form", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if err := r.ParseMultipartForm(100); err != nil {
			stdhttp.Error(w, err.Error(), 400)
			return
		}
		f, head, err := r.FormFile("file")
		if err != nil {
			stdhttp.Error(w, err.Error(), 400)
			return
		}
		defer f.Close()
		n, check, err := sum(f)
		fmt.Fprintln(w, r.FormValue("a"), head.Filename, head.Size, n, check, err)
	})
	mux.Handle("/slow", stdhttp.TimeoutHandler(stdhttp.HandlerFunc(func(_ stdhttp.ResponseWriter, r *stdhttp.Request) {
		<-r.Context().Done()
	}), time.Millisecond, "too slow"))
	mux.Handle("/quick", stdhttp.TimeoutHandler(stdhttp.HandlerFunc(echoPath), time.Minute, "too slow"))
	mux.Handle("/small", stdhttp.MaxBytesHandler(stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			stdhttp.Error(w, err.Error(), stdhttp.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprintln(w, "fits")
	}), 10))
	mux.HandleFunc("/cookie", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		stdhttp.SetCookie(w, &stdhttp.Cookie{Name: "n", Value: "v w", Path: "/"})
		stdhttp.SetCookie(w, &stdhttp.Cookie{Name: "m", Value: "1"})
		c, err := r.Cookie("sent")
		fmt.Fprintln(w, c, err)
	})
	return addHeader(mux)
}

// addHeader is middleware that wraps the ResponseWriter, as many loggers do.
func addHeader(next stdhttp.Handler) stdhttp.Handler {
	return stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		w.Header().Set("X-Middleware", "1")
		next.ServeHTTP(&wrapped{w}, r)
	})
}

type wrapped struct{ stdhttp.ResponseWriter }

func (w *wrapped) Unwrap() stdhttp.ResponseWriter { return w.ResponseWriter }

const form = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\n\r\nthe file\r\n--b--\r\n"

// Usual handlers answer net/http's client the same on a Bridge and on net/http's server.
func TestUsualHandlers(t *testing.T) {
	theirs, ours := both(t, site())
	client := &stdhttp.Client{CheckRedirect: func(*stdhttp.Request, []*stdhttp.Request) error { return stdhttp.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for _, test := range []struct{ method, path, headers, body string }{
		{"GET", "/files/", "", ""},
		{"GET", "/files/index.html", "", ""},
		{"GET", "/files/sub", "", ""},
		{"GET", "/files/sub/", "", ""},
		{"GET", "/files/sub/x/b.css", "", ""},
		{"GET", "/files/nothing", "", ""},
		{"GET", "/files/../x", "", ""},
		{"GET", "/files/big.bin", "", ""},
		{"HEAD", "/files/big.bin", "", ""},
		{"GET", "/files/big.bin", "Range: bytes=10-19", ""},
		{"GET", "/files/big.bin", "Range: bytes=-5", ""},
		{"GET", "/files/big.bin", "Range: bytes=600000-", ""},
		{"GET", "/files/big.bin", "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT", ""},
		{"POST", "/files/sub/a.txt", "", "x"},
		{"GET", "/items/17", "", ""},
		{"DELETE", "/items/17", "", ""},
		{"OPTIONS", "/items/17", "", ""},
		{"POST", "/form", "Content-Type: multipart/form-data; boundary=b", form},
		{"POST", "/form", "Content-Type: multipart/form-data; boundary=b", form[:len(form)/2]},
		{"POST", "/form", "Content-Type: text/plain", "x"},
		{"GET", "/slow", "", ""},
		{"GET", "/quick", "", ""},
		{"POST", "/small", "", "0123456789"},
		{"POST", "/small", "", "0123456789X"},
		{"GET", "/cookie", "Cookie: sent=x", ""},
		{"GET", "/nothing", "", ""},
	} {
		var got [2]string
		for i, base := range []string{theirs.URL, "http://" + ours.addr} {
			r, err := stdhttp.NewRequest(test.method, base+test.path, strings.NewReader(test.body))
			must(t, err)
			if name, value, ok := strings.Cut(test.headers, ": "); ok {
				r.Header.Set(name, value)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatalf("%s %s: %v", test.method, test.path, err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			// http.MaxBytesReader tells only net/http's own server to close the connection.
			if test.path == "/small" {
				resp.Close = false
				resp.Header.Del("Connection")
			}
			var b strings.Builder
			describe(&b, resp, body, err)
			got[i] = b.String()
		}
		if got[0] != got[1] {
			t.Errorf("%s %s %s:\n%s\nnet/http's:\n%s", test.method, test.path, test.headers, got[1], got[0])
		}
	}
}

// pprof and expvar, whose answers change, work on a Bridge.
func TestDebugHandlers(t *testing.T) {
	mux := stdhttp.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/vars", expvar.Handler())
	s := serve(t, mux, nil)
	for path, want := range map[string]string{
		"/debug/pprof/":                    "goroutine",
		"/debug/pprof/heap?debug=1":        "heap profile",
		"/debug/pprof/goroutine?debug=2":   "goroutine ",
		"/debug/pprof/cmdline":             ".test",
		"/debug/pprof/trace?seconds=0.001": "go 1.",
		"/debug/vars":                      "\"memstats\": {",
	} {
		resp, err := stdhttp.Get("http://" + s.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v, %.100q", path, resp.Status, err, body)
		}
	}
	stdhttp.DefaultClient.CloseIdleConnections()
}
