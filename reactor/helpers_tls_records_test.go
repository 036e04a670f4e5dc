package reactor_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// turningWire is a peer's socket as a net.Conn for crypto/tls, on the loop's own
// goroutine. While it waits for bytes it turns the loop. Read returns a single byte, so
// that the bytes behind a handshake stay in the peer.
type turningWire struct {
	net.Conn // nil: nothing else is called
	*peer
	m    *reactor.Manager
	gone bool // the loop's side
}

func (w *turningWire) Read(p []byte) (int, error) {
	for range turns {
		if len(w.In) > 0 {
			p[0], w.In = w.In[0], w.In[1:]
			return 1, nil
		}
		if w.EOF || w.Err != nil {
			return 0, errors.Join(io.EOF, w.Err)
		}
		if w.Receive(); len(w.In) == 0 {
			w.m.Poll(time.Millisecond)
		}
	}
	return 0, os.ErrDeadlineExceeded
}

// Write turns the loop until the socket has taken everything, or the loop has closed the
// connection.
func (w *turningWire) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		n, err := unix.Write(w.FD, left)
		if err != nil && err != unix.EAGAIN {
			return 0, err
		}
		if left = left[max(n, 0):]; len(left) > 0 {
			w.m.Poll(0)
		}
	}
	return len(p), nil
}

// Close ends the stream to the loop.
func (w *turningWire) Close() error {
	w.Shutdown()
	return nil
}

func (w *turningWire) SetDeadline(time.Time) error { return nil }

func (w *turningWire) SetWriteDeadline(time.Time) error { return nil }

// feed sends bytes in pieces of a size. The loop reads each piece before the next is
// sent, until a connection fails or closes. After that the loop counts no more bytes.
func (w *turningWire) feed(b []byte, size int) {
	w.T.Helper()
	for len(b) > 0 {
		n := min(size, len(b))
		before := w.m.Stats()
		if _, err := w.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
		if w.gone {
			continue
		}
		await(w.T, w.m, "the bytes of the peer", func() bool {
			s := w.m.Stats()
			w.gone = s.Closed+s.Failed > before.Closed+before.Failed
			return w.gone || s.BytesIn >= before.BytesIn+uint64(n)
		})
	}
}

// recordPeer is the far end of a TLS 1.3 connection. crypto/tls completes the handshake.
// After that the test sends and receives record by record.
type recordPeer struct {
	*turningWire
	say, hear *looptest.TLS13
}

// startRecords opens a connection on which the loop has the named role.
func startRecords(t *testing.T, m *reactor.Manager, role string, fn reactor.Handler) *recordPeer {
	t.Helper()
	var p *peer
	if role == "server" {
		l, _ := tlsListen(t, m, serverConfig(), fn)
		p = looptest.DialSocket(t, l.LocalAddr())
	} else {
		l, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		tlsConnect(t, m, "tcp://"+addr.String(), clientConfig(), fn)
		p = l.AwaitAccept(m)
	}
	return openRecords(t, m, role, p)
}

// openRecords lets crypto/tls be the far end of the handshake.
func openRecords(t *testing.T, m *reactor.Manager, role string, p *peer) *recordPeer {
	t.Helper()
	h := &recordPeer{turningWire: &turningWire{peer: p, m: m}}
	secrets := looptest.KeyLog{}
	say, hear := "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"
	var conn *tls.Conn
	if role == "server" {
		cfg := small(authority().Client(), tls.VersionTLS13)
		cfg.KeyLogWriter = secrets
		conn = tls.Client(h.turningWire, cfg)
	} else {
		cfg := small(serverConfig().Clone(), tls.VersionTLS13)
		cfg.KeyLogWriter = secrets
		conn = tls.Server(h.turningWire, cfg)
		say, hear = hear, say
	}
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if conn.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("crypto/tls prefers another cipher on this machine")
	}
	h.say, h.hear = looptest.NewTLS13(secrets[say]), looptest.NewTLS13(secrets[hear])
	return h
}

// record decrypts the next record of the loop. Its type is 0 at the end of the stream.
// There are no tickets, because a client of crypto/tls without a cache wants none.
func (h *recordPeer) record() (kind byte, p []byte) {
	h.T.Helper()
	for range turns {
		var err error
		if kind, p, h.In, err = h.hear.Open(h.In); err != nil {
			h.T.Fatal(err)
		}
		had := len(h.In)
		switch {
		case kind != 0:
			return kind, p
		case h.EOF || h.Err != nil:
			if len(h.In) > 0 {
				h.T.Fatalf("part of a record at the end: %q", h.In)
			}
			return 0, nil
		default:
			if h.Receive(); len(h.In) == had && !h.EOF && h.Err == nil {
				h.m.Poll(time.Millisecond)
			}
		}
	}
	h.T.Fatal("no record came")
	return 0, nil
}

// heard is what the loop sent up to a point.
type heard struct {
	data    []byte
	updates int // answers to KeyUpdate
	alert   byte
	alerted bool
}

// until decrypts records until there is so much data and so many KeyUpdates are answered.
// If size is negative it goes to the end of the stream.
func (h *recordPeer) until(size, updates int) (all heard) {
	h.T.Helper()
	for size < 0 || len(all.data) < size || all.updates < updates {
		switch kind, p := h.record(); {
		case kind == 0:
			return all
		case kind == looptest.RecordData && !all.alerted:
			all.data = append(all.data, p...)
		case kind == looptest.RecordHandshake && string(p) == "\x18\x00\x00\x01\x00":
			all.updates++
		case kind == looptest.RecordAlert && len(p) == 2 && !all.alerted:
			all.alert, all.alerted = p[1], true
		default:
			h.T.Fatalf("record of type %d: %q", kind, p)
		}
	}
	return all
}

// Alerts [RFC 8446 6].
const (
	closeNotify       = 0
	unexpectedMessage = 10
	badRecordMAC      = 20
	recordOverflow    = 22
	protocolVersion   = 70
	internalError     = 80
	userCanceled      = 90
)

func (h *recordPeer) data(s string) []byte { return h.say.Seal(looptest.RecordData, []byte(s), 0) }

func (h *recordPeer) alert(level, name byte) []byte {
	return h.say.Seal(looptest.RecordAlert, []byte{level, name}, 0)
}

func (h *recordPeer) message(part string) []byte {
	return h.say.Seal(looptest.RecordHandshake, []byte(part), 0)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func times(n int, one func() []byte) (all []byte) {
	for range n {
		all = append(all, one()...)
	}
	return all
}

// wrapRecords opens a connection over a socketpair, which holds less than TCP does. The
// loop is the server.
func wrapRecords(t *testing.T, m *reactor.Manager, fn reactor.Handler) *recordPeer {
	t.Helper()
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvOpen {
			c.StartTLS(serverConfig())
		}
		fn(c, ev, data)
	})
	return openRecords(t, m, "server", p)
}

// asks returns a record of data and a KeyUpdate that wants an answer. crypto/tls accepts
// sixteen of these without data between them.
func (h *recordPeer) asks() []byte { return join(h.data("x"), h.say.KeyUpdate(true)) }

// wrapNarrow is wrap with a socket that takes as little as the system allows.
func wrapNarrow(t *testing.T, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *peer) {
	t.Helper()
	a, b := looptest.Socketpair(t)
	unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
	c, err := m.WrapFD(a, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, looptest.NewSocket(t, b)
}
