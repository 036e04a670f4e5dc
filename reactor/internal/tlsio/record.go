package tlsio

import "crypto/tls"

// MaxPlaintext is the most that one record carries [RFC 8446 5.1].
const MaxPlaintext = 16 << 10

// The types of records that a connection begins with, or is refused with
// [RFC 8446 5.1].
const (
	recordAlert     = 21
	recordHandshake = 22
)

// CloseNotify is the alert of an orderly end [RFC 8446 6].
const CloseNotify tls.AlertError = 0

// LooksLikeTLS reports whether p, the first bytes of a peer, begin a TLS record of a
// handshake or an alert.
func LooksLikeTLS(p []byte) bool {
	return len(p) >= 3 && (p[0] == recordHandshake || p[0] == recordAlert) && p[1] == 3 && p[2] <= 4
}

// position is where a stream of records stands: how much of the present record was
// given out, and its first bytes. A record begins with its header: type, version and
// length [RFC 8446 5.1].
type position struct {
	given int
	first [alertRecord]byte // as far as they are known
}

const (
	recordHeader = 5
	alertRecord  = recordHeader + 2 // of an alert in the clear: level and description
)

// size is the length of the whole record, once its header is known.
func (l *position) size() int { return recordHeader + int(l.first[3])<<8 + int(l.first[4]) }

// next returns how much of in to give out next, at most room bytes: up to the end of
// the record, or of its header if the header comes in pieces.
func (l *position) next(in []byte, room int) int {
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

// alert returns the last record's alert, if it was an alert in the clear: encryption
// makes the record longer, and TLS 1.3 gives an encrypted one another type.
func (l *position) alert() (a tls.AlertError, ok bool) {
	return tls.AlertError(l.first[alertRecord-1]), l.first[0] == recordAlert && l.size() == alertRecord
}
