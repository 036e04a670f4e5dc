package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// What comes with the last message of the handshake is there on Resume, if
// EvTLSHS pauses, without anything more from the socket.
func TestTLSPauseAtHandshake(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := &heldWire{Conn: netDial(t, l.LocalAddr().String())}
	client := tls.Client(&finished{heldWire: raw}, small(authority().Client(), tls.VersionTLS13))
	done := make(chan error)
	go func() {
		_, err := client.Write([]byte("early words"))
		raw.Conn.Write(raw.held)
		done <- err
	}()
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	spin(t, m, 5)
	r.want(t, "OPEN ACCEPT TLS_HS")
	conn.Resume()
	reads := m.Stats().Reads
	spin(t, m, 2)
	if string(r.got) != "early words" || m.Stats().Reads != reads {
		t.Errorf("got %q, after %d reads more", r.got, m.Stats().Reads-reads)
	}
}

// finished holds back everything from the second flight on.
type finished struct {
	*heldWire
	writes int
}

func (f *finished) Write(p []byte) (int, error) {
	f.writes++
	f.holds = f.writes > 1
	return f.heldWire.Write(p)
}

// A paused connection takes no step of its handshake.
func TestTLSPauseBeforeHandshake(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	var conn *reactor.Conn
	server.on = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}
	_, url := tlsListen(t, m, serverConfig(), server.handle)
	tlsConnect(t, m, url, authority().Client(), client.handle)
	await(t, m, "the connection", server.saw(reactor.EvAccept))
	spin(t, m, 20)
	server.want(t, "OPEN ACCEPT")
	conn.Resume()
	await(t, m, "the handshake", func() bool { return server.count(reactor.EvTLSHS) == 1 && client.count(reactor.EvTLSHS) == 1 })
}

// A client that is paused, or has failed, says no ClientHello.
func TestTLSClientHoldsBack(t *testing.T) {
	for name, act := range map[string]func(c *reactor.Conn){
		"Pause": func(c *reactor.Conn) { c.Pause() },
		"Fail":  func(c *reactor.Conn) { c.Fail(io.EOF) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			l, addr := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
			r := &recorder{on: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) {
				c.Write([]byte("and nothing of this"))
				act(c)
			}}}
			c := tlsConnect(t, m, "tcp://"+addr.String(), authority().Client(), r.handle)
			var p *peer
			await(t, m, "the connection", func() bool { p = acceptRaw(t, l); return p != nil })
			await(t, m, "EvConnect", r.saw(reactor.EvConnect))
			spin(t, m, 20)
			if p.pump(); len(p.in) > 0 || p.eof != (name == "Fail") || m.Stats().Writes != 0 {
				t.Fatalf("the peer has got %d bytes, end %v", len(p.in), p.eof)
			}
			if name == "Pause" {
				c.Resume()
				await(t, m, "ClientHello", func() bool { p.pump(); return reactor.LooksLikeTLS(p.in) })
			}
		})
	}
}

// Much in both directions, with pauses and a peer that reads slowly, arrives whole
// and in order.
func TestTLSBulk(t *testing.T) {
	const size = 16 << 20
	msg := noise(size)
	full := make(chan struct{}) // when the server has paused
	m := newManager(t)
	server := &recorder{}
	server.on = hooks{
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.SetWater(64<<10, 256<<10) },
		reactor.EvRead:  sendBack,
		reactor.EvHighWater: func(c *reactor.Conn, _ any) {
			if c.Pause(); server.count(reactor.EvHighWater) == 1 {
				close(full)
			}
		},
		reactor.EvLowWater: func(c *reactor.Conn, _ any) { c.Resume() },
	}
	l, _ := tlsListen(t, m, serverConfig(), server.handle)
	raw := netDial(t, l.LocalAddr().String())
	raw.(*net.TCPConn).SetReadBuffer(64 << 10)
	clientConfig := authority().Client()
	clientConfig.ServerName = "localhost"
	client := tls.Client(raw, clientConfig)
	done := make(chan error, 2)
	var got bytes.Buffer
	go func() {
		if err := client.Handshake(); err != nil {
			done <- err
			done <- err
			return
		}
		go func() {
			_, err := client.Write(msg)
			done <- err
		}()
		<-full
		_, err := got.ReadFrom(&limited{client, size})
		done <- err
	}()
	for left := 2; left > 0; {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err, server.errs)
			}
		default:
			m.Poll(0)
		}
	}
	if !bytes.Equal(got.Bytes(), msg) || server.wrote != size {
		t.Errorf("%d bytes came back, EvWrite counted %d, want %d", got.Len(), server.wrote, size)
	}
}

// limited ends after n bytes.
type limited struct {
	net.Conn
	n int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n == 0 {
		return 0, io.EOF
	}
	n, err := l.Conn.Read(p[:min(len(p), l.n)])
	l.n -= n
	return n, err
}

// Hexdump and flight recorder show plaintext, and nothing of the handshake.
func TestTLSTraces(t *testing.T) {
	var out bytes.Buffer
	m := newManager(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	server := &recorder{on: hooks{reactor.EvRead: sendBack}}
	l, url := tlsListen(t, m, serverConfig(), server.handle)
	l.SetHexdump(true)
	client := &recorder{}
	client.on = hooks{
		reactor.EvConnect: func(c *reactor.Conn, _ any) {
			c.SetRecorder(&reactor.Recorder{Entries: 4, Bytes: 16})
			c.Write([]byte("plain words"))
		},
		reactor.EvRead: func(c *reactor.Conn, _ any) { c.Fail(io.EOF) },
	}
	tlsConnect(t, m, url, authority().Client(), client.handle)
	await(t, m, "the end", func() bool { return client.closed() && server.closed() })
	if n := strings.Count(out.String(), "|plain words|"); n != 4 { // read and written, on both sides
		t.Errorf("the words are logged %d times:\n%s", n, out.String())
	}
	if strings.Contains(out.String(), "localhost") { // in the certificate
		t.Errorf("the handshake is logged:\n%s", out.String())
	}
}

// alpnLayer is a layer whose protocol has a name.
type alpnLayer struct{ name string }

func (alpnLayer) Handle(*reactor.Conn, reactor.Event, any) {}
func (n *alpnLayer) ALPN() string                          { return n.name }
func (n *alpnLayer) Accept(*reactor.Conn) reactor.Protocol { return n }

// Layers are asked for ALPN, the lowest first, unless the Config says something.
func TestTLSNegotiation(t *testing.T) {
	for _, row := range []struct {
		layers []string
		protos []string
		want   string
	}{
		{nil, nil, ""}, {[]string{"one", "two"}, nil, "one"}, {[]string{"", "two"}, nil, "two"},
		{[]string{"one"}, []string{}, ""}, {[]string{"one"}, []string{"three"}, "three"},
	} {
		m := newManager(t)
		server, client := &recorder{}, &recorder{}
		serverCfg, clientCfg := serverConfig().Clone(), authority().Client()
		serverCfg.NextProtos, clientCfg.NextProtos = row.protos, row.protos
		l, url := tlsListen(t, m, serverCfg, server.handle)
		c := tlsConnect(t, m, url, clientCfg, client.handle)
		for _, name := range row.layers {
			l.Stack().Push(&alpnLayer{name})
			c.Stack().Push(&alpnLayer{name})
		}
		await(t, m, "the handshake", client.saw(reactor.EvTLSHS))
		if got := c.TLS().NegotiatedProtocol; got != row.want {
			t.Errorf("layers %q, NextProtos %q: negotiated %q, want %q", row.layers, row.protos, got, row.want)
		}
	}
}
