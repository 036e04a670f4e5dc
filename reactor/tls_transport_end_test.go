package reactor_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// After the handshake a stream that ends without close_notify is an error, between
// records and within one.
func TestTLSTruncated(t *testing.T) {
	for _, cut := range []int{0, 1, 10} {
		m := newManager(t)
		r := &recorder{}
		l, _ := tlsListen(t, m, serverConfig(), r.Handle)
		p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
			c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
			if _, err := c.Write([]byte("ping")); err != nil {
				return err
			}
			if cut > 0 {
				raw.(*slowWire).Conn.Write([]byte{23, 3, 3, 0, 64, 1, 2, 3, 4, 5}[:cut])
			}
			return raw.Close()
		})
		p.run(-1, whole)
		await(t, m, "the end", r.Closed)
		looptest.WantErr(t, r.Err(t), reactor.ErrTruncated, "without close_notify")
		if !errors.Is(r.Errs[0], io.ErrUnexpectedEOF) || string(r.Got) != "ping" {
			t.Errorf("error %v, got %q", r.Errs[0], r.Got)
		}
		r.Want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
	}
}

// A connection that drains accepts any end of its peer's stream.
func TestTLSTruncatedWhileDraining(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Recv.Reset()
		c.Write(make([]byte, 8<<20)) // more than the peer takes
		c.Drain()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
		c.Write([]byte("ping"))
		return raw.(*slowWire).Conn.(*net.TCPConn).CloseWrite()
	})
	p.run(-1, whole)
	go io.Copy(io.Discard, p.wire.Conn)
	await(t, m, "the end", r.Closed)
	if len(r.Errs) > 0 {
		t.Errorf("errors %v", r.Errs)
	}
}

// Whatever ends a connection in order, the peer gets close_notify, after all that was to
// be sent.
func TestTLSCloseNotifyIsSent(t *testing.T) {
	cause := errors.New("some cause")
	for _, row := range []struct {
		name, want string
		end        func(c *reactor.Conn)
	}{
		{"Drain", "final bytes", func(c *reactor.Conn) { c.Drain() }},
		{"Fail", "final bytes", func(c *reactor.Conn) { c.Fail(cause) }},
		{"Close", "", func(c *reactor.Conn) { c.Close() }},
		{"Manager.Close", "", func(c *reactor.Conn) { c.Manager().Close() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write([]byte("final bytes"))
				row.end(c)
			}}}
			l, _ := tlsListen(t, m, serverConfig(), r.Handle)
			h := openRecords(t, m, "server", looptest.DialSocket(t, l.LocalAddr()))
			h.Write(h.data("ping"))
			all := h.until(-1, 0) // crypto/tls would not notice a missing close_notify
			if string(all.data) != row.want || !all.alerted || all.alert != closeNotify || h.Err != nil {
				t.Errorf("the peer got %q, alert %v, %v, want %q and close_notify", all.data, all.alerted, h.Err, row.want)
			}
			h.Shutdown()
			if row.name == "Fail" {
				await(t, m, "the end", r.Closed)
				r.Want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
			}
		})
	}
}

// heldWire keeps what is written while holds is true.
type heldWire struct {
	net.Conn
	holds bool
	held  []byte
}

func (w *heldWire) Write(p []byte) (int, error) {
	if !w.holds {
		return w.Conn.Write(p)
	}
	w.held = append(w.held, p...)
	return len(p), nil
}

// A peer has sent close_notify and is gone when we answer it. This is an orderly end:
// only our answer is lost.
func TestTLSPeerIsGoneBeforeOurCloseNotify(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	raw := sendAndEnd(t, m, l, r, "some words")
	raw.(*net.TCPConn).SetLinger(0) // a reset, as if it had unread bytes
	raw.Close()
	await(t, m, "the end", r.Closed)
	r.Want(t, "OPEN ACCEPT TLS_HS READ CLOSE")
	if string(r.Got) != "some words" {
		t.Errorf("got %q", r.Got)
	}
}

// sendAndEnd makes a peer that sends a message and close_notify in one piece.
func sendAndEnd(t *testing.T, m *reactor.Manager, l *reactor.Conn, r *recorder, msg string) net.Conn {
	t.Helper()
	raw := netDial(t, l.LocalAddr().String())
	held := &heldWire{Conn: raw}
	client := tls.Client(held, small(authority().Client(), tls.VersionTLS13))
	shaken := make(chan error)
	go func() { shaken <- client.Handshake() }()
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	held.holds = true
	client.Write([]byte(msg))
	client.CloseWrite()
	raw.SetDeadline(time.Time{}) // CloseWrite has set one
	raw.Write(held.held)
	return raw
}

// Nothing can be sent after close_notify, even if the socket has not taken it yet. Write
// returns an error.
func TestTLSWriteAfterDrain(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{
		reactor.EvOpen:  func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c },
	}}
	fd, raw := wrapSmall(t, m, r.Handle)
	shaken := make(chan error)
	go func() { shaken <- tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; { // the socket is full
		_, err = unix.Write(fd, []byte{0})
	}
	conn.Drain()
	spin(t, m, 2)
	if r.Closed() || m.Stats().Queued == 0 {
		t.Fatalf("events %s, %d bytes wait", eventList(r.Events), m.Stats().Queued)
	}
	if n, err := conn.Write([]byte("too late")); err != reactor.ErrClosed {
		t.Errorf("Write: %d, %v", n, err)
	}
	go func() {
		io.Copy(io.Discard, raw)
		raw.Close()
	}()
	await(t, m, "the end", r.Closed)
}

// A write fails while the peer's alert is still in the socket. The error is the alert.
func TestTLSAlertBehindWriteError(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var conn *reactor.Conn
	r.On = hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c }}
	raw := netAccept(t, m, authority().Client(), r.Handle)
	refused := make(chan error)
	go func() {
		cfg := small(serverConfig().Clone(), tls.VersionTLS13)
		cfg.ClientAuth = tls.RequireAnyClientCert
		err := tls.Server(raw, cfg).Handshake()
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
		refused <- err
	}()
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	looptest.WantErr(t, <-refused, nil)
	conn.Write([]byte("too late"))
	await(t, m, "the end", r.Closed)
	looptest.WantErr(t, r.Err(t), nil, "remote error", "certificate required")
}

// AwaitEnd sends close_notify first, because some peers end the stream only when they
// have got it.
func TestTLSAwaitEndSaysCloseNotify(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now))
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Stack().AwaitEnd() }}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	raw := netDial(t, l.LocalAddr().String())
	awaited, ended := make(chan struct{}), make(chan error)
	go func() {
		c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
		c.Write([]byte("the final bytes"))
		<-awaited
		c.CloseWrite()
		_, err := c.Read(make([]byte, 1))
		raw.Close()
		ended <- err
	}()
	await(t, m, "the words", r.Saw(reactor.EvRead))
	spin(t, m, 2)
	close(awaited)
	await(t, m, "the end", r.Closed) // no time passes
	if err := <-ended; err != io.EOF || len(r.Errs) > 0 {
		t.Errorf("the peer got %v; errors %v", err, r.Errs)
	}
}

// enders is a layer that counts how often it is asked about the end of the stream.
type enders struct{ asked int }

func (*enders) Handle(*reactor.Conn, reactor.Event, any) {}

func (e *enders) End(*reactor.Conn) error { e.asked++; return nil }

// The peer's close_notify ends the stream once, whatever handlers do while Send is not
// empty yet.
func TestTLSEndsOnce(t *testing.T) {
	msg := noise(1 << 20)
	m := newManager(t)
	layer := &enders{}
	var conn *reactor.Conn
	r := &recorder{On: hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
			conn = c
			c.Write(msg)
		},
	}}
	h := wrapRecords(t, m, r.Handle)
	h.feed(h.alert(1, closeNotify), 1<<20)
	for range 3 {
		conn.Pause()
		spin(t, m, 2)
		conn.Resume()
		spin(t, m, 2)
	}
	all := h.until(-1, 0)
	if await(t, m, "the end", r.Closed); !bytes.Equal(all.data, msg) || layer.asked != 1 || len(r.Errs) > 0 {
		t.Errorf("the peer got %d bytes, the layer was asked %d times, errors %v", len(all.data), layer.asked, r.Errs)
	}
}

// sipper is a layer that takes one byte at a time, and asks to get the rest again. For it
// a stream that ends before that is an error.
type sipper struct{ got []byte }

func (s *sipper) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead && c.Recv.Len() > 0 {
		s.got = append(s.got, c.Recv.Bytes()[0])
		c.Recv.Consume(1)
		c.Stack().Redispatch()
	}
}

func (s *sipper) End(c *reactor.Conn) error {
	if c.Recv.Len() > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Bytes that a layer has asked to get again come before the end of the stream, even if
// both came in one piece.
func TestTLSEndBehindRedispatch(t *testing.T) {
	m := newManager(t)
	layer := &sipper{}
	r := &recorder{On: hooks{
		reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvRead:   func(*reactor.Conn, any) {},
	}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	sendAndEnd(t, m, l, r, "some words")
	await(t, m, "the end", r.Closed)
	if len(r.Errs) > 0 || string(layer.got) != "some words" {
		t.Errorf("got %q, errors %v", layer.got, r.Errs)
	}
}

// A handler writes while close_notify waits for the socket. This is too late: it is no
// error, and the bytes are not sent.
func TestTLSWriteAfterCloseNotify(t *testing.T) {
	late := 0
	for size := 500; size < 5000; size += 500 { // one of them fills the socket
		m := newManager(t)
		r := &recorder{}
		conn, p := wrapNarrow(t, m, r.Handle)
		conn.StartTLS(serverConfig())
		h := openRecords(t, m, "server", p)
		await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
		msg := noise(size)
		conn.Write(msg)
		conn.Drain()
		spin(t, m, 3)
		if n := m.Stats().Queued; n > 0 && n < 50 { // close_notify alone
			late++
			conn.Write([]byte("too late"))
			spin(t, m, 3)
			h.Receive() // the socket has space for close_notify now
			conn.Write([]byte("too late"))
		}
		all := h.until(-1, 0)
		h.Shutdown()
		if await(t, m, "the end", r.Closed); !bytes.Equal(all.data, msg) || !all.alerted || len(r.Errs) > 0 {
			t.Errorf("the peer got %d bytes of %d, errors %v", len(all.data), size, r.Errs)
		}
	}
	if late == 0 && runtime.GOOS == "linux" {
		t.Error("close_notify never had to wait")
	}
}
