package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// StartTLS is called in mid-stream, as after a STARTTLS command. What is in Send is sent
// encrypted. What came behind the command is part of the handshake, never plaintext.
func TestStartTLSInMidStream(t *testing.T) {
	m := newManager(t)
	server := &recorder{}
	server.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.TLS() != nil {
			server.Got = append(server.Got, c.Recv.Bytes()...)
			c.Recv.Reset()
			return
		}
		if !bytes.HasPrefix(c.Recv.Bytes(), []byte("STARTTLS\r\n")) {
			t.Errorf("read %q", c.Recv.Bytes())
		}
		c.Recv.Consume(len("STARTTLS\r\n"))
		c.Write([]byte("greeting")) // the client can read it only if it is encrypted
		c.StartTLS(serverConfig())
		if c.Recv.Len() > 0 {
			t.Errorf("%d bytes are still in Recv", c.Recv.Len())
		}
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", server.Handle)
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
	await(t, m, "the client's words", func() bool { return string(server.Got) == "hello" })
	if r := <-done; r.err != nil || r.got != "greeting" {
		t.Errorf("the client got %q, %v", r.got, r.err)
	}
	if server.Count(reactor.EvTLSHS) != 1 || server.Wrote != len("greeting") {
		t.Errorf("events %s, %d bytes written", eventList(server.Events), server.Wrote)
	}
}

// firstFlight sends, with its first write, what was held before.
type firstFlight struct{ *heldWire }

func (f *firstFlight) Write(p []byte) (int, error) {
	n, err := f.heldWire.Write(p)
	if f.holds {
		f.holds = false
		_, err = f.Conn.Write(f.held)
	}
	return n, err
}

// Bytes that an attacker inserts behind the command are not part of the session. They
// break the handshake.
func TestStartTLSInjection(t *testing.T) {
	m := newManager(t)
	server := &recorder{}
	server.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.IsTLS() {
			t.Errorf("read %q", c.Recv.Bytes())
			return
		}
		c.Recv.Consume(len("STARTTLS\r\n"))
		c.StartTLS(serverConfig())
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", server.Handle)
	raw := netDial(t, l.LocalAddr().String())
	raw.Write([]byte("STARTTLS\r\nDELETE everything\r\n"))
	go func() {
		io.Copy(io.Discard, raw)
		raw.Close()
	}()
	await(t, m, "the end", server.Closed)
	looptest.WantErr(t, server.Err(t), nil, "tls handshake")
}

// The Config that a handler gives at EvConnect or EvAccept replaces that of the URL or
// the listener. The server name is the URL's.
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
		server := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.StartTLS(cfg) }}}
		client := &recorder{On: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) { c.StartTLS(clientConfig()) }}}
		l := listen(t, m, scheme+"://localhost:0", server.Handle)
		_, port, _ := net.SplitHostPort(l.LocalAddr().String())
		dial(t, m, scheme+"://localhost:"+port, client.Handle)
		await(t, m, "the handshake", func() bool { return client.Count(reactor.EvTLSHS)+server.Count(reactor.EvTLSHS) == 2 })
		if len(names) != 1 || names[0] != "localhost" {
			t.Errorf("%s: server names %q", scheme, names)
		}
	}
}

// After EvClose StartTLS does nothing, and no handshake is counted. A client's handshake
// is not counted either.
func TestStartTLSAfterClose(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { conn = c }}}
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() {
			r.Handle(c, ev, data)
		}
	})
	client := &recorder{}
	c := dial(t, m, urlOf(l.LocalAddr().String()), client.Handle)
	c.StartTLS(clientConfig())
	await(t, m, "the connection", func() bool { return conn != nil && client.Count(reactor.EvConnect) > 0 })
	spin(t, m, 3)
	if n := m.Stats().TLSHandshaking; n != 0 {
		t.Errorf("%d handshakes counted, one is a client's", n)
	}
	conn.Close()
	await(t, m, "the end", r.Closed)
	conn.StartTLS(serverConfig())
	if spin(t, m, 2); m.Stats().TLSHandshaking != 0 || conn.IsTLS() || conn.TLS() != nil {
		t.Errorf("%d handshakes in progress, IsTLS %v", m.Stats().TLSHandshaking, conn.IsTLS())
	}
	r.Want(t, eventList(r.Events[:len(r.Events)-1])+" CLOSE")
}

// The TLS deadline in mid-stream counts from StartTLS, even if other deadlines began
// earlier and pass later.
func TestStartTLSDeadline(t *testing.T) {
	for _, d := range []reactor.Deadlines{{TLS: 5 * time.Second}, {TLS: 5 * time.Second, Life: 3 * time.Hour}} {
		clock := looptest.NewClock()
		m := newManager(t, reactor.WithClock(clock.Now), reactor.WithDeadlines(d))
		r := &recorder{}
		c, p := wrap(t, m, r.Handle)
		spin(t, m, 2)
		clock.Advance(time.Hour)
		spin(t, m, 2)
		c.StartTLS(serverConfig())
		for range 2 {
			p.WriteString("\x16")
			clock.Advance(2 * time.Second)
			spin(t, m, 2)
		}
		r.Want(t, "OPEN")
		clock.Advance(time.Second)
		await(t, m, "the end", r.Closed)
		looptest.WantErr(t, r.Err(t), os.ErrDeadlineExceeded, "TLS handshake deadline of 5s")
	}
}

// Another connection's handler calls StartTLS. What arrives in the same turn comes behind
// the bytes that were in Recv.
func TestStartTLSBeforeMoreInput(t *testing.T) {
	m := newManager(t)
	server := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.IsTLS() {
			sendBack(c, nil)
		}
	}}}
	c, p := wrap(t, m, server.Handle)
	_, prompt := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.StartTLS(serverConfig())
		}
	})
	w := &halvedWire{turningWire: turningWire{peer: p, m: m}, between: func() {
		await(t, m, "the first half", func() bool { return c.Recv.Len() > 0 })
		spin(t, m, 2) // then the poller reports the other connection first
		prompt.WriteString("now")
	}}
	if err := pingOnce(tls.Client(w, small(authority().Client(), tls.VersionTLS13))); err != nil {
		t.Errorf("%v; the loop: %v", err, server.Errs)
	}
}

// halvedWire calls between after the first half of the first write.
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

// A connection's input is held because too much is unsent. It starts TLS, so the unsent
// bytes wait for the handshake. The handshake must not wait for them.
func TestStartTLSWhileInputIsHeld(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, f := reach(t, m, "tcp server", r.Handle, nil)
	c.SetLimits(reactor.Limits{Backpressure: 1 << 10})
	c.Write(noise(8 << 20))
	spin(t, m, 3)
	if !c.InputStopped() {
		t.Fatal("input is not held")
	}
	c.Send.Reset() // all that the socket did not take, and more
	c.Write(noise(4 << 10))
	c.StartTLS(serverConfig())
	f.hear() // the unencrypted part
	for i := 0; i < 20; i++ {
		spin(t, m, 1)
		f.hear()
	}
	f.got = nil
	cfg := clientConfig()
	cfg.ServerName = "127.0.0.1"
	f.tls = tls.Client(farWire{f: f}, cfg)
	f.blocks = true
	if err := f.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	f.blocks = false
	await(t, m, "the bytes", func() bool { f.hear(); return len(f.got) >= 4<<10 })
}
