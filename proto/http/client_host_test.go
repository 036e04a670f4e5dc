package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// A Client forgets hosts that it has no connection to.
func TestClientForgetsHosts(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{IdleConns: 2})
	for range 10 {
		s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
		ct.get(s.url, "a")
		ct.get(s.url+"/b", "a")
	}
	ct.idle()
	if n := http.ClientHosts(ct.cl); n > 2 {
		t.Errorf("%d hosts are known, want 2", n)
	}
}

// The forms of one origin share connections.
func TestClientOriginForms(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
	host := strings.TrimPrefix(s.url, "http://")
	for _, u := range []string{s.url, "HTTP://" + host, "hTTp://" + host + "/x", "http://u:p@" + host, "Http://" + host + "?q",
		"htTp://" + host, "httP://" + host} {
		ct.get(u, "a")
	}
	if len(s.conns) != 1 || http.ClientHosts(ct.cl) != 1 {
		t.Errorf("%d connections and %d hosts, want 1", len(s.conns), http.ClientHosts(ct.cl))
	}
	if strings.Count(s.conns[0].got, "Authorization") != 1 {
		t.Errorf("requests %q", s.conns[0].got)
	}
}
