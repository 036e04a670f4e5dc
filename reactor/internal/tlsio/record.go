package tlsio

import "crypto/tls"

// MaxPlaintext is how many bytes of plaintext one record carries at most [RFC 8446 5.1].
const MaxPlaintext = 16 << 10

// The types of the records with which a connection begins, or is refused [RFC 8446 5.1].
const (
	recordAlert     = 21
	recordHandshake = 22
)

// CloseNotify is the alert that ends a peer's stream without an error [RFC 8446 6.1].
const CloseNotify tls.AlertError = 0

// LooksLikeTLS reports whether p, the first bytes of a peer, begin a TLS record with a handshake
// message or an alert. It needs at least 3 bytes.
func LooksLikeTLS(p []byte) bool {
	return len(p) >= 3 && (p[0] == recordHandshake || p[0] == recordAlert) && p[1] == 3 && p[2] <= 4
}

// recordPosition is the position in a stream of records. A record begins with its header: type,
// version and length [RFC 8446 5.1].
type recordPosition struct {
	taken int               // how many bytes of the current record crypto/tls has taken
	first [alertRecord]byte // the first bytes of the record, as far as they are known
}

// Lengths in bytes.
const (
	recordHeader = 5
	alertRecord  = recordHeader + 2 // an unencrypted alert: level and description
)

// size returns the length of the whole record. The header must be known.
func (r *recordPosition) size() int { return recordHeader + int(r.first[3])<<8 + int(r.first[4]) }

// next returns how many bytes crypto/tls may take next from in, at most limit. They end with the
// record, or with its header if the header arrives in pieces.
func (r *recordPosition) next(in []byte, limit int) int {
	if r.taken >= recordHeader && r.taken == r.size() {
		r.taken = 0
	}
	end := recordHeader
	if r.taken+copy(r.first[min(r.taken, alertRecord):], in) >= recordHeader {
		end = r.size()
	}
	n := min(end-r.taken, len(in), limit)
	r.taken += n
	return n
}

// alert returns the alert in the last record, if that was an unencrypted alert. Encryption makes
// a record longer, and in TLS 1.3 an encrypted alert has another record type.
func (r *recordPosition) alert() (a tls.AlertError, ok bool) {
	return tls.AlertError(r.first[alertRecord-1]), r.first[0] == recordAlert && r.size() == alertRecord
}
