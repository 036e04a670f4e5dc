package reactor_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// After the handshake a stream that ends without close_notify is not an orderly end,
// be it between records or within one.
func TestTLSTruncated(t *testing.T) {
	for _, cut := range []int{0, 1, 10} {
		m := newManager(t)
		r := &recorder{}
		l, _ := tlsListen(t, m, serverConfig(), r.handle)
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
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), reactor.ErrTruncated, "without close_notify")
		if !errors.Is(r.errs[0], io.ErrUnexpectedEOF) || string(r.got) != "ping" {
			t.Errorf("error %v, got %q", r.errs[0], r.got)
		}
		r.want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
	}
}

// A connection that drains does not mind how its peer ends.
func TestTLSTruncatedWhileDraining(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Recv.Reset()
		c.Write(make([]byte, 32<<20)) // more than the peer takes
		c.Drain()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
		c.Write([]byte("ping"))
		return raw.(*slowWire).Conn.(*net.TCPConn).CloseWrite()
	})
	p.run(-1, whole)
	go io.Copy(io.Discard, p.wire.Conn)
	await(t, m, "the end", r.closed)
	if len(r.errs) > 0 {
		t.Errorf("errors %v", r.errs)
	}
}

// Whatever ends a connection in order, the peer is told so by close_notify, behind
// what was to be sent.
func TestTLSCloseNotifyIsSent(t *testing.T) {
	cause := errors.New("some cause")
	for _, row := range []struct {
		name, want string
		end        func(c *reactor.Conn)
	}{
		{"Drain", "last words", func(c *reactor.Conn) { c.Drain() }},
		{"Fail", "last words", func(c *reactor.Conn) { c.Fail(cause) }},
		{"Close", "", func(c *reactor.Conn) { c.Close() }},
		{"Manager.Close", "", func(c *reactor.Conn) { c.Manager().Close() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write([]byte("last words"))
				row.end(c)
			}}}
			l, _ := tlsListen(t, m, serverConfig(), r.handle)
			h := openHand(t, m, "server", dialRaw(t, l.LocalAddr()))
			h.Write(h.data("ping"))
			all := h.until(-1, 0) // crypto/tls would take a missing one for the same
			if string(all.data) != row.want || !all.alerted || all.alert != closeNotify || h.err != nil {
				t.Errorf("the peer got %q, alert %v, %v, want %q and close_notify", all.data, all.alerted, h.err, row.want)
			}
			h.shutdown()
			if row.name == "Fail" {
				await(t, m, "the end", r.closed)
				r.want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
			}
		})
	}
}

// heldWire keeps what is written when it is told so.
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

// Plaintext, close_notify and the end of the socket's stream in one piece: the
// plaintext is heard of first, and a pause holds the end back.
func TestTLSEndBehindPause(t *testing.T) {
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		conn = c
		c.Pause()
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	raw := sendAndEnd(t, m, l, r, "some words")
	raw.(*net.TCPConn).CloseWrite() // Close would reset it: there are tickets that nobody read
	await(t, m, "the words", r.saw(reactor.EvRead))
	spin(t, m, 5)
	r.want(t, "OPEN ACCEPT TLS_HS READ")
	r.on[reactor.EvRead] = nil
	conn.Resume()
	await(t, m, "the end", r.closed)
	r.want(t, "OPEN ACCEPT TLS_HS READ READ CLOSE")
	if string(r.got) != "some words" {
		t.Errorf("got %q", r.got)
	}
}

// A write that fails in mid-handshake leaves a coroutine that holds crypto/tls's
// locks: nothing that a handler may call waits for them.
func TestTLSWriteFailsInHandshake(t *testing.T) {
	m := newManager(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := &recorder{on: hooks{
		reactor.EvConnect: func(*reactor.Conn, any) { // reset before ClientHello is written
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
	tlsConnect(t, m, "tcp://"+l.Addr().String(), authority().Client(), r.handle)
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), nil, "tls handshake", "write: ")
}
