package ws

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Upgrade answers a client's opening handshake, in the handler of EvHTTPMsg,
// and turns the connection into a WebSocket: EvWSOpen is raised before Upgrade
// returns. headers are further lines of the answer, "Name: value\r\n" each; a
// Sec-WebSocket-Protocol among them must be one that the client offered. opts is
// one *Options at most.
//
// A request that is no proper handshake, or that Options refuse, is answered
// with the status that says so, and a *HandshakeError returned; the connection
// stays HTTP. The same goes for a subprotocol that was not offered. What else
// Options.Check returns is answered as it says. Nothing is
// answered if headers are malformed or the handshake's own, if hm is nil, or if no
// request waits for an answer (the errors of http.Waiting).
//
// The error wraps its cause, see errors.Is and errors.As. One that the program does
// not look at is logged once, at level Warn, unless it is reactor.ErrClosed.
func Upgrade(c *reactor.Conn, hm *http.Message, headers string, opts ...*Options) error {
	o, err := one("Upgrade", opts)
	switch {
	case err != nil:
		return err
	case hm == nil:
		return errors.New("ws: Upgrade without the *http.Message of a request")
	}
	err = o.upgrade(c, hm, headers)
	if err == reactor.ErrClosed { // the program is told so by EvClose
		return err
	}
	return c.Stack().Report(err)
}

// upgrade is Upgrade with these options.
func (o *Options) upgrade(c *reactor.Conn, hm *http.Message, headers string) error {
	headers += o.Headers
	protocols, err := o.valid(headers)
	if err != nil {
		return err
	}
	if err := http.Waiting(c); err != nil {
		return err
	}
	d, extensions, err := o.check(c, hm, protocols)
	if err != nil {
		if http.Waiting(c) == nil { // Check has not answered by itself
			refuse(c, err)
		}
		return err
	}
	l := &layer{opts: o, busy: true} // no frame comes before EvWSOpen is over
	s := &c.Send
	s.AppendString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	s.Grow(64)
	s.Append(appendAccept(s.AvailableBuffer(), hm.Header("Sec-WebSocket-Key")))
	if len(protocols) == 0 {
		if p := o.choose(hm); p != "" {
			s.AppendString("\r\nSec-WebSocket-Protocol: ")
			s.AppendString(p)
		}
	}
	if d != nil {
		l.extras = &extras{deflate: d}
		s.AppendString("\r\nSec-WebSocket-Extensions: ")
		s.AppendString(extensions)
	}
	s.AppendString("\r\n")
	s.AppendString(headers)
	s.AppendString("\r\n")
	under, _ := http.Layer(c) // there is one, a request of its waits
	c.Stack().Replace(under, l)
	l.opened(c, hm)
	l.busy = false
	return nil
}

// check says why a request is not agreed to, or what is agreed about extensions.
// protocols are those that the answer is to name.
func (o *Options) check(c *reactor.Conn, hm *http.Message, protocols []string) (d *deflation, extensions string, err error) {
	if e := checkRequest(hm); e != nil {
		return nil, "", e
	}
	if len(protocols) > 1 || len(protocols) == 1 && !Offers(hm, protocols[0]) {
		return nil, "", &HandshakeError{400, "Sec-WebSocket-Protocol", "subprotocol " + strings.Join(protocols, ", ") + " was not offered"}
	}
	if o.CheckOrigin != nil && !o.CheckOrigin(hm) {
		return nil, "", &HandshakeError{403, "Origin", "requests from origin " + string(hm.Header("Origin")) + " are not taken"}
	}
	if o.Check != nil {
		if err := o.Check(c, hm); err != nil {
			return nil, "", err
		}
		if err := http.Waiting(c); err != nil { // it has answered
			return nil, "", err
		}
	}
	if d, extensions, err = o.negotiate(c, hm); err != nil {
		return nil, "", &HandshakeError{400, "Sec-WebSocket-Extensions", err.Error()}
	}
	return d, extensions, nil
}

// choose returns the first of the server's subprotocols that the client offers,
// "" if there is none.
func (o *Options) choose(hm *http.Message) string {
	for _, p := range o.Protocols {
		if Offers(hm, p) {
			return p
		}
	}
	return ""
}

// Offers reports whether a handshake request offers the subprotocol. The
// names are compared with regard to case [RFC 6455 4.2.2]. It panics if hm is nil.
func Offers(hm *http.Message, protocol string) bool {
	if hm == nil {
		panic("ws: Offers of a nil Message")
	}
	for _, h := range hm.Headers {
		if strings.EqualFold(string(h.Name), "Sec-WebSocket-Protocol") {
			names := bytes.Split(h.Value, []byte(","))
			if slices.ContainsFunc(names, func(n []byte) bool { return string(bytes.Trim(n, " \t")) == protocol }) {
				return true
			}
		}
	}
	return false
}

// SameOrigin reports whether a request comes from a page of the server's own, or
// from no page at all: its Origin is absent, or names the host and port of its
// Host [RFC 6455 4.1, 10.2]. It is for Options.CheckOrigin, and panics if hm is nil.
func SameOrigin(hm *http.Message) bool {
	if hm == nil {
		panic("ws: SameOrigin of a nil Message")
	}
	origin, n := only(hm, "Origin")
	if n == 0 {
		return true
	}
	u, err := reactor.ParseURL(string(origin))
	if n > 1 || err != nil {
		return false
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	withPort := func(hostPort string) string {
		if _, _, err := net.SplitHostPort(hostPort); err != nil {
			return strings.ToLower(hostPort) + ":" + port
		}
		return strings.ToLower(hostPort)
	}
	_, from, _ := strings.Cut(string(origin), "://")
	return port != "" && withPort(from) == withPort(string(hm.Header("Host")))
}

// checkRequest holds a request against the letter of RFC 6455 section 4.2.1.
func checkRequest(hm *http.Message) *HandshakeError {
	key, keys := only(hm, "Sec-WebSocket-Key")
	version, versions := only(hm, "Sec-WebSocket-Version")
	switch {
	case string(hm.Method) != "GET":
		return &HandshakeError{405, "", "method is " + string(hm.Method) + ", not GET"}
	case string(hm.Proto) == "HTTP/1.0":
		return &HandshakeError{505, "", "request is HTTP/1.0"}
	case !hm.HasToken("Upgrade", "websocket"):
		return &HandshakeError{426, "Upgrade", "request is not for a WebSocket: no Upgrade: websocket"}
	case !hm.HasToken("Connection", "Upgrade"):
		return &HandshakeError{400, "Connection", "Connection header lacks the token Upgrade"}
	case hm.Header("Transfer-Encoding") != nil || len(hm.Body) > 0 || strings.Trim(string(hm.Header("Content-Length")), "0") != "":
		return &HandshakeError{400, "Content-Length", "request has a body"} // frames would begin behind it
	case versions != 1 || string(version) != "13":
		return &HandshakeError{426, "Sec-WebSocket-Version", "Sec-WebSocket-Version is not 13"}
	case keys != 1 || !validKey(key):
		return &HandshakeError{400, "Sec-WebSocket-Key", "Sec-WebSocket-Key is not one value of 16 bytes in base64"}
	}
	return nil
}

// refuse answers with an error's status, or, if it has none that can be answered
// with, with one that does not tell the client what the program says to itself.
func refuse(c *reactor.Conn, err error) {
	headers := "Content-Type: text/plain\r\n"
	e := new(HandshakeError)
	errors.As(err, &e)
	switch e.Status {
	case 405:
		headers += "Allow: GET\r\n"
	case 426: // [RFC 6455 4.4, RFC 9110 7.8]
		headers += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	}
	if err := http.Reply(c, e.Status, headers, "%s\n", e.Reason); errors.Unwrap(err) != nil { // no status to answer with; unwrapped, the error is not logged
		http.Reply(c, 403, headers+"Connection: close\r\n", "refused\n")
	}
}
