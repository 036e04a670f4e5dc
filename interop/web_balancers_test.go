package interop

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// TestWebBalancers lets clients use our servers through nginx and haproxy, as HTTP proxies and as
// TCP proxies that send the PROXY protocol.
func TestWebBalancers(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, s *rikkiWeb) front{"nginx": nginxFront, "haproxy": haproxyFront} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWeb(t)
			start(t, s).check(t, s)
		})
	}
}

// front has the addresses of a load balancer in front of a rikkiWeb.
type front struct {
	web         string // an HTTP proxy that keeps connections to the server
	webHeader   string // an HTTP proxy that sends the PROXY protocol, or ""
	tcp, tls    string // TCP proxies that send the PROXY protocol
	mqtt        string // the same, to the broker
	mqttWS      string // the same, to the broker over WebSocket
	mqttWSByWeb string // an HTTP proxy to the broker over WebSocket
}

// upgrading lets WebSockets through an nginx, and makes it keep other connections.
const upgrading = `
	proxy_http_version 1.1;
	proxy_set_header Host $http_host;
	proxy_set_header Upgrade $http_upgrade;
	proxy_set_header Connection $upstream_connection;
	client_max_body_size 0;
	map $http_upgrade $upstream_connection { default upgrade; '' ''; }
`

// nginxFront starts an nginx. Its PROXY protocol has version 1. As an HTTP proxy it sends none.
func nginxFront(t *testing.T, s *rikkiWeb) front {
	t.Helper()
	a := startNginx(t, 6, func(a []string) (http, stream string) {
		http = upgrading +
			"upstream web { server " + s.plain + "; keepalive 20; }\n" +
			"server { listen " + a[0] + "; location / { proxy_pass http://web; } }\n" +
			"server { listen " + a[1] + "; location / { proxy_pass http://" + s.brokerWSTo + "; } }\n"
		for i, to := range []string{s.proxied, s.proxiedTLS, s.broker, s.brokerWS} {
			stream += "server { listen " + a[2+i] + "; proxy_pass " + to + "; proxy_protocol on; }\n"
		}
		return http, stream
	})
	return front{web: a[0], mqttWSByWeb: a[1], tcp: a[2], tls: a[3], mqtt: a[4], mqttWS: a[5]}
}

// haproxyFront starts an haproxy. Its PROXY protocol has version 2, also for its health checks,
// and version 1 for the broker.
func haproxyFront(t *testing.T, s *rikkiWeb) front {
	t.Helper()
	const v2 = " send-proxy-v2"
	a := startHAProxy(t, 7, func(a []string) (config string) {
		for i, row := range []struct{ mode, to, how string }{
			{"http", s.plain, ""},
			{"http", s.brokerWSTo, ""},
			{"tcp", s.proxied, v2},
			{"tcp", s.proxiedTLS, v2},
			{"tcp", s.broker, " send-proxy"},
			{"tcp", s.brokerWS, v2},
			{"http", s.proxied, v2 + " check inter 20ms"},
		} {
			config += fmt.Sprintf("listen l%d\n  bind %s\n  mode %s\n  http-reuse always\n  server s %s%s\n", i, a[i], row.mode, row.to, row.how)
		}
		return strings.ReplaceAll(config, "  mode tcp\n  http-reuse always\n", "  mode tcp\n")
	})
	return front{web: a[0], mqttWSByWeb: a[1], tcp: a[2], tls: a[3], mqtt: a[4], mqttWS: a[5], webHeader: a[6]}
}

// check uses the servers through all ways.
func (f front) check(t *testing.T, s *rikkiWeb) {
	v := newVisit(t, "http://"+f.web)
	v.balanced = true
	v.all()
	v.keepsServer()
	for _, base := range []string{"http://" + f.tcp, "https://" + f.tls} {
		v := newVisit(t, base)
		v.all()
		v.wantOwnAddress()
	}
	if f.webHeader != "" {
		v := newVisit(t, "http://"+f.webHeader)
		v.balanced = true
		v.all()
		v.wantOwnAddress()
	}
	l := newLoop(t)
	if f.webHeader != "" {
		l.until("health check", func() bool { return s.checks.Load() > 0 })
	}
	for _, at := range []string{f.web, f.tcp} {
		c := l.dialWS(ourWays[0], "ws://"+at+"/ws")
		for _, size := range []int{0, 1, 1000, 100_000} {
			m := wsMessage{ws.OpBinary, bigFile[:size]}
			c.send(m)
			l.until("an echo", func() bool { return len(c.got) > 0 || c.closed })
			if len(c.got) != 1 || string(c.got[0].data) != string(m.data) {
				t.Fatalf("WebSocket through %s: %d messages, %v", at, len(c.got), c.err)
			}
			c.got = nil
		}
	}
	for _, url := range []string{"mqtt://" + f.mqtt, "ws://" + f.mqttWS + "/", "ws://" + f.mqttWSByWeb + "/mqtt"} {
		for version := range versionNames {
			c := l.open("client", target{route: route{url: url}, version: version}, clean())
			c.pub(mqtt.Options{Topic: "topic", Message: bigFile[:50_000], QoS: 1})
			got := c.receive(1)[0].data
			from, data, _ := strings.Cut(got, " ")
			if own := fmt.Sprint(c.conn.LocalAddr()); data != string(bigFile[:50_000]) || (from != own) != (url == "ws://"+f.mqttWSByWeb+"/mqtt") {
				t.Errorf("%s: %d bytes came back, and the broker says that the client is %s, want %s", url, len(data), from, own)
			}
			c.disconnect()
		}
	}
}

// keepsServer checks that the HTTP proxy keeps its connection to our server.
func (v *visit) keepsServer() {
	v.t.Helper()
	ids := map[string]bool{}
	for range 20 {
		_, got := v.do("GET", "/peer", nil)
		ids[got] = true
	}
	if len(ids) > 10 {
		v.t.Errorf("20 requests came on %d connections to the server", len(ids))
	}
}

// wantOwnAddress checks that the server knows the address of this client.
func (v *visit) wantOwnAddress() {
	v.t.Helper()
	own := ""
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { own = info.Conn.LocalAddr().String() }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(v.t.Context(), trace), "GET", v.base+"/peer", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	var addr string
	var id int
	if fmt.Fscan(resp.Body, &addr, &id); addr != own {
		v.t.Errorf("%s: the server says that the client is %q, want %q", v.base, addr, own)
	}
}
