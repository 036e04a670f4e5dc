package reactor

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

var (
	// ErrTruncated is in EvError's data when the peer's stream ended without
	// close_notify: what it sent last may be missing [RFC 8446 6.1]. It wraps
	// io.ErrUnexpectedEOF.
	ErrTruncated = tlsio.ErrTruncated
	// ErrTLSStarted is EvError's data if StartTLS is called on a connection whose
	// handshake has begun.
	ErrTLSStarted = errors.New("reactor: StartTLS on a connection that has TLS already")
	// ErrNoCertificate is EvError's data on a server's connection, or on a listener,
	// whose Config can present no certificate, or that has no Config.
	ErrNoCertificate = errors.New("reactor: TLS server without a certificate: StartTLS on the listener, or at EvAccept, gives it one")
	errNoTLSDatagram = errors.New("reactor: StartTLS on a datagram socket")
)

// StartTLS puts TLS between the connection and its socket (mg_tls_init). Called at
// EvConnect or EvAccept, or before, nothing has been sent or received in the clear. Called
// later, as protocols with a STARTTLS command do, what lies in Send leaves encrypted, and
// what was not consumed from Recv is input of the handshake. EvTLSHS comes when the
// handshake has succeeded, EvError if it fails. What is written before EvTLSHS is sent
// after it.
//
// An alert of the peer is in EvError's data as crypto/tls has it, a *net.OpError with Op
// "remote error". During the handshake it may have come in the clear, and is a
// tls.AlertError then; that is how TLS 1.3 clients refuse a certificate, and anybody on
// the way can forge it.
//
// On a listener cfg is for the connections that it accepts from now on; another call
// gives later ones another Config. (GetCertificate replaces a certificate without that.) A
// connection of a tls:// URL whose handler does not call StartTLS starts by itself after
// EvConnect, with a nil cfg.
//
// A connection made by Connect is the client, others are servers. cfg is copied, nil means
// an empty one. A client's ServerName, if empty, is the host of the URL, as long as
// StartTLS is called no later than at EvConnect. Its callbacks run while the loop waits for
// them, on another goroutine, and may do what handlers may. The keys of session tickets
// stay those of cfg itself: sessions are resumed between all that were given it. A client's
// must have a ClientSessionCache for that. Renegotiation is refused whatever cfg says.
//
// What cannot be started fails the connection: no byte leaves in the clear.
func (c *Conn) StartTLS(cfg *tls.Config) {
	c.mgr.own()
	switch {
	case c.life == closed:
		return
	case c.isDatagram():
		c.Fail(errNoTLSDatagram)
		return
	case c.accepts():
		if !presents(cfg) {
			c.Fail(ErrNoCertificate)
			return
		}
		c.ext.accept.secure(harden(cfg))
		return
	}
	t := c.planTLS()
	if t.phase != tlsPlanned {
		c.Fail(ErrTLSStarted)
		return
	}
	t.cfg = harden(cfg)
	if c.dialling() {
		return
	}
	t.early = append(t.early, c.Recv.Bytes()...)
	c.Recv.Reset()
	c.startClock(clockTLS)
	if t.pending() {
		c.wantInput()
	}
	c.mark()
}

// planTLS makes the connection one of TLS.
func (c *Conn) planTLS() *tlsTransport {
	if t, ok := c.extra().transport.(*tlsTransport); ok {
		return t
	}
	t := &tlsTransport{c: c, group: &c.mgr.admission.others}
	t.out.owner = c
	c.ext.transport = t
	if d := c.ext.dial; d != nil {
		t.host = d.url.Host
	}
	return t
}

// tlsConfig is a Config of ours. What a listener accepts shares the listener's.
type tlsConfig struct {
	*tls.Config
	named *tls.Config // the same with the name of a layer's protocol
}

// harden copies a Config and sets what the loop depends on.
func harden(cfg *tls.Config) *tlsConfig {
	if cfg == nil {
		return &tlsConfig{Config: &tls.Config{}}
	}
	own := cfg.Clone()
	own.Renegotiation = tls.RenegotiateNever
	if own.WrapSession == nil && own.UnwrapSession == nil { // each copy would make keys of its own
		own.WrapSession, own.UnwrapSession = cfg.EncryptTicket, cfg.DecryptTicket
	}
	return &tlsConfig{Config: own}
}

// presents reports whether a server with that Config has a certificate.
func presents(cfg *tls.Config) bool {
	return cfg != nil && (len(cfg.Certificates) > 0 || cfg.GetCertificate != nil || cfg.GetConfigForClient != nil)
}

// config returns the Config with what it leaves to the connection.
func (t *tlsTransport) config() *tls.Config {
	c := t.c
	if t.cfg == nil {
		t.cfg = harden(nil)
	}
	if c.role == roleClient && t.cfg.ServerName == "" {
		t.cfg.ServerName, _, _ = strings.Cut(t.host, "%") // a zone means nothing to the server [RFC 6874 4]
	}
	name := c.alpn()
	if t.cfg.NextProtos != nil || name == "" {
		return t.cfg.Config
	}
	if t.cfg.named == nil || t.cfg.named.NextProtos[0] != name {
		t.cfg.named = t.cfg.Clone()
		t.cfg.named.NextProtos = []string{name}
	}
	return t.cfg.named
}

// IsTLS reports whether the connection is, or is to be, encrypted; of a listener, the
// connections that it accepts.
func (c *Conn) IsTLS() bool {
	if c.accepts() {
		return c.ext.accept.tls
	}
	return c.tls() != nil
}

// tls returns the connection's TLS, nil without.
func (c *Conn) tls() *tlsTransport {
	if c.ext == nil {
		return nil
	}
	t, _ := c.ext.transport.(*tlsTransport)
	return t
}

// TLS returns a copy of the state of the connection's TLS, the certificates of the peer
// among it; nil before EvTLSHS, after EvClose, and without TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	t := c.tls()
	if t == nil || t.stream == nil {
		return nil
	}
	return t.stream.State()
}
