package reactor

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"strings"
)

// tlsState is TLS between a connection's socket and its Recv and Send; on a
// listener, what those that it accepts begin with. It is the net.Conn, in memory,
// that crypto/tls reads from and writes to. docs/design.md draws the ways of the bytes.
type tlsState struct {
	c     *Conn
	cfg   *config // nil: the default of a tls:// URL
	host  string  // of the URL, for ServerName
	phase tlsPhase
	gone  bool          // the socket's end of stream was read
	bye   bool          // close_notify was sent
	half  bool          // counted among the half-open
	waits *list.Element // among those that wait to be
	conn  *tls.Conn
	shake *handshake // while it is under way
	in    []byte     // ciphertext that crypto/tls has yet to take
	place place      // of in, in a record
	out   Buffer     // ciphertext that the socket has yet to take
	err   error      // why no more plaintext comes; io.EOF after close_notify

	unheard int // plaintext in Recv, from during a pause, that no EvRead has counted
}

type tlsPhase uint8

const (
	tlsPlanned tlsPhase = iota // nothing was said yet
	tlsShaking                 // the handshake is under way
	tlsOpen                    // EvTLSHS
	tlsBroken                  // an error of crypto/tls, or an alert
)

// Negotiator is implemented by layers whose protocol has a name for ALPN
// [RFC 7301]: it is offered, or accepted, if the Config of the connection has no
// NextProtos (nil; an empty list means none). Of several layers the lowest
// counts. "" is none.
type Negotiator interface {
	ALPN() string
}

var (
	// ErrTruncated is in EvError's data when the peer's stream ended without
	// close_notify: what it sent last may be missing [RFC 8446 6.1].
	ErrTruncated error = truncated{}
	// ErrTLSStarted is EvError's data if StartTLS is called on a connection whose
	// handshake has begun.
	ErrTLSStarted = errors.New("reactor: StartTLS on a connection that has TLS already")
	// ErrNoCertificate is EvError's data on a server's connection, or on a
	// listener, whose Config can present no certificate, or that has no Config.
	ErrNoCertificate = errors.New("reactor: TLS server without a certificate: StartTLS on the listener, or at EvAccept, gives it one")
	errNoTLSDatagram = errors.New("reactor: StartTLS on a datagram socket")
)

// StartTLS puts TLS between the connection and its socket (mg_tls_init). Called
// at EvConnect or EvAccept, or before, nothing has been sent or received in the
// clear; called later, as protocols with a STARTTLS command do, what lies in
// Send leaves encrypted, and what was not consumed from Recv is input of the
// handshake. EvTLSHS comes when the handshake has succeeded, EvError if it fails.
// What is written before EvTLSHS is sent after it.
//
// An alert of the peer's is in EvError's data as crypto/tls has it, a *net.OpError
// with Op "remote error". During the handshake it may have come in the clear, and
// is a tls.AlertError then; that is how TLS 1.3 clients say that they refuse a
// certificate, and anybody on the way can forge it.
//
// On a listener cfg is for those that it accepts from now on; calling it again
// gives later ones another Config. (GetCertificate replaces a certificate
// without that.) A connection of a tls:// URL whose handler does not call
// StartTLS starts by itself after EvConnect, with a nil cfg.
//
// A connection made by Connect is the client, others are servers. cfg is copied,
// nil means an empty one. A client's ServerName, if empty, is the host of the
// URL, as long as StartTLS is called no later than at EvConnect. Its callbacks
// run while the loop waits for them, on another goroutine, and may do what handlers may.
// The keys of session tickets stay those of cfg itself: sessions are resumed between all
// that were given it.
// A client's must have a ClientSessionCache for that. Renegotiation is refused whatever
// cfg says.
//
// What cannot be started fails the connection: no byte leaves in the clear.
func (c *Conn) StartTLS(cfg *tls.Config) {
	c.mgr.own()
	t := c.tls()
	switch {
	case c.is(closed):
		return
	case c.is(packets):
		c.Fail(errNoTLSDatagram)
		return
	case c.is(listening) && !presents(cfg):
		c.Fail(ErrNoCertificate)
		return
	case t != nil && t.phase != tlsPlanned:
		c.Fail(ErrTLSStarted)
		return
	case t == nil:
		t = c.plan()
	}
	t.cfg = harden(cfg)
	if c.is(listening | connecting) {
		return
	}
	if c.Recv.Len() > 0 {
		t.in = append([]byte(nil), c.Recv.Bytes()...)
		c.Recv.Reset()
	}
	c.mark()
	c.watchHandshake()
}

// plan makes the connection one of TLS.
func (c *Conn) plan() *tlsState {
	t := &tlsState{c: c}
	t.out.owner = c
	c.extra().tls = t
	c.flags |= secure
	if d := c.ext.dial; d != nil {
		t.host = d.url.Host
	}
	if !c.is(listening | client) {
		t.enter()
	}
	return t
}

// config is a Config of ours. What a listener accepts shares the listener's.
type config struct {
	*tls.Config
	named *tls.Config // the same with the name of a layer's protocol
}

// harden copies a Config and sets what the loop depends on.
func harden(cfg *tls.Config) *config {
	if cfg == nil {
		return &config{Config: &tls.Config{}}
	}
	own := cfg.Clone()
	own.Renegotiation = tls.RenegotiateNever
	if own.WrapSession == nil && own.UnwrapSession == nil { // each copy would make keys of its own
		own.WrapSession, own.UnwrapSession = cfg.EncryptTicket, cfg.DecryptTicket
	}
	return &config{Config: own}
}

// presents reports whether a server with that Config has a certificate.
func presents(cfg *tls.Config) bool {
	return cfg != nil && (len(cfg.Certificates) > 0 || cfg.GetCertificate != nil || cfg.GetConfigForClient != nil)
}

// settleConfig returns the Config with what it leaves to the connection.
func (t *tlsState) settleConfig() *tls.Config {
	c := t.c
	if t.cfg == nil {
		t.cfg = harden(nil)
	}
	if c.is(client) && t.cfg.ServerName == "" {
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

// alpn asks the layers.
func (c *Conn) alpn() string {
	for _, p := range c.layers {
		if n, ok := p.(Negotiator); ok && n.ALPN() != "" {
			return n.ALPN()
		}
	}
	return ""
}

// tls returns the connection's, if it has one.
func (c *Conn) tls() *tlsState {
	if !c.is(secure) {
		return nil
	}
	return c.ext.tls
}

// IsTLS reports whether the connection is, or is to be, encrypted; of a
// listener, those that it accepts.
func (c *Conn) IsTLS() bool { return c.is(secure) }

// TLS returns a copy of the state of the connection's TLS, the certificates of
// the peer among it; nil before EvTLSHS, after EvClose, and without TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	t := c.tls()
	if t == nil || t.conn == nil || t.shake != nil { // while there is a coroutine it holds the locks
		return nil
	}
	s := t.conn.ConnectionState()
	if !s.HandshakeComplete {
		return nil
	}
	return &s
}

// LooksLikeTLS reports whether p, the first bytes of a peer, are a record of
// TLS, of a handshake or an alert: for protocols that want to say so.
func LooksLikeTLS(p []byte) bool {
	return len(p) >= 3 && (p[0] == recordHandshake || p[0] == recordAlert) && p[1] == 3 && p[2] <= 4
}

// The types of records that say what was meant [RFC 8446 5.1], and the alert of an
// orderly end [RFC 8446 6].
const (
	recordAlert     = 21
	recordHandshake = 22
	closeNotify     = 0
)

// truncated is ErrTruncated.
type truncated struct{}

func (truncated) Error() string { return "reactor: TLS stream ended without close_notify" }
func (truncated) Unwrap() error { return io.ErrUnexpectedEOF }
