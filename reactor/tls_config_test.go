package reactor_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// alpnLayer is a layer whose protocol has names, separated by commas.
type alpnLayer struct{ names string }

func (alpnLayer) Handle(*reactor.Conn, reactor.Event, any) {}

func (n *alpnLayer) ALPN() []string {
	if n.names == "" {
		return nil
	}
	return strings.Split(n.names, ",")
}

func (n *alpnLayer) Accept(*reactor.Conn) reactor.Protocol { return n }

// Layers are asked for ALPN, the lowest first, unless the Config sets NextProtos.
func TestTLSNegotiation(t *testing.T) {
	for _, row := range []struct {
		layers []string
		protos []string
		want   string
	}{
		{nil, nil, ""}, {[]string{"one", "two"}, nil, "one"}, {[]string{"", "two"}, nil, "two"},
		{[]string{"one"}, []string{}, ""}, {[]string{"one"}, []string{"three"}, "three"},
		{[]string{"one,two", "three"}, nil, "one"},
	} {
		m := newManager(t)
		server, client := &recorder{}, &recorder{}
		serverCfg, clientCfg := serverConfig().Clone(), clientConfig()
		serverCfg.NextProtos, clientCfg.NextProtos = row.protos, row.protos
		l, url := tlsListen(t, m, serverCfg, server.Handle)
		c := tlsConnect(t, m, url, clientCfg, client.Handle)
		for _, name := range row.layers {
			l.Stack().Push(&alpnLayer{name})
			c.Stack().Push(&alpnLayer{name})
		}
		await(t, m, "the handshake", client.Saw(reactor.EvTLSHS))
		if got := c.TLS().NegotiatedProtocol; got != row.want {
			t.Errorf("layers %q, NextProtos %q: negotiated %q, want %q", row.layers, row.protos, got, row.want)
		}
	}
}

// Each connection of a listener negotiates for itself. The layers of one do not count for
// the next.
func TestTLSNegotiationPerConnection(t *testing.T) {
	m := newManager(t)
	names := []string{"one", "", "two"}
	next := 0
	server := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		c.Stack().Push(&alpnLayer{names[next]})
		next++
	}}}
	_, url := tlsListen(t, m, serverConfig(), server.Handle)
	for _, want := range names {
		client := &recorder{}
		cfg := clientConfig()
		cfg.NextProtos = []string{"two", "one"}
		c := tlsConnect(t, m, url, cfg, client.Handle)
		await(t, m, "the handshake", func() bool { return client.Saw(reactor.EvTLSHS)() || client.Closed() })
		if s := c.TLS(); s == nil || s.NegotiatedProtocol != want {
			t.Errorf("layer %q: state %+v, errors %v", want, s, client.Errs)
		}
	}
}

// A listener's new Config is used for connections that it accepts from then on. Earlier
// ones keep theirs.
func TestTLSListenerChangesConfig(t *testing.T) {
	m := newManager(t)
	named := func(cfg *tls.Config, names ...string) *tls.Config {
		cfg = cfg.Clone()
		cfg.NextProtos = names
		return cfg
	}
	client := named(small(authority().Client(), tls.VersionTLS13), "second", "first")
	l, _ := tlsListen(t, m, named(serverConfig(), "first"), nil)
	early := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "the first connection", func() bool { return m.Stats().Accepted == 1 })
	l.StartTLS(named(serverConfig(), "second"))
	for want, p := range map[string]*peer{"first": early, "second": looptest.DialSocket(t, l.LocalAddr())} {
		conn := tls.Client(&turningWire{peer: p, m: m}, client)
		if err := conn.Handshake(); err != nil || conn.ConnectionState().NegotiatedProtocol != want {
			t.Errorf("negotiated %q, %v, want %q", conn.ConnectionState().NegotiatedProtocol, err, want)
		}
	}
}
