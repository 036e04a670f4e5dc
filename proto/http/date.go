package http

import "time"

// dateLine is a cache of the Date header line. Many responses are written in the same second.
type dateLine struct {
	second int64  // in Unix time
	line   []byte // empty until the first response
}

// appendLine appends the Date header line for the time now [RFC 9110 6.6.1].
func (d *dateLine) appendLine(b []byte, now time.Time) []byte {
	if s := now.Unix(); s != d.second || len(d.line) == 0 {
		d.second = s
		d.line = now.UTC().AppendFormat(d.line[:0], "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n")
	}
	return append(b, d.line...)
}
