package reactor_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// What a listener's connections negotiate is each one's own: the layers of one say
// nothing about the next.
func TestTLSNegotiationPerConnection(t *testing.T) {
	m := newManager(t)
	names := []string{"one", "", "two"}
	next := 0
	server := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		c.Stack().Push(&alpnLayer{names[next]})
		next++
	}}}
	_, url := tlsListen(t, m, serverConfig(), server.handle)
	for _, want := range names {
		client := &recorder{}
		cfg := authority().Client()
		cfg.NextProtos = []string{"two", "one"}
		c := tlsConnect(t, m, url, cfg, client.handle)
		await(t, m, "the handshake", func() bool { return client.saw(reactor.EvTLSHS)() || client.closed() })
		if s := c.TLS(); s == nil || s.NegotiatedProtocol != want {
			t.Errorf("layer %q: state %+v, errors %v", want, s, client.errs)
		}
	}
}

// Sessions are resumed between all that were given one Config, wherever it was
// given, and whatever they negotiate.
func TestTLSResumptionByConfig(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			cfg := authority().Server(t) // with no keys for tickets yet
			server := &recorder{on: hooks{
				reactor.EvAccept: func(c *reactor.Conn, _ any) {
					c.Stack().Push(&alpnLayer{"one"})
					c.StartTLS(cfg)
				},
				reactor.EvRead: sendBack,
			}}
			l := listen(t, m, "tcp://127.0.0.1:0", server.handle)
			url := "tls://" + l.LocalAddr().String()
			clientConfig := authority().Client()
			clientConfig.MaxVersion, clientConfig.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
			clientConfig.NextProtos = []string{"one"}
			for i, resumed := range []bool{false, true, true} {
				client := &recorder{on: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) { c.Write([]byte("hi")) }}}
				c := tlsConnect(t, m, url, clientConfig, client.handle)
				await(t, m, "the echo", client.saw(reactor.EvRead))
				if s := c.TLS(); s.DidResume != resumed || s.NegotiatedProtocol != "one" {
					t.Errorf("connection %d: resumed %v, want %v; negotiated %q", i, s.DidResume, resumed, s.NegotiatedProtocol)
				}
				c.Drain()
				await(t, m, "the end", client.closed)
			}
		})
	}
}
