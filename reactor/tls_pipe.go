package reactor

import (
	"net"
	"time"
)

// What tlsState is to crypto/tls: a net.Conn.

// noData is what Read says when the loop has nothing for crypto/tls: a
// net.Error whose Temporary is true, so that it is not remembered.
type noData struct{}

func (noData) Error() string   { return "reactor: no data" }
func (noData) Timeout() bool   { return true }
func (noData) Temporary() bool { return true }

var errNoData error = noData{}

// Read gives out ciphertext, never beyond the end of a record. At the end of
// the socket's stream it says ErrTruncated, not io.EOF, which is what crypto/tls
// says after close_notify.
func (t *tlsState) Read(p []byte) (int, error) {
	for len(t.in) == 0 {
		switch {
		case t.gone:
			return 0, ErrTruncated
		case t.shake == nil:
			return 0, errNoData
		case !t.shake.yield(struct{}{}):
			return 0, ErrClosed
		}
	}
	n := copy(p, t.in[:t.place.next(t.in, len(p))])
	t.in = t.in[n:]
	return n, nil
}

// Write keeps ciphertext for the socket.
func (t *tlsState) Write(p []byte) (int, error) {
	t.out.Grow(len(p))
	t.out.buf = append(t.out.buf, p...) // not Append, which would mark the connection
	return len(p), nil
}

// Close does nothing: closing the socket is the loop's business.
func (t *tlsState) Close() error { return nil }

// LocalAddr and RemoteAddr are for callbacks of the Config.
func (t *tlsState) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(t.c.LocalAddr()) }
func (t *tlsState) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(t.c.remote) }

func (t *tlsState) SetDeadline(time.Time) error      { return nil }
func (t *tlsState) SetReadDeadline(time.Time) error  { return nil }
func (t *tlsState) SetWriteDeadline(time.Time) error { return nil }

// place is where a stream of records stands: in a header of 5 bytes, type,
// version and length [RFC 8446 5.1], or in what follows it.
type place struct {
	head uint8  // bytes of a header that were given out already
	size uint16 // of the record, as far as its header was given out
	left int    // bytes of the record
}

const recordHeader = 5

// next returns how much of in to give out next, room bytes at the most: up to
// the end of the record, or of its header if that comes in parts.
func (l *place) next(in []byte, room int) int {
	if l.left == 0 && l.head == 0 && len(in) >= recordHeader {
		l.left = recordHeader + int(in[3])<<8 + int(in[4])
	}
	if l.left > 0 {
		n := min(l.left, len(in), room)
		l.left -= n
		return n
	}
	n := min(recordHeader-int(l.head), len(in), room)
	for _, b := range in[:n] {
		if l.head++; l.head > 3 {
			l.size = l.size<<8 | uint16(b)
		}
	}
	if l.head == recordHeader {
		l.left = int(l.size)
		*l = place{left: l.left}
	}
	return n
}
