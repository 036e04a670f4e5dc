package ws

import (
	"bytes"
	"errors"
	"strings"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Upgrade accepts a client's opening handshake and turns the connection into a WebSocket. It
// is called in the handler of EvHTTPMsg, and raises EvWSOpen before it returns. headers are
// additional lines of the response, "Name: value\r\n" each. If they contain
// Sec-WebSocket-Protocol, it must name one subprotocol that the client offered. opts is one
// *Options or none.
//
// The client gets no response in these cases: headers are malformed or not allowed, opts are
// invalid, hm is nil, or no request waits for a response (the errors of http.CheckReply).
// After other errors the client gets a response:
//
//   - *HandshakeError: the request is not a valid handshake, Options refuse it, or it did not
//     offer the subprotocol. The response has Status and Reason. The connection stays HTTP.
//   - Any other error of Options.Check: the comment of Check describes the response.
//
// The error wraps its cause; use errors.Is and errors.As. If the program does not use the
// error, it is logged once at level Warn. reactor.ErrClosed is not logged.
func Upgrade(c *reactor.Conn, hm *http.Message, headers string, opts ...*Options) error {
	o, err := oneOptions("Upgrade", opts)
	switch {
	case err != nil:
		return err
	case hm == nil:
		return errors.New("ws: Upgrade without the *http.Message of a request: pass the data of EvHTTPMsg")
	}
	err = o.upgrade(c, hm, headers)
	if err == reactor.ErrClosed { // EvClose tells the program
		return err
	}
	return c.Stack().Report(err)
}

// upgrade does the work of Upgrade.
func (o *Options) upgrade(c *reactor.Conn, hm *http.Message, headers string) error {
	headers += o.Headers
	protocols, err := o.validate(headers)
	if err != nil {
		return err
	}
	if err := http.CheckReply(c); err != nil {
		return err
	}
	d, extensions, err := o.checkHandshake(c, hm, protocols)
	if err != nil {
		if http.CheckReply(c) == nil { // Check has not responded
			respondRefused(c, err)
		}
		return err
	}
	l := &layer{common: shared(c).with(o), delivering: true} // no frame is read before EvWSOpen has returned
	s := &c.Send
	s.AppendString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	s.Grow(64)
	s.Append(appendAccept(s.AvailableBuffer(), hm.Header("Sec-WebSocket-Key")))
	if len(protocols) == 0 {
		if p := o.chooseProtocol(hm); p != "" {
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
	under, _ := http.Layer(c) // it exists, because a request waits
	c.Stack().Replace(under, l)
	l.opened(c, hm)
	l.delivering = false
	return nil
}

// checkHandshake checks a request and chooses the extensions. The error says why the request
// is refused. protocols are the subprotocols that the response will name.
func (o *Options) checkHandshake(c *reactor.Conn, hm *http.Message, protocols []string) (
	d *deflation, extensions string, err error) {
	if e := checkRequest(hm); e != nil {
		return nil, "", e
	}
	if len(protocols) > 1 || len(protocols) == 1 && !Offers(hm, protocols[0]) {
		reason := "subprotocol " + strings.Join(protocols, ", ") + " was not offered by the client"
		return nil, "", &HandshakeError{400, "Sec-WebSocket-Protocol", reason}
	}
	if !o.originAllowed(c, hm) {
		return nil, "", o.originError(c, hm)
	}
	if o.Check != nil {
		if err := o.Check(c, hm); err != nil {
			return nil, "", err
		}
		if err := http.CheckReply(c); err != nil { // Check has responded
			return nil, "", err
		}
	}
	if d, extensions, err = o.negotiateExtensions(c, hm); err != nil {
		return nil, "", &HandshakeError{400, "Sec-WebSocket-Extensions", err.Error()}
	}
	return d, extensions, nil
}

// chooseProtocol returns the first of the server's subprotocols that the client offers, or "".
func (o *Options) chooseProtocol(hm *http.Message) string {
	for _, p := range o.Protocols {
		if Offers(hm, p) {
			return p
		}
	}
	return ""
}

// Offers reports whether a handshake request offers the subprotocol. The comparison is
// case-sensitive [RFC 6455 4.2.2]. Offers panics if hm is nil.
func Offers(hm *http.Message, protocol string) bool {
	if hm == nil {
		panic("ws: Offers of a nil Message")
	}
	for _, h := range hm.Headers {
		if strings.EqualFold(string(h.Name), "Sec-WebSocket-Protocol") {
			for name := range bytes.SplitSeq(h.Value, []byte(",")) {
				if string(bytes.Trim(name, " \t")) == protocol {
					return true
				}
			}
		}
	}
	return false
}

// checkRequest checks a request against RFC 6455 section 4.2.1.
func checkRequest(hm *http.Message) *HandshakeError {
	key, keys := singleHeader(hm, "Sec-WebSocket-Key")
	version, versions := singleHeader(hm, "Sec-WebSocket-Version")
	switch {
	case string(hm.Method) != "GET":
		return &HandshakeError{405, "", "method is " + quote.Text(string(hm.Method), quote.MaxCut) + ", want GET"}
	case string(hm.Proto) == "HTTP/1.0":
		return &HandshakeError{505, "", "request is HTTP/1.0, want HTTP/1.1"}
	case !hm.HasToken("Upgrade", "websocket"):
		return &HandshakeError{426, "Upgrade", "request has no Upgrade: websocket"}
	case !hm.HasToken("Connection", "Upgrade"):
		return &HandshakeError{400, "Connection", "header Connection has no token Upgrade"}
	case hasBody(hm): // the frames would begin after the body
		return &HandshakeError{400, "Content-Length", "request has a body, want none"}
	case versions != 1 || string(version) != "13":
		return &HandshakeError{426, "Sec-WebSocket-Version", "header Sec-WebSocket-Version is not 13"}
	case keys != 1 || !validKey(key):
		return &HandshakeError{400, "Sec-WebSocket-Key", "header Sec-WebSocket-Key is not one value of 16 bytes in base64"}
	}
	return nil
}

func hasBody(hm *http.Message) bool {
	length := strings.Trim(string(hm.Header("Content-Length")), "0")
	return hm.Header("Transfer-Encoding") != nil || len(hm.Body) > 0 || length != ""
}

// respondRefused responds with the status and the reason of a *HandshakeError. For any other
// error, or a status that no response can have, it responds 403 without the error's text.
func respondRefused(c *reactor.Conn, err error) {
	headers := "Content-Type: text/plain\r\n"
	e := new(HandshakeError)
	errors.As(err, &e)
	switch e.Status {
	case 405:
		headers += "Allow: GET\r\n"
	case 426: // [RFC 6455 4.4, RFC 9110 7.8]
		headers += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	}
	err = http.Reply(c, e.Status, headers, "%s\n", e.Reason)
	if errors.Unwrap(err) != nil { // Reply refused the status; Unwrap keeps err from being logged
		http.Reply(c, 403, headers+"Connection: close\r\n", "refused\n")
	}
}
