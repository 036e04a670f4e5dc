package reactor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// errHandshakeCut is the cause in EvError if the peer ends its stream during the handshake.
var errHandshakeCut = fmt.Errorf("connection closed during the handshake: %w", io.ErrUnexpectedEOF)

// startHandshake makes the tlsio.Stream. If the connection is a server without a certificate,
// startHandshake fails it instead and returns false.
func (t *tlsTransport) startHandshake() bool {
	c, m := t.c, t.c.mgr
	if c.role != roleClient && (t.cfg == nil || !hasCertificate(t.cfg.Config)) {
		t.phase = tlsBroken
		c.Fail(opError("tls handshake", c.network(), c.RemoteAddr(), ErrNoCertificate))
		return false
	}
	var started func()
	if m.checkingOwner {
		started = func() {
			t.handshakeGoroutine = goroutineID()
			m.handshakeGoroutine = t.handshakeGoroutine
		}
	}
	if c.role == roleClient {
		t.stream = tlsio.Client((*tlsSocket)(t), t.config(), started)
	} else {
		t.stream = tlsio.Server((*tlsSocket)(t), t.config(), started)
	}
	t.phase = tlsHandshaking
	return true
}

// continueHandshake continues the handshake until it needs more bytes from the peer, or ends. It
// returns true if the handshake has succeeded and input can be delivered.
func (t *tlsTransport) continueHandshake() bool {
	c, m := t.c, t.c.mgr
	m.handshakeGoroutine = t.handshakeGoroutine
	input, unsent := len(t.stream.In), t.out.Len()
	done, err := t.stream.Handshake()
	m.handshakeGoroutine = 0
	if !done {
		m.admission.noteStep(t, input, t.out.Len() > unsent)
		return false
	}
	m.admission.release(t)
	if err != nil {
		t.handshakeFailed(err)
		return false
	}
	t.phase = tlsOpen
	m.stats.TLSHandshakes++
	c.tlsHandshakeDone()
	if c.inputOver() { // a callback of the Config has failed or closed the connection
		return false
	}
	c.markDirty() // to send what waited for the handshake
	c.Call(EvTLSHS, nil)
	return true
}

// readWaiting reads into earlyInput while the connection waits for a slot. It stops at
// maxEarlyInput bytes.
func (t *tlsTransport) readWaiting() error {
	c := t.c
	free := maxEarlyInput - len(t.earlyInput)
	if free <= 0 {
		return nil
	}
	in := c.mgr.tlsBuffers().in[:free]
	n, err := c.recv(in)
	switch {
	case err == io.EOF:
		return errHandshakeCut
	case err != nil:
		return err
	}
	t.earlyInput = append(t.earlyInput, in[:n]...)
	if n == free {
		c.on |= onSlotFull
		c.markDirty()
	}
	return nil
}

// handshakeFailed fails the connection because the handshake has failed with err. The alert that
// crypto/tls has written to out is offered to the socket once. No byte of Send is sent.
func (t *tlsTransport) handshakeFailed(err error) {
	c := t.c
	t.phase = tlsBroken
	var header tls.RecordHeaderError
	var op *net.OpError // crypto/tls reports an alert as a *net.OpError
	alert, unencrypted := t.stream.UnencryptedAlert()
	unencrypted = unencrypted && errors.As(err, &op)
	switch {
	case errors.Is(err, ErrTruncated), err == io.EOF, unencrypted && alert == tlsio.CloseNotify:
		err = errHandshakeCut
	case unencrypted: // crypto/tls takes such an alert for a bad record, see UnencryptedAlert
		err = &net.OpError{Op: "remote error", Err: alert}
	case errors.As(err, &header) && header.Conn != nil: // crypto/tls sets Conn only at the first record
		err = t.notTLSError(header)
	}
	c.Fail(opError("tls handshake", c.network(), c.RemoteAddr(), quote.Error(err))) // it may have names of a certificate
}

// notTLSError returns the error for a peer whose first bytes are not a TLS record. If a client has
// sent an HTTP request, it gets a status 400 that says what is wrong.
func (t *tlsTransport) notTLSError(header tls.RecordHeaderError) error {
	first := header.RecordHeader[:]
	if t.c.role == roleClient {
		return fmt.Errorf("the server does not speak TLS on this port, its first bytes are %q: %w", first, header)
	}
	if !looksLikeHTTP(first) {
		return fmt.Errorf("the client does not speak TLS, its first bytes are %q: %w", first, header)
	}
	t.out.Reset() // an HTTP client would not understand the alert
	t.out.AppendString("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS: use https:// or wss://.\n")
	return fmt.Errorf("the client sent plain HTTP to a TLS port: %w", header)
}

// looksLikeHTTP reports whether the peer's first five bytes begin an HTTP request.
func looksLikeHTTP(first []byte) bool {
	switch string(first) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "CONNE":
		return true
	}
	return false
}
