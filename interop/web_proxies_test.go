package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	rikkihttp "github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestWebProxies lets our clients reach our servers and one of net/http through tinyproxy (CONNECT)
// and microsocks (SOCKS5), with and without a login.
func TestWebProxies(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(t *testing.T) (open, login string) // addresses without and with a login
		url   string                                  // scheme
		// What the proxy answers to a bad login, and for a server that refuses connections.
		denied, unreachable func(err error) bool
	}{
		{"tinyproxy", func(t *testing.T) (open, login string) {
			return startTinyproxy(t, ""), startTinyproxy(t, "BasicAuth user pass")
		}, "http", isConnectError(401, 407), isConnectError(500, 502)},
		{"microsocks", func(t *testing.T) (open, login string) {
			return startMicrosocks(t), startMicrosocks(t, "-u", "user", "-P", "pass")
		}, "socks5", func(err error) bool { return errors.Is(err, proxy.ErrSOCKSLogin) }, func(err error) bool {
			var e *proxy.SOCKSError
			return errors.As(err, &e) && e.Code == 5
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := startWeb(t)
			open, login := row.start(t)
			for _, via := range []string{row.url + "://" + open, row.url + "://user:pass@" + login} {
				throughProxy(t, s, via)
			}
			l := newLoop(t)
			for _, bad := range []string{"user:wrong@", "other:pass@", ""} {
				cl := l.rikkiClient(func(c *reactor.Conn) error { return proxy.Dial(c, row.url+"://"+bad+login) })
				f := l.fetch(cl, &rikkihttp.Request{URL: "https://" + s.tls + "/peer"})
				if f.err == nil || !row.denied(f.err) && bad != "" {
					t.Errorf("login %q: %d, error %v", bad, f.status, f.err)
				}
			}
			cl := l.rikkiClient(func(c *reactor.Conn) error { return proxy.Dial(c, row.url+"://"+open) })
			f := l.fetch(cl, &rikkihttp.Request{URL: "http://" + freePorts(t, 1)[0]})
			if f.err == nil || !row.unreachable(f.err) {
				t.Errorf("a server that refuses connections: %d, error %v", f.status, f.err)
			}
		})
	}
}

// isConnectError returns a function that looks for a *proxy.ConnectError with one of the statuses.
func isConnectError(statuses ...int) func(err error) bool {
	return func(err error) bool {
		var e *proxy.ConnectError
		if !errors.As(err, &e) {
			return false
		}
		for _, status := range statuses {
			if e.Status == status {
				return true
			}
		}
		return false
	}
}

// throughProxy uses servers through a proxy.
func throughProxy(t *testing.T, s *rikkiWeb, via string) {
	t.Helper()
	l := newLoop(t)
	dial := func(c *reactor.Conn) error { return proxy.Dial(c, via) }
	cl := l.rikkiClient(dial)
	l.useTheirServer(cl, theirServer(t, true).URL)
	for _, base := range []string{"http://" + s.plain, "https://" + s.tls, "http://localhost" + s.plain[strings.LastIndex(s.plain, ":"):]} {
		l.want(cl, 200, string(bigFile), rikkihttp.Request{URL: base + "/files/big.bin"})
		l.want(cl, 200, sum(bigFile), rikkihttp.Request{Method: "POST", URL: base + "/upload", Body: bigFile})
		if f := l.fetch(cl, &rikkihttp.Request{URL: base + "/peer"}); f.err != nil || f.status != 200 {
			t.Errorf("%s through %s: %+v", base, via, f)
		}
	}
	for _, url := range []string{"ws://" + s.plain + "/ws", "wss://" + s.tls + "/ws"} {
		var got []byte
		var failed error
		c, err := ws.Connect(l.m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSOpen:
				noError(t, ws.Send(c, bigFile[:200_000], ws.OpBinary))
			case reactor.EvWSMsg:
				got = append(got, data.(*ws.Message).Data...)
				noError(t, ws.Close(c, 1000, ""))
			case reactor.EvError:
				failed = data.(error)
			}
		}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if secure(url) {
			c.StartTLS(identities().client())
		}
		noError(t, dial(c))
		l.until("echo of "+url, func() bool { return len(got) > 0 || failed != nil })
		if failed != nil || string(got) != string(bigFile[:200_000]) {
			t.Errorf("%s through %s: %d bytes, %v", url, via, len(got), failed)
		}
	}
	opts := clean()
	opts.Dial = dial
	c := l.open("client", target{route: route{url: "mqtt://" + s.brokerPlain}, version: 5}, opts)
	c.pub(mqtt.Options{Topic: "topic", Message: []byte("message"), QoS: 1})
	from, data, _ := strings.Cut(c.receive(1)[0].data, " ")
	if data != "message" || from == fmt.Sprint(c.conn.LocalAddr()) {
		t.Errorf("MQTT through %s: %q came from %s", via, data, from)
	}
	c.disconnect()
}
