package http_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// A server switches to another protocol, although the request has no Upgrade header. The
// connection is closed: nobody would use it.
func TestClientSwitchUnasked(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) {
		p.say(lines("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: x"))
	})
	x := ct.do(&http.Request{URL: s.url})
	var e *http.Error
	if !errors.As(x.err, &e) || x.messages > 0 {
		t.Errorf("%q, error %v", x.lines, x.err)
	}
	ct.until("the end of the connection", func() bool { return s.conns[0].ended })
}

// The URL of a socket is refused, also while there is a connection to that socket.
func TestClientSocketURL(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) { p.say(lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ok") })
	ct.get(s.url, "ok")
	err := ct.cl.Do(&http.Request{URL: strings.Replace(s.url, "http:", "tcp:", 1) + "/"}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "scheme") {
		t.Errorf("error %v", err)
	}
}
