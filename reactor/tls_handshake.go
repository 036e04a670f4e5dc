package reactor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// begin makes the stream.
func (t *tlsTransport) begin() bool {
	c, m := t.c, t.c.mgr
	if c.role != roleClient && (t.cfg == nil || !presents(t.cfg.Config)) {
		t.phase = tlsBroken
		c.Fail(opError("tls handshake", c.network(), c.RemoteAddr(), ErrNoCertificate))
		return false
	}
	var started func()
	if m.checked {
		started = func() {
			t.owner = goroutine()
			m.handshakeGoroutine = t.owner
		}
	}
	if c.role == roleClient {
		t.stream = tlsio.Client((*tlsSocket)(t), t.config(), started)
	} else {
		t.stream = tlsio.Server((*tlsSocket)(t), t.config(), started)
	}
	t.phase = tlsShaking
	return true
}

// step goes on with the handshake as far as the peer's bytes reach. It reports whether
// the handshake has just succeeded.
func (t *tlsTransport) step() bool {
	c, m := t.c, t.c.mgr
	m.handshakeGoroutine = t.owner
	done, err := t.stream.Handshake()
	m.handshakeGoroutine = 0
	if !done {
		return false
	}
	m.admission.release(t)
	if err != nil {
		t.refuse(err)
		return false
	}
	t.phase = tlsOpen
	m.stats.Handshakes++
	c.secured()
	if c.over() { // by a callback of the Config
		return false
	}
	c.mark() // Send has waited for this
	c.Call(EvTLSHS, nil)
	return true
}

// refuse fails the connection because of the handshake's error. The alert that crypto/tls
// has left in out is offered to the socket; nothing of Send leaves.
func (t *tlsTransport) refuse(err error) {
	c := t.c
	t.phase = tlsBroken
	var header tls.RecordHeaderError
	var op *net.OpError // crypto/tls's, of an alert
	alert, clear := t.stream.ClearAlert()
	clear = clear && errors.As(err, &op)
	switch {
	case errors.Is(err, ErrTruncated), err == io.EOF, clear && alert == tlsio.CloseNotify:
		err = fmt.Errorf("connection closed during the handshake: %w", io.ErrUnexpectedEOF)
	case clear: // with TLS 1.3 the record is not decrypted, for a peer that fails before it has keys to encrypt it
		err = &net.OpError{Op: "remote error", Err: alert}
	case errors.As(err, &header) && header.Conn != nil: // the very first record
		err = t.notTLS(header)
	}
	c.Fail(opError("tls handshake", c.network(), c.RemoteAddr(), err))
}

// notTLS says what came in the place of the first record, and tells an HTTP client what
// is wrong.
func (t *tlsTransport) notTLS(header tls.RecordHeaderError) error {
	first := header.RecordHeader[:]
	if t.c.role == roleClient {
		return fmt.Errorf("the server does not speak TLS on this port, its first bytes are %q: %w", first, header)
	}
	if !looksLikeHTTP(first) {
		return fmt.Errorf("the client does not speak TLS, its first bytes are %q: %w", first, header)
	}
	t.out.Reset() // an alert would mean nothing to it
	t.out.AppendString("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS: use https:// or wss://.\n")
	return fmt.Errorf("the client sent plain HTTP to a TLS port: %w", header)
}

// looksLikeHTTP recognizes requests by their first five bytes.
func looksLikeHTTP(first []byte) bool {
	switch string(first) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "CONNE":
		return true
	}
	return false
}
