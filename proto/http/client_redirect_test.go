package http_test

import (
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// redirectSite answers /s/STATUS/… with that status and a Location, which is the rest.
func redirectSite(t *testing.T) *site {
	return serveSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		rest, found := strings.CutPrefix(r.URL.Path, "/s/")
		if !found {
			say(w, r)
			for _, name := range []string{"Authorization", "Cookie", "Content-Type", "X-Kept"} {
				if v := r.Header.Get(name); v != "" {
					fmt.Fprintf(w, "[%s=%s]", name, v)
				}
			}
			return
		}
		var status int
		fmt.Sscan(rest[:3], &status)
		io.Copy(io.Discard, r.Body)
		if rest[3:] != "" {
			w.Header().Set("Location", rest[4:])
		}
		w.WriteHeader(status)
		io.WriteString(w, "moved")
	})
}

// Redirects are followed with the right method and body, to each form of Location.
func TestClientFollowsRedirects(t *testing.T) {
	s := redirectSite(t)
	ct := newClientTest(t, &http.ClientOptions{Redirects: 3})
	body := []byte("abc")
	for _, tt := range []struct {
		method, path, want string
	}{
		{"GET", "/s/301/" + s.URL + "/a%3Fb", "GET /a?b "},
		{"GET", "/s/302//abs", "GET /abs "},
		{"GET", "/s/303/../../rel/./x", "GET /rel/x "},
		{"GET", "/s/307/../../up", "GET /up "},
		{"GET", "/s/308/" + strings.TrimPrefix(s.URL, "http:") + "/authority", "GET /authority "},
		{"GET", "/s/302//x%3Fa%20b", "GET /x?a%20b "},
		{"GET", "/s/302//a%23fragment", "GET /a "},
		{"GET", "/s/302//sp%20ace-%C3%A9", "GET /sp%20ace-%C3%A9 "},
		{"GET", "/s/302//s/302//s/302//end", "GET /end "},
		{"POST", "/s/301//x", "GET /x "},
		{"POST", "/s/302//x", "GET /x "},
		{"PUT", "/s/303//x", "GET /x "},
		{"POST", "/s/307//x", "POST /x abc[Content-Type=text/plain]"},
		{"PUT", "/s/308//x", "PUT /x abc[Content-Type=text/plain]"},
		{"GET", "/s/300//x", "moved"},
		{"GET", "/s/304", ""},
		{"GET", "/s/302", "moved"},
	} {
		req := &http.Request{Method: tt.method, URL: s.URL + tt.path}
		if tt.method != "GET" {
			req.Body, req.Headers = body, "Content-Type: text/plain\r\n"
		}
		x := ct.do(req)
		if x.body() != tt.want || x.err != nil || len(x.lines) != 2 {
			t.Errorf("%s %s: %q, error %v, want %q", tt.method, tt.path, x.lines, x.err, tt.want)
		}
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// HEAD stays HEAD.
func TestClientRedirectsHEAD(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{Redirects: 1})
	s := ct.listenRaw(func(p *rawConn) {
		if p.requests() == 1 {
			p.say(lines("HTTP/1.1 302 Found", "Location: /b", "Content-Length: 5"))
		} else {
			p.say(lines("HTTP/1.1 200 OK", "Content-Length: 7"))
		}
	})
	x := ct.do(&http.Request{Method: "HEAD", URL: s.url})
	if x.err != nil || !strings.Contains(s.conns[0].got, "HEAD /b HTTP/1.1") {
		t.Errorf("%q, error %v, requests %q", x.lines, x.err, s.conns[0].got)
	}
}

// Redirects that cannot be followed are errors that say why. The connection stays usable.
func TestClientRefusesRedirects(t *testing.T) {
	s := redirectSite(t)
	ct := newClientTest(t, &http.ClientOptions{Redirects: 3})
	for _, tt := range []struct {
		req  http.Request
		want string
	}{
		{http.Request{URL: "/s/302//s/302//s/302//s/302//end"}, "more than 3 redirects"},
		{http.Request{URL: "/s/302/."}, "more than 3 redirects"},
		{http.Request{URL: "/s/302/ftp://h/"}, `unknown scheme "ftp"`},
		{http.Request{URL: "/s/302/file:/etc/passwd"}, `unknown scheme "file"`},
		{http.Request{URL: "/s/302/http://h:0/"}, "port 0"},
		{http.Request{URL: "/s/302/http://%25zz/"}, "invalid URL escape"},
		{http.Request{URL: "/s/302/http:opaque"}, "want"},
		{http.Request{URL: "/s/302/http://u:secret@h:port/"}, "port"},
		{http.Request{URL: "/s/307//x", Method: "POST", Reader: strings.NewReader("a")}, "cannot be sent again"},
	} {
		tt.req.URL = s.URL + tt.req.URL
		x := ct.do(&tt.req)
		if x.err == nil || !strings.Contains(x.err.Error(), tt.want) || strings.Contains(x.err.Error(), "secret") {
			t.Errorf("%s: %q, error %v, want %q", tt.req.URL, x.lines, x.err, tt.want)
		}
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// From https to http is refused, and from http to https is followed.
func TestClientRedirectsAndTLS(t *testing.T) {
	serve := func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			nethttp.Redirect(w, r, to, nethttp.StatusFound)
			return
		}
		say(w, r)
	}
	plain, secure := serveSite(t, serve), serveSiteWith(t, serve, true)
	cfg := secure.Client().Transport.(*nethttp.Transport).TLSClientConfig
	ct := newClientTest(t, &http.ClientOptions{TLS: cfg, Redirects: 3})
	ct.get(plain.URL+"/?to="+secure.URL+"/end", "GET /end ")
	x := ct.do(&http.Request{URL: secure.URL + "/?to=" + plain.URL})
	if x.err == nil || !strings.Contains(x.err.Error(), "from https to http") {
		t.Errorf("%q, error %v", x.lines, x.err)
	}
}

// Secrets stay with the origin that they are for, and do not come back.
func TestClientRedirectsDropSecrets(t *testing.T) {
	other := redirectSite(t)
	s := redirectSite(t)
	ct := newClientTest(t, &http.ClientOptions{Redirects: 5})
	headers := "Authorization: Bearer x\r\nCookie: a=b\r\nX-Kept: yes\r\n"
	with := "[Authorization=Bearer x][Cookie=a=b][X-Kept=yes]"
	for _, tt := range []struct{ url, headers, want string }{
		{s.URL + "/s/302//a", headers, "GET /a " + with},
		{s.URL + "/s/302/" + s.URL + "/a", headers, "GET /a " + with},
		{s.URL + "/s/302/" + other.URL + "/a", headers, "GET /a [X-Kept=yes]"},
		{s.URL + "/s/302/" + other.URL + "/s/302/" + s.URL + "/a", headers, "GET /a [X-Kept=yes]"},
		{strings.Replace(s.URL, "//", "//u:p@", 1) + "/s/302//a", "", "GET /a [Authorization=Basic dTpw]"},
		{strings.Replace(s.URL, "//", "//u:p@", 1) + "/s/302/" + other.URL + "/a", "", "GET /a "},
	} {
		x := ct.do(&http.Request{URL: tt.url, Headers: tt.headers})
		if x.body() != tt.want || x.err != nil {
			t.Errorf("%s: %q, error %v, want %q", tt.url, x.lines, x.err, tt.want)
		}
	}
}

// Without Redirects the program gets the response.
func TestClientDeliversRedirects(t *testing.T) {
	s := redirectSite(t)
	ct := newClientTest(t, nil)
	x := ct.do(&http.Request{URL: s.URL + "/s/302//a"})
	if x.body() != "moved" || x.header.Get("Location") != "/a" {
		t.Errorf("%q %v", x.lines, x.header)
	}
}

// Close ends a request that is being redirected.
func TestClientClosedInRedirect(t *testing.T) {
	s := redirectSite(t)
	ct := newClientTest(t, &http.ClientOptions{Redirects: 5})
	x := ct.start(&http.Request{URL: s.URL + "/s/302//s/302//s/302//end"})
	ct.until("the first connection", func() bool { return s.conns.Load() == 1 })
	ct.cl.Close()
	ct.await(x)
	if x.ended != 1 || !errors.Is(x.err, reactor.ErrClosed) {
		t.Errorf("%q, error %v", x.lines, x.err)
	}
}
