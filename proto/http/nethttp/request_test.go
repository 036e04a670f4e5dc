package nethttp_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	stdhttp "net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http/nethttp"
	"github.com/rikki-go/rikki/reactor"
)

// requests are requests whose Request must be the same as with net/http's server.
var requests = []string{
	"GET / HTTP/1.1\nHost: example.com\n\n",
	"GET /a%20b/../c?x=1&y=%zz HTTP/1.1\nHost: example.com:8080\nX-A: 1\nx-a:  2 \nACCEPT-encoding: gzip\n\n",
	"GET http://other.example/path?q HTTP/1.1\nHost: example.com\n\n",
	"GET //double/slash HTTP/1.1\nHost: x\n\n",
	"GET /? HTTP/1.1\nHost: x\n\n",
	"GET /%2f%41;p=1 HTTP/1.1\nHost: [::1]:80\n\n",
	"GET / HTTP/1.0\n\n",
	"GET / HTTP/1.0\nHost: x\nConnection: keep-alive\n\n",
	"GET / HTTP/1.1\nHost: x\nConnection: foo, Close\n\n",
	"GET / HTTP/1.1\nHost: x\nConnection: foo\nConnection: close\n\n",
	"GET / HTTP/1.1\nHost: x\nPragma: no-cache\n\n",
	"GET / HTTP/1.1\nHost: x\nPragma: no-cache\nCache-Control: max-age=1\n\n",
	"HEAD /x HTTP/1.1\nHost: x\nCookie: a=b\nCookie: c=d\nReferer: http://r/\nUser-Agent: me\n\n",
	"POST / HTTP/1.1\nHost: x\nContent-Length: 3\nContent-Type: text/plain\n\nabc",
	"POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
	"POST /form?a=1 HTTP/1.1\nHost: x\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 7\n\na=2&b=3",
	"PUT / HTTP/1.1\nHost: x\nTransfer-Encoding: Chunked\n\n3\nabc\n0\n\n",
	"PUT / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nTrailer: X-Sum, y\n\n3\nabc\n0\n\n",
	"WEIRD /x HTTP/1.1\nHost: x\nEmpty:\nLatin: \xe4\n\n",
	"CONNECT example.com:443 HTTP/1.1\nHost: example.com:443\n\n",
	"OPTIONS /x HTTP/1.1\nHost: x\n\n",
	"GET / HTTP/1.1\nHost: x\nAuthorization: Basic dTpw\nUpgrade: h2c\n\n",
}

// dump writes all that a handler can see of a request.
func dump(w io.Writer, r *stdhttp.Request) {
	fmt.Fprintf(w, "%s %q %s %d.%d host %q close %v\n", r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, r.Close)
	fmt.Fprintf(w, "URL %#v user %v\n", *r.URL, r.URL.User)
	var b strings.Builder
	writeHeader(&b, "", r.Header)
	writeHeader(&b, "trailer ", r.Trailer)
	fmt.Fprintf(w, "%slength %d encoding %v\n", b.String(), r.ContentLength, r.TransferEncoding)
	fmt.Fprintf(w, "no body %v, GetBody %v, Pattern %q\n", r.Body == stdhttp.NoBody, r.GetBody != nil, r.Pattern)
	if state := r.TLS; state != nil {
		fmt.Fprintf(w, "TLS %x %v %q %v\n", state.Version, state.HandshakeComplete, state.ServerName, len(state.PeerCertificates))
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "body %q %v\n", body, err)
	user, password, ok := r.BasicAuth()
	fmt.Fprintf(w, "%q %q %v %v\n", user, password, ok, r.ParseForm())
	fmt.Fprintf(w, "form %v\n", r.Form)
	ctx := r.Context()
	local, _ := ctx.Value(stdhttp.LocalAddrContextKey).(net.Addr)
	server, ok := ctx.Value(stdhttp.ServerContextKey).(*stdhttp.Server)
	fmt.Fprintf(w, "%T, a server %v with a handler %v, %v\n", local, ok, server.Handler != nil, ctx.Err())
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintf(w, "remote %q %v %v\n", host, port != "", err)
}

func TestRequestFields(t *testing.T) {
	theirs, ours := both(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) { dump(w, r) }))
	for _, request := range requests {
		method, _, _ := strings.Cut(request, " ")
		if method == "HEAD" || method == "CONNECT" { // only a log shows these
			continue
		}
		want := exchange(t, theirs.Listener.Addr().String(), crlf(request), method)
		got := exchange(t, ours.addr, crlf(request), method)
		if got != want {
			t.Errorf("%q:\n%s\nnet/http's:\n%s", request, got, want)
		}
	}
}

// The requests whose answers have no body, and all others, as seen by the handler.
func TestRequestFieldsSeenByTheHandler(t *testing.T) {
	seen := make(chan string, 1)
	theirs, ours := both(t, stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		var b strings.Builder
		dump(&b, r)
		seen <- b.String()
		stdhttp.Error(w, "", stdhttp.StatusForbidden)
	}))
	for _, request := range requests {
		var got [2]string
		for i, addr := range []string{theirs.Listener.Addr().String(), ours.addr} {
			_, err := io.WriteString(dial(t, addr), crlf(request))
			must(t, err)
			got[i] = <-seen
		}
		if got[0] != got[1] {
			t.Errorf("%q:\n%s\nnet/http's:\n%s", request, got[1], got[0])
		}
	}
}

// TLS and UNIX-domain sockets, and BaseContext.
func TestRequestOfOtherSockets(t *testing.T) {
	ca := looptest.NewAuthority(t)
	type key struct{}
	h := stdhttp.HandlerFunc(func(w stdhttp.ResponseWriter, r *stdhttp.Request) {
		fmt.Fprintln(w, r.Context().Value(key{}), r.RemoteAddr == "@", r.Context().Value(stdhttp.LocalAddrContextKey).(net.Addr).Network())
		dump(w, r)
	})
	base := func(*reactor.Conn) context.Context { return context.WithValue(context.Background(), key{}, "base") }
	dir := t.TempDir()
	for _, secure := range []bool{true, false} {
		theirs := httptest.NewUnstartedServer(h)
		theirs.Config.ErrorLog = log.New(io.Discard, "", 0)
		theirs.Config.BaseContext = func(net.Listener) context.Context { return base(nil) }
		var ours *server
		client := func(network, addr string) *stdhttp.Client {
			return &stdhttp.Client{Transport: &stdhttp.Transport{DisableKeepAlives: true, TLSClientConfig: ca.Client(),
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, addr)
				}}}
		}
		url, network := "https://localhost/x", "tcp"
		if secure {
			ours = serveURL(t, "https://127.0.0.1:0", ca.Server(t), h, &nethttp.Options{BaseContext: base})
			theirs.TLS = &tls.Config{Certificates: ca.Server(t).Certificates, NextProtos: []string{"http/1.1"}}
			theirs.StartTLS()
		} else {
			url, network = "http://localhost/x", "unix"
			l, err := net.Listen("unix", filepath.Join(dir, "theirs"))
			must(t, err)
			theirs.Listener.Close()
			theirs.Listener = l
			theirs.Start()
			ours = serveUnix(t, filepath.Join(dir, "ours"), h, &nethttp.Options{BaseContext: base})
		}
		var got [2]string
		for i, addr := range []string{theirs.Listener.Addr().String(), ours.addr} {
			resp, err := client(network, addr).Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			resp.Body.Close()
			got[i] = string(body)
		}
		if got[0] != got[1] {
			t.Errorf("%s:\n%s\nnet/http's:\n%s", network, got[1], got[0])
		}
		theirs.Close()
	}
}
