package reactor_test

import (
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

// turningWire is a peer's socket as crypto/tls wants it, on the loop's own
// goroutine: who waits for bytes turns the loop. Read gives out no more than is
// wanted, so that what follows a handshake stays in the peer.
type turningWire struct {
	net.Conn // nil: nothing else is called
	*peer
	m    *reactor.Manager
	gone bool // the loop's side
}

func (w *turningWire) Read(p []byte) (int, error) {
	for range turns {
		if len(w.in) > 0 {
			p[0], w.in = w.in[0], w.in[1:]
			return 1, nil
		}
		if w.eof || w.err != nil {
			return 0, errors.Join(io.EOF, w.err)
		}
		if w.pump(); len(w.in) == 0 {
			w.m.Poll(time.Millisecond)
		}
	}
	return 0, os.ErrDeadlineExceeded
}

// Write turns the loop until the socket has taken everything, or the loop has
// closed the connection.
func (w *turningWire) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		n, err := unix.Write(w.fd, left)
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
	w.shutdown()
	return nil
}

func (w *turningWire) SetDeadline(time.Time) error      { return nil }
func (w *turningWire) SetWriteDeadline(time.Time) error { return nil }

// feed sends bytes in pieces of a size, each read by the loop before the next,
// until a connection fails or closes: nobody counts them then.
func (w *turningWire) feed(b []byte, size int) {
	w.t.Helper()
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
		await(w.t, w.m, "the bytes of the peer", func() bool {
			s := w.m.Stats()
			w.gone = s.Closed+s.Failed > before.Closed+before.Failed
			return w.gone || s.BytesIn >= before.BytesIn+uint64(n)
		})
	}
}

// handPeer is the far end of a connection of TLS 1.3 that crypto/tls has opened and
// a test goes on with, record by record.
type handPeer struct {
	*turningWire
	say, hear *looptest.TLS13
}

// startHand opens a connection on which the loop has the role that is named.
func startHand(t *testing.T, m *reactor.Manager, role string, fn reactor.Handler) *handPeer {
	t.Helper()
	var p *peer
	if role == "server" {
		l, _ := tlsListen(t, m, serverConfig(), fn)
		p = dialRaw(t, l.LocalAddr())
	} else {
		l, addr := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		tlsConnect(t, m, "tcp://"+addr.String(), authority().Client(), fn)
		await(t, m, "the connection", func() bool { p = acceptRaw(t, l); return p != nil })
	}
	looptest.NoDelay(t, p.fd)
	return openHand(t, m, role, p)
}

// openHand lets crypto/tls be the far end of the handshake.
func openHand(t *testing.T, m *reactor.Manager, role string, p *peer) *handPeer {
	t.Helper()
	h := &handPeer{turningWire: &turningWire{peer: p, m: m}}
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

// record opens the next record of the loop; its type is 0 at the end of the stream.
// (There are no tickets: crypto/tls wants none without a cache.)
func (h *handPeer) record() (kind byte, p []byte) {
	h.t.Helper()
	for range turns {
		h.pump()
		var err error
		if kind, p, h.in, err = h.hear.Open(h.in); err != nil {
			h.t.Fatal(err)
		}
		switch {
		case kind != 0:
			return kind, p
		case h.eof || h.err != nil:
			if len(h.in) > 0 {
				h.t.Fatalf("part of a record at the end: %q", h.in)
			}
			return 0, nil
		default:
			h.m.Poll(time.Millisecond)
		}
	}
	h.t.Fatal("awaited a record in vain")
	return 0, nil
}

// heard is what the loop said up to a point.
type heard struct {
	data    []byte
	updates int // answers to KeyUpdate
	alert   byte
	alerted bool
}

// until opens records until the data is so long and so many KeyUpdates are answered,
// or to the end if size is negative.
func (h *handPeer) until(size, updates int) (all heard) {
	h.t.Helper()
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
			h.t.Fatalf("record of type %d: %q", kind, p)
		}
	}
	return all
}
