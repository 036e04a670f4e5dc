package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Do returns errors that say what is wrong, and calls no handler.
func TestClientRefusesRequests(t *testing.T) {
	ct := newClientTest(t, nil)
	for _, tt := range []struct {
		req  http.Request
		want string
	}{
		{http.Request{URL: "ftp://h/"}, "unknown scheme ftp"},
		{http.Request{URL: "/path"}, "no scheme"},
		{http.Request{URL: ""}, "no scheme"},
		{http.Request{URL: "http:///x"}, "want a host"},
		{http.Request{URL: "http://h:0/"}, "no port 0"},
		{http.Request{URL: "http://h:99999/"}, "port"},
		{http.Request{URL: "http://h/ä?ö"}, "byte 0xc3 of path and query is not escaped"},
		{http.Request{URL: "http://h/?a b"}, "byte 0x20"},
		{http.Request{URL: "http://h/%zz"}, "escape"},
		{http.Request{URL: "http://h/#top"}, "fragment"},
		{http.Request{URL: "http://h/\r\nA: b"}, "control character"},
		{http.Request{URL: "http://münchen/"}, "xn--"},
		{http.Request{URL: "http://a:b%0a@h/"}, "control byte"},
		{http.Request{URL: "http://a%3ab:c@h/"}, "colon"},
		{http.Request{URL: "http://h/", Method: "GE T"}, "not a token"},
		{http.Request{URL: "http://h/", Method: "CONNECT"}, "CONNECT"},
		{http.Request{URL: "http://h/", Method: "TRACE", Body: []byte("a")}, "has no body"},
		{http.Request{URL: "http://h/", Headers: "A: b"}, "CRLF"},
		{http.Request{URL: "http://h/", Headers: "A: b\nC: d\r\n"}, "control byte"},
		{http.Request{URL: "http://h/", Headers: "Content-Length: 0\r\n"}, "must not be set"},
		{http.Request{URL: "http://h/", Headers: "transfer-encoding: chunked\r\n"}, "must not be set"},
		{http.Request{URL: "http://h/", Headers: "Host: a b\r\n"}, "neither host nor host:port"},
		{http.Request{URL: "http://h/", Headers: "Host: a\r\nHost: a\r\n"}, "second Host"},
		{http.Request{URL: "http://h/", Headers: "Expect: 100-continue\r\n", Body: []byte("a")}, "Expect"},
		{http.Request{URL: "http://h/", Body: []byte("a"), Stream: true}, "one of Body, Reader and Stream"},
		{http.Request{URL: "http://h/", Size: 3}, "without Reader and Stream"},
		{http.Request{URL: "http://h/", Stream: true, Size: -2}, "negative"},
	} {
		err := ct.cl.Do(&tt.req, func(*reactor.Conn, reactor.Event, any) { t.Error("the handler is called") }, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.req, err, tt.want)
		}
	}
	err := ct.cl.Do(&http.Request{URL: "http://user:secret@h:0/"}, nil, nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	ct.idle()
}

// What a request looks like on the wire.
func TestClientRequestHead(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) { p.say(lines("HTTP/1.1 204 No Content")) })
	host := strings.TrimPrefix(s.url, "http://")
	for _, tt := range []struct {
		req  http.Request
		want string
	}{
		{http.Request{URL: s.url}, lines("GET / HTTP/1.1", "Host: "+host)},
		{http.Request{URL: s.url + "?a=b"}, lines("GET /?a=b HTTP/1.1", "Host: "+host)},
		{http.Request{URL: "HTTP://" + host + "/%41//b?"}, lines("GET /%41//b? HTTP/1.1", "Host: "+host)},
		{http.Request{URL: s.url + "/ä b\"<c>"}, lines("GET /%C3%A4%20b%22%3Cc%3E HTTP/1.1", "Host: "+host)},
		{http.Request{URL: "http://us%20er:p%40ss@" + host + "/"}, lines("GET / HTTP/1.1", "Host: "+host, "Authorization: Basic dXMgZXI6cEBzcw==")},
		{http.Request{URL: "http://u:p@" + host + "/", Headers: "authorization: Bearer x\r\nhost: other:1\r\n"},
			lines("GET / HTTP/1.1", "authorization: Bearer x", "host: other:1")},
		{http.Request{Method: "DELETE", URL: s.url}, lines("DELETE / HTTP/1.1", "Host: "+host)},
		{http.Request{Method: "PATCH", URL: s.url}, lines("PATCH / HTTP/1.1", "Host: "+host, "Content-Length: 0")},
		{http.Request{Method: "GET", URL: s.url, Body: []byte("q"), Headers: "A: b\r\n"}, lines("GET / HTTP/1.1", "Host: "+host, "A: b", "Content-Length: 1") + "q"},
	} {
		if len(s.conns) > 0 {
			s.conns[0].got = ""
		}
		if x := ct.do(&tt.req); x.err != nil {
			t.Errorf("%s: %v", tt.req.URL, x.err)
		}
		if got := s.conns[0].got; got != tt.want {
			t.Errorf("%s\ngot  %q\nwant %q", tt.req.URL, got, tt.want)
		}
	}
}
