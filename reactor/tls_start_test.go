package reactor_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// StartTLS in mid-stream, as after a STARTTLS command: what lies in Send leaves
// encrypted, and what came behind the command is handshake, never plaintext.
func TestStartTLSInMidStream(t *testing.T) {
	m := newManager(t)
	server := &recorder{}
	server.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.TLS() != nil {
			server.got = append(server.got, c.Recv.Bytes()...)
			c.Recv.Reset()
			return
		}
		if !bytes.HasPrefix(c.Recv.Bytes(), []byte("STARTTLS\r\n")) {
			t.Errorf("read %q", c.Recv.Bytes())
		}
		c.Recv.Consume(len("STARTTLS\r\n"))
		c.Write([]byte("greeting")) // which the client can only read encrypted
		c.StartTLS(serverConfig())
		if c.Recv.Len() > 0 {
			t.Errorf("%d bytes are still in Recv", c.Recv.Len())
		}
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", server.handle)
	raw := &heldWire{Conn: netDial(t, l.LocalAddr().String()), holds: true, held: []byte("STARTTLS\r\n")}
	type result struct {
		got string
		err error
	}
	done := make(chan result)
	go func() { // command and ClientHello in one piece
		c := tls.Client(&firstFlight{raw}, small(authority().Client(), tls.VersionTLS13))
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err == nil {
			_, err = c.Write([]byte("hello"))
		}
		done <- result{string(b[:n]), err}
	}()
	await(t, m, "the client's words", func() bool { return string(server.got) == "hello" })
	if r := <-done; r.err != nil || r.got != "greeting" {
		t.Errorf("the client got %q, %v", r.got, r.err)
	}
	if server.count(reactor.EvTLSHS) != 1 || server.wrote != len("greeting") {
		t.Errorf("events %s, %d bytes written", eventList(server.events), server.wrote)
	}
}

// firstFlight sends what was held before with the first write.
type firstFlight struct{ *heldWire }

func (f *firstFlight) Write(p []byte) (int, error) {
	n, err := f.heldWire.Write(p)
	if f.holds {
		f.holds = false
		_, err = f.Conn.Write(f.held)
	}
	return n, err
}

// A plaintext attacker's bytes behind the command are no part of the session:
// they break the handshake.
func TestStartTLSInjection(t *testing.T) {
	m := newManager(t)
	server := &recorder{}
	server.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.IsTLS() {
			t.Errorf("read %q", c.Recv.Bytes())
			return
		}
		c.Recv.Consume(len("STARTTLS\r\n"))
		c.StartTLS(serverConfig())
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", server.handle)
	netDial(t, l.LocalAddr().String()).Write([]byte("STARTTLS\r\nDELETE everything\r\n"))
	await(t, m, "the end", server.closed)
	looptest.WantErr(t, server.err(t), nil, "tls handshake")
}

// The handler's Config at EvConnect and EvAccept goes before that of the URL and
// of the listener, and the server's name is the URL's.
func TestStartTLSAtConnectAndAccept(t *testing.T) {
	for _, scheme := range []string{"tcp", "tls"} {
		m := newManager(t)
		cfg := serverConfig().Clone()
		names := []string{}
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names = append(names, hello.ServerName)
			if a, ok := hello.Conn.RemoteAddr().(*net.TCPAddr); !ok || a.Port == 0 {
				t.Errorf("the callback sees address %v", hello.Conn.RemoteAddr())
			}
			return nil, nil
		}
		server := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.StartTLS(cfg) }}}
		client := &recorder{on: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) { c.StartTLS(authority().Client()) }}}
		l := listen(t, m, scheme+"://localhost:0", server.handle)
		_, port, _ := net.SplitHostPort(l.LocalAddr().String())
		dial(t, m, scheme+"://localhost:"+port, client.handle)
		await(t, m, "the handshake", func() bool { return client.count(reactor.EvTLSHS)+server.count(reactor.EvTLSHS) == 2 })
		if len(names) != 1 || names[0] != "localhost" {
			t.Errorf("%s: server names %q", scheme, names)
		}
	}
}

// A tls:// URL starts by itself, and trusts nobody whom the system does not.
func TestTLSByURL(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	_, url := tlsListen(t, m, serverConfig(), server.handle)
	dial(t, m, url, client.handle)
	await(t, m, "the end", client.closed)
	var unknown *tls.CertificateVerificationError
	if err := client.err(t); !errors.As(err, &unknown) {
		t.Error(err)
	}
	client.want(t, "OPEN RESOLVE CONNECT ERROR CLOSE")
}

// A WrapFD connection is the server, as in Mongoose.
func TestTLSOverWrappedDescriptor(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }, reactor.EvRead: sendBack}}
	a, b := socketpair(t)
	if _, err := m.WrapFD(a, r.handle, nil); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(b), "")
	theirs, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(t, m, theirs, peerClient(small(authority().Client(), tls.VersionTLS13)))
	p.run(-1, whole)
	await(t, m, "the end", r.closed)
	if p.err != nil {
		t.Error(p.err)
	}
}

// After EvClose StartTLS is harmless, and nobody counts what it does as half open; nor
// is a client's handshake that.
func TestStartTLSAfterClose(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { conn = c }}}
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() {
			r.handle(c, ev, data)
		}
	})
	client := &recorder{}
	c := dial(t, m, urlOf(l.LocalAddr().String()), client.handle)
	c.StartTLS(authority().Client())
	await(t, m, "the connection", func() bool { return conn != nil && client.count(reactor.EvConnect) > 0 })
	spin(t, m, 3)
	if n := m.Stats().HalfOpen; n != 0 {
		t.Errorf("%d half open, a client's", n)
	}
	conn.Close()
	await(t, m, "the end", r.closed)
	conn.StartTLS(serverConfig())
	if spin(t, m, 2); m.Stats().HalfOpen != 0 || conn.IsTLS() || conn.TLS() != nil {
		t.Errorf("%d half open, IsTLS %v", m.Stats().HalfOpen, conn.IsTLS())
	}
	r.want(t, eventList(r.events[:len(r.events)-1])+" CLOSE")
}

// The deadline of a handshake in mid-stream counts from StartTLS, be there others
// that have waited for longer, and will.
func TestStartTLSDeadline(t *testing.T) {
	for _, d := range []reactor.Deadlines{{TLS: 5 * time.Second}, {TLS: 5 * time.Second, Life: 3 * time.Hour}} {
		clock := newClock()
		m := newManager(t, reactor.WithClock(clock.now), reactor.WithDeadlines(d))
		r := &recorder{}
		c, p := wrap(t, m, r.handle)
		spin(t, m, 2)
		clock.advance(time.Hour)
		spin(t, m, 2)
		c.StartTLS(serverConfig())
		for range 2 {
			p.write("\x16")
			clock.advance(2 * time.Second)
			spin(t, m, 2)
		}
		r.want(t, "OPEN")
		clock.advance(time.Second)
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), os.ErrDeadlineExceeded, "TLS handshake deadline of 5s")
	}
}

// The zone of an address is nothing that a certificate knows [RFC 6874 4].
func TestTLSServerNameWithoutZone(t *testing.T) {
	m := newManager(t)
	local := authority().Issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv6loopback} })
	l, err := m.Listen("tls://[::1]:0", nil, nil)
	if err != nil {
		t.Skip(err)
	}
	l.StartTLS(&tls.Config{Certificates: []tls.Certificate{local}})
	r := &recorder{}
	url := fmt.Sprintf("tls://[::1%%251]:%d", l.LocalAddr().Port())
	tlsConnect(t, m, url, authority().Client(), r.handle)
	await(t, m, "the handshake", func() bool { return r.count(reactor.EvTLSHS)+len(r.errs) > 0 })
	if len(r.errs) > 0 {
		t.Error(r.errs)
	}
}

// What arrives in the same turn in which another connection's handler calls StartTLS
// comes behind what lay in Recv.
func TestStartTLSBeforeMoreInput(t *testing.T) {
	m := newManager(t)
	server := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.IsTLS() {
			sendBack(c, nil)
		}
	}}}
	c, p := wrap(t, m, server.handle)
	_, prompt := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.StartTLS(serverConfig())
		}
	})
	w := &halvedWire{turningWire: turningWire{peer: p, m: m}, between: func() {
		await(t, m, "the first half", func() bool { return c.Recv.Len() > 0 })
		spin(t, m, 2) // so that the poller has nothing of it left, and reports the other first
		prompt.write("now")
	}}
	if err := pingOnce(tls.Client(w, small(authority().Client(), tls.VersionTLS13))); err != nil {
		t.Errorf("%v; the loop: %v", err, server.errs)
	}
}

// halvedWire does something between the halves of what is written first.
type halvedWire struct {
	turningWire
	between func()
}

func (w *halvedWire) Write(p []byte) (int, error) {
	if half := len(p) / 2; w.between != nil {
		w.turningWire.Write(p[:half])
		w.between()
		w.between = nil
		w.turningWire.Write(p[half:])
		return len(p), nil
	}
	return w.turningWire.Write(p)
}
