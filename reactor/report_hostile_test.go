package reactor_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// rawLog keeps records as they are, without quotes. It keeps all levels.
type rawLog struct{ lines []string }

func (l *rawLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *rawLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *rawLog) WithGroup(string) slog.Handler            { return l }

func (l *rawLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.Key + "=" + a.Value.String()
		return true
	})
	l.lines = append(l.lines, line)
	return nil
}

// hostileTexts are what peers put into names and values.
var hostileTexts = []string{
	strings.Repeat("A", 1<<16), strings.Repeat("A", 3000), strings.Repeat("\x1b[2J", 100), "a\r\nb: c", "\n\nlevel=ERROR msg=fake", "\x00\x07\x7f",
	strings.Repeat("\xff\xfe", 1000), "\u202e\u2066\u0085", strings.Repeat("\u2028", 30), "%s%n%d", `"\"\\`,
}

// mostRecord is the longest that a record may be. An error has two texts of the peer at most.
const mostRecord = 1200

const upgrade = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// hostileClients are what clients send to servers of each scheme. $ stands for a text.
var hostileClients = map[string][]string{
	"tcp": {"$"},
	"tls": {"$", "\x16\x03\x01$", "\x15\x03\x01\x00\x02$"},
	"http": {
		"$ / HTTP/1.1\r\n\r\n", "GET $ HTTP/1.1\r\n\r\n", "GET / $\r\n\r\n", "GET / HTTP/1.1\r\n$: x\r\n\r\n", "GET / HTTP/1.1\r\n$\r\n\r\n",
		"GET / HTTP/1.1\r\nX: $\r\nHost: $\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: $\r\n\r\n", "CONNECT $ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://$/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%$ HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: $\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n$\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n$: x\r\n\r\n",
	},
	"ws": {
		"$ / HTTP/1.1\r\n" + upgrade + "\r\n", "GET / HTTP/1.1\r\n" + upgrade + "Origin: $\r\n\r\n", "GET / HTTP/1.1\r\n" + upgrade + "Sec-WebSocket-Protocol: $\r\n\r\n",
		"GET / HTTP/1.1\r\n" + upgrade + "Sec-WebSocket-Extensions: permessage-deflate; $\r\n\r\n",
		"GET / HTTP/1.1\r\n" + upgrade + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=$\r\n\r\n",
		"GET / HTTP/1.1\r\n" + upgrade + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"$\"\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: $\r\nConnection: $\r\n\r\n", "GET / HTTP/1.1\r\n" + upgrade + "\r\n$",
	},
	"mqtt": {"$", "\x10\x7f\x00\x04MQTT\x04\x02\x00\x3c\x00\x60$", "\x10\x7f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x60$", "\x10\x7f\x00\x60$"},
}

// hostileServers are the answers that clients of each scheme get. # stands for the accept key.
var hostileServers = map[string][]string{
	"tls": {"$"},
	"http": {
		"HTTP/1.1 $ x\r\n\r\n", "$ 200 x\r\n\r\n", "HTTP/1.1 200 $\r\n$: x\r\n\r\n", "HTTP/1.1 200 x\r\nTransfer-Encoding: $\r\n\r\n",
	},
	"ws": {
		"HTTP/1.1 404 $\r\n\r\n", "HTTP/1.1 302 x\r\nLocation: $\r\n\r\n", "HTTP/1.1 403 x\r\nContent-Type: text/plain\r\n\r\n$",
		"HTTP/1.1 101 x\r\nUpgrade: $\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: $\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: #\r\nSec-WebSocket-Protocol: $\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: #\r\nSec-WebSocket-Extensions: $\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: #\r\nSec-WebSocket-Extensions: permessage-deflate; $\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: #\r\n\r\n\x88\x7d\x03\xe8$",
	},
	"mqtt": {"$", "\x20\x02\x00$", "\x20\x20\x00\x87\x1d\x1f\x00\x1a$"},
}

// want checks and forgets the records, of which there must be one about an error at least.
func (l *rawLog) want(t *testing.T, what string) {
	t.Helper()
	for _, line := range l.lines {
		wantPlain(t, what, line, mostRecord)
	}
	if len(l.lines) > 50 {
		t.Errorf("%s: %d records", what, len(l.lines))
	}
	l.lines = nil
}

// errors is a handler that adds the texts of errors to the log. An error that no handler looks at
// gets into the log too, but the manager bounds its text once more.
func (l *rawLog) errors(_ *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvError {
		l.lines = append(l.lines, data.(error).Error())
	}
}

// handlers are those that each input is tried with.
func (l *rawLog) handlers() []reactor.Handler { return []reactor.Handler{nil, l.errors} }

// hostileListen makes a server, and hostileConnect makes a client.
func hostileListen(m *reactor.Manager, scheme string, fn reactor.Handler) (*reactor.Conn, error) {
	url := scheme + "://127.0.0.1:0"
	switch scheme {
	case "http":
		return http.Listen(m, url, fn, nil)
	case "ws":
		return ws.Listen(m, url, fn, nil, &ws.Options{Deflate: &ws.Deflate{}, CheckOrigin: func(hm *http.Message) bool { return hm.Header("Origin") == nil }})
	case "mqtt":
		return mqtt.Listen(m, url, fn, nil)
	}
	l, err := m.Listen(url, fn, nil)
	if err == nil && scheme == "tls" {
		l.StartTLS(serverConfig())
	}
	return l, err
}

func hostileConnect(m *reactor.Manager, scheme, addr string, fn reactor.Handler) (*reactor.Conn, error) {
	url := scheme + "://" + addr
	switch scheme {
	case "http":
		return http.Connect(m, url, fn, nil)
	case "ws":
		return ws.Connect(m, url, fn, nil, "", &ws.Options{Deflate: &ws.Deflate{}})
	case "mqtt":
		return mqtt.Connect(m, url, &mqtt.Options{}, fn, nil)
	}
	return m.Connect(url, fn, nil)
}

// What clients send gets into the log of a server, and into the texts of errors, only escaped
// and cut.
func TestHostileClientsInTheLog(t *testing.T) {
	for scheme, inputs := range hostileClients {
		t.Run(scheme, func(t *testing.T) {
			tryHostile(t, scheme != "tcp", inputs, func(m *reactor.Manager, fn reactor.Handler, input, text string) {
				l, err := hostileListen(m, scheme, fn)
				looptest.Must(t, err)
				p := looptest.DialSocket(t, l.LocalAddr())
				sayAll(t, m, p, strings.ReplaceAll(input, "$", text))
			})
		})
	}
}

// The same for clients and what servers send to them.
func TestHostileServersInTheLog(t *testing.T) {
	for scheme, inputs := range hostileServers {
		t.Run(scheme, func(t *testing.T) {
			tryHostile(t, true, inputs, func(m *reactor.Manager, fn reactor.Handler, input, text string) {
				l, addr := looptest.ListenSocket(t)
				defer l.Close()
				c, err := hostileConnect(m, scheme, addr, fn)
				looptest.Must(t, err)
				p := l.AwaitAccept(m)
				if scheme == "http" {
					c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
				}
				await(t, m, "a request", func() bool { p.Receive(); return len(p.In) > 0 })
				key := looptest.AcceptKey(looptest.HeaderValue(string(p.In), "Sec-WebSocket-Key"))
				sayAll(t, m, p, strings.ReplaceAll(strings.ReplaceAll(input, "#", key), "$", text))
			})
		})
	}
}

// tryHostile tries each input with each text and handler, each on a manager of its own.
func tryHostile(t *testing.T, fails bool, inputs []string, try func(m *reactor.Manager, fn reactor.Handler, input, text string)) {
	t.Helper()
	failed := uint64(0)
	for _, input := range inputs {
		for _, text := range hostileTexts {
			log := &rawLog{}
			for _, fn := range log.handlers() {
				m := newManager(t, reactor.WithLogger(slog.New(log)))
				try(m, fn, input, text)
				spin(t, m, 2)
				failed += m.Stats().Failed
				looptest.Must(t, m.Close())
				log.want(t, fmt.Sprintf("%.40q with %.20q", input, text))
			}
		}
	}
	if failed == 0 && fails {
		t.Error("nothing has failed: the inputs are wrong")
	}
}

// sayAll sends a text and ends the stream. It returns when the connection is closed.
func sayAll(t *testing.T, m *reactor.Manager, p *peer, text string) {
	t.Helper()
	for len(text) > 0 && !p.Ended() {
		text = text[p.WriteSome([]byte(text)):]
		spin(t, m, 1)
	}
	p.Shutdown()
	await(t, m, "the end", func() bool { p.Receive(); return m.Stats().Conns == 0 })
	p.Close()
}

// A server's certificate has hostile names, and the client's error quotes them.
func TestHostileCertificateInTheLog(t *testing.T) {
	cfg := serverConfig().Clone()
	cfg.Certificates = append(cfg.Certificates[:0:0], authority().Issue(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "\x1b[2J\n" + strings.Repeat("A", 1<<15)}
		c.DNSNames = nil
		for i := range 90 {
			c.DNSNames = append(c.DNSNames, fmt.Sprint("\x1b[2J\r\n", i, ".", strings.Repeat("a", 200)))
		}
		c.IPAddresses = nil
	}))
	client := clientConfig()
	client.ServerName = "localhost" // for an address the error names no names
	log := &rawLog{}
	for _, fn := range log.handlers() {
		m := newManager(t, reactor.WithLogger(slog.New(log)))
		l, _ := tlsListen(t, m, cfg, nil)
		tlsConnect(t, m, "tls://"+l.LocalAddr().String(), client, fn)
		await(t, m, "both ends", func() bool { return m.Stats().Failed >= 1 && m.Stats().Conns == 0 })
		spin(t, m, 2)
		if !strings.Contains(strings.Join(log.lines, "\n"), "x509") {
			t.Errorf("logged %.300q", log.lines)
		}
		log.want(t, "a certificate")
	}
}
