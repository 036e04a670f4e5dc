package reactor_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// EvTLSHS pauses the connection. Bytes that came with the last message of the handshake
// are delivered on Resume, without more from the socket.
func TestTLSPauseAtHandshake(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	raw := &heldWire{Conn: netDial(t, l.LocalAddr().String())}
	client := tls.Client(&finished{heldWire: raw}, small(authority().Client(), tls.VersionTLS13))
	done := make(chan error)
	go func() {
		_, err := client.Write([]byte("early words"))
		raw.Conn.Write(raw.held)
		done <- err
	}()
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	spin(t, m, 5)
	r.Want(t, "OPEN ACCEPT TLS_HS")
	conn.Resume()
	reads := m.Stats().Reads
	spin(t, m, 2)
	if string(r.Got) != "early words" || m.Stats().Reads != reads {
		t.Errorf("got %q, after %d reads more", r.Got, m.Stats().Reads-reads)
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
	server.On = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}
	_, url := tlsListen(t, m, serverConfig(), server.Handle)
	tlsConnect(t, m, url, clientConfig(), client.Handle)
	await(t, m, "the connection", server.Saw(reactor.EvAccept))
	spin(t, m, 20)
	server.Want(t, "OPEN ACCEPT")
	conn.Resume()
	await(t, m, "the handshake", func() bool { return server.Count(reactor.EvTLSHS) == 1 && client.Count(reactor.EvTLSHS) == 1 })
}

// A client that is paused, or has failed, sends no ClientHello.
func TestTLSClientHoldsBack(t *testing.T) {
	for name, act := range map[string]func(c *reactor.Conn){
		"Pause": func(c *reactor.Conn) { c.Pause() },
		"Fail":  func(c *reactor.Conn) { c.Fail(io.EOF) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			l, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
			r := &recorder{On: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) {
				c.Write([]byte("and nothing of this"))
				act(c)
			}}}
			c := tlsConnect(t, m, "tcp://"+addr.String(), clientConfig(), r.Handle)
			p := l.AwaitAccept(m)
			await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
			spin(t, m, 20)
			if p.Receive(); len(p.In) > 0 || p.EOF != (name == "Fail") || m.Stats().Writes != 0 {
				t.Fatalf("the peer has got %d bytes, end %v", len(p.In), p.EOF)
			}
			if name == "Pause" {
				c.Resume()
				await(t, m, "ClientHello", func() bool { p.Receive(); return reactor.LooksLikeTLS(p.In) })
			}
		})
	}
}

// The socket does not take a flight of the handshake at once. The rest is sent when it
// can be, without anything from the peer.
func TestTLSHandshakeThroughNarrowSocket(t *testing.T) {
	chain := serverConfig().Clone()
	chain.Certificates = slices.Clone(chain.Certificates)
	chain.Certificates[0].Certificate = slices.Repeat(chain.Certificates[0].Certificate, 20)
	for name, version := range versions {
		m := newManager(t)
		r := &recorder{On: hooks{reactor.EvRead: sendBack}}
		c, p := wrapNarrow(t, m, r.Handle)
		c.StartTLS(chain)
		if err := pingOnce(tls.Client(&turningWire{peer: p, m: m}, small(authority().Client(), version))); err != nil {
			t.Errorf("%s: %v; the loop: %v", name, err, r.Errs)
		}
		if s := m.Stats(); s.Writes < 3 && runtime.GOOS == "linux" {
			t.Errorf("%s: %d bytes left with %d system calls", name, s.BytesOut, s.Writes)
		}
	}
}

// A write that fails during the handshake leaves a coroutine that holds the locks of
// crypto/tls. No call of a handler waits for them.
func TestTLSWriteFailsInHandshake(t *testing.T) {
	m := newManager(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := &recorder{On: hooks{
		reactor.EvConnect: func(*reactor.Conn, any) { // the peer resets before ClientHello is written
			raw, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			raw.(*net.TCPConn).SetLinger(0)
			raw.Close()
		},
		reactor.EvError: func(c *reactor.Conn, _ any) {
			if c.TLS() != nil {
				t.Error("TLS is there without a handshake")
			}
		},
	}}
	tlsConnect(t, m, "tcp://"+l.Addr().String(), clientConfig(), r.Handle)
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), nil, "tls handshake", "write: ")
}
