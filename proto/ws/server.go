package ws

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Upgrade answers a client's opening handshake, in the handler of EvHTTPMsg,
// and turns the connection into a WebSocket: EvWSOpen is raised before Upgrade
// returns. headers are further lines of the answer, "Name: value\r\n" each; a
// Sec-WebSocket-Protocol among them must be one that the client offered.
//
// A request that is no proper handshake is answered with the status that
// says so, and a *HandshakeError returned; the connection stays HTTP. The
// same goes for a subprotocol that was not offered. Nothing is answered if
// headers are malformed or the handshake's own, or if no request waits for an
// answer (the errors of http.Waiting).
func Upgrade(c *reactor.Conn, hm *http.Message, headers string) error {
	protocols, err := checkExtra(headers)
	if err != nil {
		return err
	}
	if err := http.Waiting(c); err != nil {
		return err
	}
	if e := checkRequest(hm); e != nil {
		return refuse(c, e)
	}
	if len(protocols) > 1 || len(protocols) == 1 && !Offers(hm, protocols[0]) {
		return refuse(c, &HandshakeError{400, "Sec-WebSocket-Protocol",
			"subprotocol " + strings.Join(protocols, ", ") + " was not offered"})
	}
	c.Send.AppendString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	c.Send.Grow(64)
	c.Send.Append(appendAccept(c.Send.AvailableBuffer(), hm.Header("Sec-WebSocket-Key")))
	c.Send.AppendString("\r\n")
	c.Send.AppendString(headers)
	c.Send.AppendString("\r\n")
	l := &layer{state: open, limit: DefaultMaxMessage, busy: true} // no frame comes before EvWSOpen is over
	under, _ := http.Layer(c)                                      // there is one, a request of its waits
	c.Replace(under, l)
	c.Call(reactor.EvWSOpen, hm)
	l.busy = false
	return nil
}

// Offers reports whether a handshake request offers the subprotocol. The
// names are compared with regard to case [RFC 6455 4.2.2].
func Offers(hm *http.Message, protocol string) bool {
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

// refuse answers with an error's status.
func refuse(c *reactor.Conn, e *HandshakeError) error {
	headers := "Content-Type: text/plain\r\n"
	switch e.Status {
	case 405:
		headers += "Allow: GET\r\n"
	case 426: // [RFC 6455 4.4, RFC 9110 7.8]
		headers += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	}
	if err := http.Reply(c, e.Status, headers, "%s\n", e.Reason); err != nil {
		return err
	}
	return e
}
