package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	stdhttp "net/http"
	"strings"
	"testing"
)

// sameAnswers are handlers and requests to which net/http's server and a Bridge answer the same,
// except for the framing of answers without body.
var sameAnswers = []struct {
	name    string
	handler stdhttp.HandlerFunc
	request string // with \n for CRLF
	methods string // of the requests, separated by blanks
}{
	{"nothing written", func(stdhttp.ResponseWriter, *stdhttp.Request) {}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"a short body", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { io.WriteString(w, "hello") }, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"two requests", echoPath, "GET /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"close", echoPath, "GET /1 HTTP/1.1\nHost: x\nConnection: close\n\n", "GET"},
	{"close by the handler", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		w.Header().Set("Connection", "close")
		echoPath(w, r)
	}, "GET /1 HTTP/1.1\nHost: x\n\n", "GET"},
	{"HTTP/1.0", echoPath, "GET /1 HTTP/1.0\n\n", "GET"},
	{"HTTP/1.0 keep-alive", echoPath, "GET /1 HTTP/1.0\nConnection: keep-alive\n\nGET /2 HTTP/1.0\nConnection: keep-alive\n\n", "GET GET"},
	{"HTTP/1.0 without a length", long, "GET /1 HTTP/1.0\nConnection: keep-alive\n\n", "GET"},
	{"a long body", long, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"a long body with a length", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(100*1000))
		long(w, r)
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"HEAD", echoPath, "HEAD /1 HTTP/1.1\nHost: x\n\nGET /2 HTTP/1.1\nHost: x\n\n", "HEAD GET"},
	{"HEAD with a length", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { w.Header().Set("Content-Length", "77") },
		"HEAD /1 HTTP/1.1\nHost: x\n\nHEAD /2 HTTP/1.1\nHost: x\n\n", "HEAD HEAD"},
	{"204", status(204), "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"304", status(304), "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"404", stdhttp.NotFound, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"599", status(599), "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"redirect", stdhttp.RedirectHandler("/there?x=y", stdhttp.StatusFound).ServeHTTP, "GET /a HTTP/1.1\nHost: x\n\n", "GET"},
	{"body not allowed", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.WriteHeader(204)
		if _, err := io.WriteString(w, "x"); err != stdhttp.ErrBodyNotAllowed {
			panic(err)
		}
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"flushed pieces", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		for i := range 5 {
			fmt.Fprintln(w, i)
			w.(stdhttp.Flusher).Flush()
		}
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"sniffed html", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) { io.WriteString(w, "<html><p>") }, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"no sniffing of encoded content", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "<html><p>")
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"no type", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html><p>")
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"headers after WriteHeader are not sent", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Before", "1")
		w.WriteHeader(200)
		w.Header().Set("After", "1")
		w.WriteHeader(500)
		io.WriteString(w, "x")
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"injected lines", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("A", " 1\r\nB: 2\n")
		w.Header()["bad name"] = []string{"x"}
		w.Header()["C"] = []string{"1", "2"}
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"103", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Link", "</style.css>")
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(103)
		w.WriteHeader(102)
		io.WriteString(w, "hello")
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"too much for Content-Length", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
		if _, err := io.WriteString(w, "x"); err != stdhttp.ErrContentLength {
			panic(err)
		}
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"too little for Content-Length", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Content-Length", "5000")
		w.Write(make([]byte, 4999))
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"trailers", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Trailer", "Announced, Missing")
		io.WriteString(w, "body")
		w.Header().Set("Announced", "1")
		w.Header().Set(stdhttp.TrailerPrefix+"Late", "2")
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
	{"panic before the header", func(stdhttp.ResponseWriter, *stdhttp.Request) { panic("before") }, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"panic in the body", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		io.WriteString(w, "part")
		w.(stdhttp.Flusher).Flush()
		panic(stdhttp.ErrAbortHandler)
	}, "GET / HTTP/1.1\nHost: x\n\n", "GET"},
	{"echo", echo, "POST / HTTP/1.1\nHost: x\nContent-Length: 5\n\nhelloPOST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\n3\ndef\n0\n\nGET / HTTP/1.1\nHost: x\n\n", "POST POST GET"},
	{"unread body", echoPath, "POST /1 HTTP/1.1\nHost: x\nContent-Length: 5\n\nhelloGET /2 HTTP/1.1\nHost: x\n\n", "POST GET"},
	{"unread chunked body", echoPath, "POST /1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\nGET /2 HTTP/1.1\nHost: x\n\n", "POST GET"},
	{"unread large body", echoPath, "POST /1 HTTP/1.1\nHost: x\nContent-Length: 1000000\n\nhello", "POST"},
	{"body read after the response has begun", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		w.WriteHeader(200)
		w.(stdhttp.Flusher).Flush()
		_, err := r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, err)
	}, "POST / HTTP/1.1\nHost: x\nContent-Length: 5\n\nhelloGET /2 HTTP/1.1\nHost: x\n\n", "POST GET"},
	{"OPTIONS *", echoPath, "OPTIONS * HTTP/1.1\nHost: x\n\n", "OPTIONS"},
	{"a panic after the response", func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("Content-Length", "2")
		io.WriteString(w, "ok")
		w.(stdhttp.Flusher).Flush()
		panic("late")
	}, "GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\nHost: x\n\n", "GET GET"},
}

func echoPath(w stdhttp.ResponseWriter, r *stdhttp.Request) {
	fmt.Fprint(w, "you asked for ", r.URL.Path)
}

func echo(w stdhttp.ResponseWriter, r *stdhttp.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%q %v", body, err)
}

func long(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
	for i := range 1000 {
		fmt.Fprintf(w, "%099d\n", i)
	}
}

func status(n int) stdhttp.HandlerFunc {
	return func(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
		w.Header().Set("X-Status", fmt.Sprint(n))
		w.WriteHeader(n)
	}
}

func TestSameAnswersAsNetHTTP(t *testing.T) {
	for _, test := range sameAnswers {
		t.Run(test.name, func(t *testing.T) {
			theirs, ours := both(t, test.handler)
			request, methods := crlf(test.request), strings.Fields(test.methods)
			want := exchange(t, theirs.Listener.Addr().String(), request, methods...)
			got := exchange(t, ours.addr, request, methods...)
			if got != want {
				t.Errorf("answer:\n%s\nnet/http's:\n%s", got, want)
			}
		})
	}
}

// A client that waits for 100 (Continue) gets it with the first Read, or by WriteHeader, or not at
// all.
func TestContinue(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler stdhttp.HandlerFunc
	}{
		{"read", echo},
		{"WriteHeader(100)", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			w.WriteHeader(100)
			echo(w, r)
		}},
		{"read after 103", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			r.Body.Read(nil)
			echo(w, r)
		}},
		{"not read", echoPath},
		{"an error", func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
			stdhttp.Error(w, "too large", stdhttp.StatusRequestEntityTooLarge)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			theirs, ours := both(t, test.handler)
			var got [2]string
			for i, addr := range []string{theirs.Listener.Addr().String(), ours.addr} {
				c := dial(t, addr)
				_, err := io.WriteString(c, crlf("POST /1 HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n"))
				must(t, err)
				r := bufio.NewReader(c)
				for {
					resp, err := stdhttp.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					got[i] += fmt.Sprintln(resp.StatusCode, resp.Header["Link"], resp.Close)
					if resp.StatusCode == 100 {
						_, err := io.WriteString(c, "hello")
						must(t, err)
					}
					if resp.StatusCode >= 200 {
						body, err := io.ReadAll(resp.Body)
						got[i] += fmt.Sprintf("%q %v", body, err)
						break
					}
				}
			}
			if got[0] != got[1] {
				t.Errorf("answers:\n%s\nnet/http's:\n%s", got[1], got[0])
			}
		})
	}
}

// What the loop refuses before or while the handler runs.
func TestRefused(t *testing.T) {
	s := serve(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		_, err := io.ReadAll(r.Body)
		if err == nil {
			t.Error("the body has no error")
		}
		fmt.Fprint(w, err)
	}), nil)
	for _, test := range []struct{ request, want string }{
		{"GET /%zz HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 "},
		{"PUT / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nTrailer: content-length\n\n0\n\n", "HTTP/1.1 400 "},
		{"POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabcX", "HTTP/1.1 400 "},
	} {
		c := dial(t, s.addr)
		_, err := io.WriteString(c, crlf(test.request))
		must(t, err)
		got, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(got), test.want) {
			t.Errorf("%q is answered with %q", test.request, got)
		}
	}
}
