package reactor

import (
	"crypto/tls"
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

// place is where a stream of records stands: how much of one was given out, its
// header (type, version and length) first [RFC 8446 5.1].
type place struct {
	given int
	first [alertRecord]byte // what it begins with, as far as it is known
}

const (
	recordHeader = 5
	alertRecord  = recordHeader + 2 // of an alert, level and description, in the clear
)

// size is that of the whole record, once its header is known.
func (l *place) size() int { return recordHeader + int(l.first[3])<<8 + int(l.first[4]) }

// next returns how much of in to give out next, room bytes at the most: up to
// the end of the record, or of its header if that comes in parts.
func (l *place) next(in []byte, room int) int {
	if l.given >= recordHeader && l.given == l.size() {
		l.given = 0
	}
	end := recordHeader
	if l.given+copy(l.first[min(l.given, alertRecord):], in) >= recordHeader {
		end = l.size()
	}
	n := min(end-l.given, len(in), room)
	l.given += n
	return n
}

// alert returns the alert that the last record was, if it was one and in the
// clear: encryption makes it longer, and with TLS 1.3 a record of another type.
func (l *place) alert() (a tls.AlertError, ok bool) {
	return tls.AlertError(l.first[alertRecord-1]), l.first[0] == recordAlert && l.size() == alertRecord
}
