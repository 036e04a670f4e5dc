package proxy_test

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

const login = "user:pass word"

// clients are the clients of the protocols. Each gets one answer from a server and notes it.
var clients = map[string]struct {
	listen  func(m *reactor.Manager) (*reactor.Conn, error)
	connect func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error)
}{
	"http": {func(m *reactor.Manager) (*reactor.Conn, error) {
		return http.Listen(m, "http://127.0.0.1:0", serve, nil)
	},
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return http.Connect(m, fmt.Sprintf("http://server.test:%d", port), ask(r), nil)
		}},
	"https": {func(m *reactor.Manager) (*reactor.Conn, error) {
		return http.Listen(m, "https://127.0.0.1:0", serve, nil)
	},
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return http.Connect(m, fmt.Sprintf("https://server.test:%d", port), ask(r), nil)
		}},
	"ws": {func(m *reactor.Manager) (*reactor.Conn, error) { return ws.Listen(m, "ws://127.0.0.1:0", serve, nil) },
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return ws.Connect(m, fmt.Sprintf("ws://server.test:%d/", port), ask(r), nil, "")
		}},
	"wss": {func(m *reactor.Manager) (*reactor.Conn, error) { return ws.Listen(m, "wss://127.0.0.1:0", serve, nil) },
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return ws.Connect(m, fmt.Sprintf("wss://server.test:%d/", port), ask(r), nil, "")
		}},
	"mqtt": {func(m *reactor.Manager) (*reactor.Conn, error) {
		return mqtt.Listen(m, "mqtt://127.0.0.1:0", serve, nil)
	},
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return mqtt.Connect(m, fmt.Sprintf("mqtt://server.test:%d", port), nil, ask(r), nil)
		}},
	"mqtts": {func(m *reactor.Manager) (*reactor.Conn, error) {
		return mqtt.Listen(m, "mqtts://127.0.0.1:0", serve, nil)
	},
		func(m *reactor.Manager, port uint16, r *recorder) (*reactor.Conn, error) {
			return mqtt.Connect(m, fmt.Sprintf("mqtts://server.test:%d", port), nil, ask(r), nil)
		}},
}

// serve is the handler of all servers. Each says "hello" in its way, the WebSocket first.
func serve(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		if !strings.Contains(string(data.(*http.Message).Header("Upgrade")), "websocket") {
			http.Reply(c, 200, "", "hello")
		}
	case reactor.EvWSOpen:
		ws.Send(c, []byte("hello"), ws.OpText)
	case reactor.EvMQTTCmd:
		if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
			mqtt.Connack(c, false, 0)
			mqtt.Pub(c, &mqtt.Options{Topic: "t", Message: []byte("hello")})
		}
	}
}

// ask returns the handler of all clients.
func ask(r *recorder) reactor.Handler {
	return func(c *reactor.Conn, ev reactor.Event, data any) {
		r.Record(c, ev, data)
		switch ev {
		case reactor.EvConnect:
			if r.Conn.Recv.Len() == 0 {
				if _, isHTTP := http.Layer(c); isHTTP {
					fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: server.test\r\n\r\n")
				}
			}
		case reactor.EvHTTPMsg:
			r.Note("%s", data.(*http.Message).Body)
		case reactor.EvWSMsg:
			r.Note("%s", data.(*ws.Message).Data)
		case reactor.EvMQTTMsg:
			r.Note("%s", data.(*mqtt.Message).Data)
		}
	}
}

// Each protocol works through each proxy, with TLS inside. The proxy gets the host name.
func TestClientsThroughProxies(t *testing.T) {
	a := looptest.NewAuthority(t)
	server := a.Server(t)
	server.Certificates[0] = a.Issue(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"server.test"}, nil })
	for _, proxied := range []struct {
		name  string
		start func(t testing.TB, login string) *proxyServer
		url   string
		login string
	}{
		{"CONNECT", startHTTPProxy, "http://%s", ""},
		{"CONNECT with login", startHTTPProxy, "http://user:pass%%20word@%s/", login},
		{"SOCKS5", startSOCKS5, "socks5://%s", ""},
		{"SOCKS5 with login", startSOCKS5, "socks5h://user:pass%%20word@%s", login},
	} {
		for name, client := range clients {
			t.Run(proxied.name+" "+name, func(t *testing.T) {
				m := looptest.NewManager(t)
				l, err := client.listen(m)
				if err != nil {
					t.Fatal(err)
				}
				p := proxied.start(t, proxied.login)
				var r recorder
				c, err := client.connect(m, l.LocalAddr().Port(), &r)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(name, "s") && name != "ws" {
					l.StartTLS(server)
					c.StartTLS(a.Client())
				}
				if err := proxy.Dial(c, fmt.Sprintf(proxied.url, p.addr)); err != nil {
					t.Fatal(err)
				}
				looptest.Await(t, m, "the answer", func() bool { return slices.Contains(r.Lines, "hello") || r.Closed() })
				if r.LastErr() != nil {
					t.Fatal(r.LastErr())
				}
				if want := fmt.Sprintf("server.test:%d", l.LocalAddr().Port()); !slices.Equal(p.asked(), []string{want}) {
					t.Errorf("the proxy was asked for %q, want %s", p.asked(), want)
				}
				if c.RemoteAddr().String() != p.addr {
					t.Errorf("RemoteAddr %v, want the proxy's %s", c.RemoteAddr(), p.addr)
				}
			})
		}
	}
}

// What Dial refuses. No error has the user or the password.
func TestDialErrors(t *testing.T) {
	m := looptest.NewManager(t)
	none := func(*reactor.Conn, reactor.Event, any) {}
	long := strings.Repeat("x", 256)
	for _, test := range []struct{ target, proxy, says string }{
		{"tcp://a.test:1", "https://user:secret@127.0.0.1:1", "TLS to the proxy itself is not supported"},
		{"tcp://a.test:1", "ftp://user:secret@127.0.0.1:1", "unknown scheme ftp"},
		{"tcp://a.test:1", "http://user:secret@127.0.0.1:0", "a port other than 0"},
		{"tcp://a.test:1", "http://user:secret@", "want a host"},
		{"tcp://a.test:1", "http://user:secret@127.0.0.1:1/path", "takes no path"},
		{"tcp://a.test:1", "http://127.0.0.1:1?q", "takes no path"},
		{"tcp://a.test:1", "127.0.0.1:1", "no scheme"},
		{"tcp://a.test:1", "user:secret@127.0.0.1:1", "no scheme"},
		{"tcp://a.test:1", "http://user:secret@127.0.0.1:x", "invalid port"},
		{"tcp://a.test:1", "http://us er:secret@127.0.0.1:1", "must be escaped"},
		{"tcp://a.test:1", "http://user:secret/secret@127.0.0.1:1", "must be escaped"},
		{"tcp://a.test:1", "http://us%3Aer:secret@127.0.0.1:1", "a colon in the user name"},
		{"tcp://a.test:1", "socks5://:secret@127.0.0.1:1", "want a user of 1 to 255 bytes"},
		{"tcp://a.test:1", "socks5://user:secret" + long + "@127.0.0.1:1", "255 bytes at most"},
		{"tcp://ä.test:1", "socks5://127.0.0.1:1", "is not allowed"},
		{"tcp://" + long + ":1", "socks5://127.0.0.1:1", "255 at most"},
		{"unix:///nowhere", "socks5://127.0.0.1:1", "cannot be reached through a proxy"},
		{"udp://a.test:1", "socks5://127.0.0.1:1", "want a stream"},
	} {
		c, err := m.Connect(test.target, none, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = proxy.Dial(c, test.proxy)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s through %s: %v, want %q", test.target, test.proxy, err, test.says)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "user:") || strings.Contains(err.Error(), "us er")) {
			t.Errorf("the error has credentials: %v", err)
		}
		c.Close()
	}
	w, _ := looptest.Wrap(t, m, none)
	if err := proxy.Dial(w, "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "made by Connect") {
		t.Errorf("WrapFD: %v", err)
	}
}

// The zone of an address stays here, and IPv6 addresses have brackets in CONNECT.
func TestAddressesOfTargets(t *testing.T) {
	for target, want := range map[string]string{
		"tcp://[::1]:80":          "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
		"tcp://[fe80::1%25lo]:80": "CONNECT [fe80::1]:80 HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n",
		"tls://192.0.2.1:8443":    "CONNECT 192.0.2.1:8443 HTTP/1.1\r\nHost: 192.0.2.1:8443\r\n\r\n",
	} {
		m := looptest.NewManager(t)
		l, addr := looptest.ListenSocket(t)
		c, err := m.Connect(target, func(*reactor.Conn, reactor.Event, any) {}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := proxy.Dial(c, "http://"+addr); err != nil {
			t.Fatal(err)
		}
		looptest.Await(t, m, target, l.AwaitAccept(m).Received(want))
	}
}
