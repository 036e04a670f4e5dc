package reactor

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

var (
	// ErrTruncated is the cause in EvError if the peer's stream ended without close_notify:
	// the peer's final bytes may be missing [RFC 8446 6.1]. It wraps io.ErrUnexpectedEOF.
	ErrTruncated = tlsio.ErrTruncated
	// ErrTLSStarted is the cause in EvError if StartTLS is called on a connection whose
	// handshake has begun.
	ErrTLSStarted = errors.New("reactor: StartTLS on a connection whose TLS handshake has already begun")
	// ErrNoCertificate is the cause in EvError if a server has no Config, or a Config without a
	// certificate. The event is raised on the listener or on the server's connection.
	ErrNoCertificate = errors.New("reactor: TLS server without a certificate: call StartTLS on the listener, or at EvAccept, with a Config that has one")
	errDatagramTLS   = errors.New("reactor: StartTLS on a datagram socket: DTLS is not supported")
)

// StartTLS puts TLS between the connection and its socket (mg_tls_init). A connection made by
// Connect is the client. All others are servers. EvTLSHS is raised when the handshake has
// succeeded, and EvError if it has failed. Bytes written before EvTLSHS are sent after it.
//
//	called                            effect
//	at EvConnect, EvAccept or before  all bytes are encrypted
//	later, as after STARTTLS          what is in Send is sent encrypted; what is in Recv is
//	                                  input of the handshake
//	on a listener                     connections that it accepts from now on use cfg; another
//	                                  call sets another Config for later ones
//
// If TLS cannot be started, the connection fails, and no byte is sent unencrypted. A
// connection of a tls:// URL whose handler does not call StartTLS uses TLS after EvConnect,
// with a nil cfg.
//
// cfg is copied. nil means an empty Config. Details of a Config:
//
//   - ServerName: if it is empty in a client's Config, the host of the URL is used. For this,
//     call StartTLS at EvConnect or before.
//   - Callbacks run on another goroutine while the loop waits for them. They may do what
//     handlers may do. GetCertificate can replace a certificate without another StartTLS.
//   - Session tickets: the copy uses the ticket keys of cfg. All connections and listeners that
//     were given the same cfg can resume each other's sessions. A client's Config needs a
//     ClientSessionCache for that.
//   - Renegotiation is always refused.
//
// If the peer sends an alert, EvError has crypto/tls's error, a *net.OpError with Op
// "remote error". A TLS 1.3 client that refuses the server's certificate may send its alert
// unencrypted during the handshake. The error then wraps a tls.AlertError. Anybody on the
// network can forge such an alert.
func (c *Conn) StartTLS(cfg *tls.Config) {
	c.mgr.checkOwner()
	switch {
	case c.life == closed:
		return
	case c.isDatagram():
		c.Fail(errDatagramTLS)
		return
	case c.isStreamListener():
		if !hasCertificate(cfg) {
			c.Fail(ErrNoCertificate)
			return
		}
		c.ext.accept.setTLS(ownConfig(cfg))
		return
	}
	t := c.useTLS()
	if t.phase != tlsPlanned {
		c.Fail(ErrTLSStarted)
		return
	}
	t.cfg = ownConfig(cfg)
	if c.dialing() {
		return
	}
	t.earlyInput = append(t.earlyInput, c.Recv.Bytes()...)
	c.Recv.Reset()
	c.listIdle() // in a handshake it may be idle
	c.startDeadline(deadlineTLS)
	if t.inputPending() {
		c.scheduleInput()
	}
	c.markDirty()
}

// useTLS gives the connection a tlsTransport in phase tlsPlanned, unless it has one, and
// returns it.
func (c *Conn) useTLS() *tlsTransport {
	if t, ok := c.extra().transport.(*tlsTransport); ok {
		return t
	}
	t := &tlsTransport{c: c, slotQueue: &c.mgr.admission.noListener}
	t.out.owner = c
	c.ext.transport = t
	if d := c.ext.dial; d != nil {
		t.host = d.target.Host
	}
	return t
}

// tlsConfig is the loop's copy of a program's Config. A listener and the connections that it
// accepts share one.
type tlsConfig struct {
	*tls.Config
	withALPN *tls.Config // nil, or a copy whose NextProtos are the ALPN names of a layer
}

// ownConfig copies a Config and sets what the loop depends on: no renegotiation, and session
// tickets with the keys of cfg.
func ownConfig(cfg *tls.Config) *tlsConfig {
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

// hasCertificate reports whether a server with cfg can present a certificate. cfg may be nil.
func hasCertificate(cfg *tls.Config) bool {
	return cfg != nil && (len(cfg.Certificates) > 0 || cfg.GetCertificate != nil || cfg.GetConfigForClient != nil)
}

// config returns the Config for the handshake. It fills in the ServerName of a client and the
// ALPN names of the layers, if the program has not set them.
func (t *tlsTransport) config() *tls.Config {
	c := t.c
	if t.cfg == nil {
		t.cfg = ownConfig(nil)
	}
	if c.role == roleClient && t.cfg.ServerName == "" {
		t.cfg.ServerName, _, _ = strings.Cut(t.host, "%") // an IPv6 zone has no meaning on another host [RFC 6874 4]
	}
	names := c.alpn()
	if t.cfg.NextProtos != nil || len(names) == 0 {
		return t.cfg.Config
	}
	if t.cfg.withALPN == nil || !slices.Equal(t.cfg.withALPN.NextProtos, names) {
		t.cfg.withALPN = t.cfg.Clone()
		t.cfg.withALPN.NextProtos = slices.Clone(names)
	}
	return t.cfg.withALPN
}

// IsTLS reports whether the connection uses TLS or is going to. For a listener it reports
// whether the connections that it accepts do.
func (c *Conn) IsTLS() bool {
	if c.isStreamListener() {
		return c.ext.accept.tls
	}
	return c.tls() != nil
}

// tls returns the connection's TLS transport, or nil if it has none.
func (c *Conn) tls() *tlsTransport {
	if c.ext == nil {
		return nil
	}
	t, _ := c.ext.transport.(*tlsTransport)
	return t
}

// TLS returns a copy of the connection's TLS state, which includes the peer's certificates. It
// returns nil before EvTLSHS, after EvClose, and on connections without TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	t := c.tls()
	if t == nil || t.stream == nil {
		return nil
	}
	return t.stream.State()
}
