package http

import "github.com/rikki-go/rikki/reactor"

// dateLine is a cache of the Date header line. Many responses are written in the same second. The
// clock is read once for the requests that one read has brought (deliverAll): reading it takes a
// tenth of the time of a request.
type dateLine struct {
	second  int64  // in Unix time
	line    []byte // empty until the first response
	current bool   // the clock was read during this delivery
}

// appendLine appends the Date header line [RFC 9110 6.6.1]. delivering says that the response
// answers one of the requests that are being delivered.
func (d *dateLine) appendLine(b []byte, m *reactor.Manager, delivering bool) []byte {
	if !d.current || !delivering {
		now := m.Now()
		if s := now.Unix(); s != d.second || len(d.line) == 0 {
			d.second = s
			d.line = now.UTC().AppendFormat(d.line[:0], "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n")
		}
	}
	d.current = d.current || delivering
	return append(b, d.line...)
}
