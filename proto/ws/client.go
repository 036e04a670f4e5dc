package ws

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// clientHandshake is a client's side of the opening handshake.
type clientHandshake struct {
	request   []byte // what is sent at EvConnect, without extensions and the empty line
	accept    string // what the server's Sec-WebSocket-Accept must be
	protocols []string
	parser    http.Parser
	answer    http.Message
}

// Connect opens a WebSocket to ws://host[:port][/path][?query], or with TLS to
// wss://…, see reactor's Conn.StartTLS. User and password in the URL are sent as
// HTTP Basic credentials. headers are further lines of the request,
// "Name: value\r\n" each, such as "Sec-WebSocket-Protocol: mqtt\r\n". Those that the
// handshake itself sends are refused. opts is one *Options at most.
//
// Bad arguments are errors at once. The handler hears what it hears after
// reactor.Manager.Connect, then EvWSOpen with the server's answer, an
// *http.Message, or EvError. fn may be nil if layers do all the work.
func Connect(m *reactor.Manager, url string, fn reactor.Handler, fnData any, headers string,
	opts ...*Options) (*reactor.Conn, error) {
	o, err := one("Connect", opts)
	if err != nil {
		return nil, err
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	transport := map[string]string{"ws": "tcp", "wss": "tls"}[u.Scheme]
	if transport == "" {
		return nil, fmt.Errorf("ws: bad URL %q: want ws:// or wss://", u.Redacted())
	}
	if strings.Contains(url, "#") { // [RFC 6455 3]
		return nil, fmt.Errorf("ws: bad URL %q: it has a fragment", u.Redacted())
	}
	if u.Host == "" {
		return nil, fmt.Errorf("ws: bad URL %q: no host", u.Redacted())
	}
	if strings.Contains(u.User, ":") { // it would be another user's [RFC 7617 2]
		return nil, fmt.Errorf("ws: bad URL %q: colon in the user name", u.Redacted())
	}
	protocols, err := o.valid(headers)
	if err != nil {
		return nil, err
	}
	defaultPort := uint16(80) // [RFC 6455 3]
	if transport == "tls" {
		defaultPort = 443
	}
	h := newClientHandshake(u, hostHeader(u, defaultPort), headers, protocols)
	var request http.Message
	if _, err := http.ParseHead(append(h.request, "\r\n"...), &request, http.Limits{Head: len(h.request) + 3}); err != nil {
		return nil, fmt.Errorf("ws: bad URL %q: it makes no legal request: %w", u.Redacted(), err)
	}
	c, err := m.Connect(u.Socket(transport, defaultPort), fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(&layer{opts: o, extras: &extras{handshake: h}})
	return c, nil
}

// hostHeader leaves the port out if it is the scheme's own [RFC 6455 4.1],
// and the zone of an address, which means nothing to the server [RFC 6874 4].
func hostHeader(u reactor.URL, defaultPort uint16) string {
	u.Host, _, _ = strings.Cut(u.Host, "%")
	if u.HasPort && u.Port != defaultPort {
		return u.HostPort()
	}
	if strings.Contains(u.Host, ":") {
		return "[" + u.Host + "]"
	}
	return u.Host
}

// newClientHandshake writes the request [RFC 6455 4.1].
func newClientHandshake(u reactor.URL, host, headers string, protocols []string) *clientHandshake {
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	target := u.Path
	if target == "" {
		target = "/"
	}
	if u.RawQuery != "" {
		target += "?" + u.RawQuery
	}
	r := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n"
	if (u.User != "" || u.HasPassword) && !hasHeader(headers, "Authorization") {
		r += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User+":"+u.Password)) + "\r\n"
	}
	return &clientHandshake{
		request:   []byte(r + headers),
		accept:    string(appendAccept(nil, []byte(key))),
		protocols: protocols,
		parser:    http.Parser{Response: true, Method: "GET"},
	}
}

func hasHeader(headers, name string) (found bool) {
	http.EachHeader(headers, func(n, _ string) error {
		found = found || strings.EqualFold(n, name)
		return nil
	})
	return found
}

// ask sends the request, before whatever the program has put into Send.
func (h *clientHandshake) ask(c *reactor.Conn, extensions string) {
	c.Stack().SetHandshaking(true)
	c.Send.Insert(0, []byte(extensions+"\r\n"))
	c.Send.Insert(0, h.request)
	h.request = nil
}

// finishHandshake reads the server's answer and reports whether frames follow.
func (l *layer) finishHandshake(c *reactor.Conn) bool {
	if c.Stopped() {
		return false
	}
	h := l.extras.handshake
	n, err := h.parser.ParseHead(c.Recv.Bytes(), &h.answer)
	for err == nil && h.answer.Status < 200 && h.answer.Status != 101 { // interim [RFC 9110 15.2]
		c.Recv.Consume(n)
		h.parser.Reset()
		n, err = h.parser.ParseHead(c.Recv.Bytes(), &h.answer)
	}
	if errors.Is(err, http.ErrIncomplete) {
		return false
	}
	switch {
	case err == nil:
		err = h.check(c, l, c.Recv.Bytes()[n:])
	case !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()):
		err = errors.New("ws: handshake: the server speaks TLS on this port: use wss://")
	default:
		err = fmt.Errorf("ws: handshake: %w", err)
	}
	if err != nil {
		l.state = done
		c.Fail(err)
		return false
	}
	if l.extras.handshake = nil; l.extras.deflate == nil {
		l.extras = nil
	}
	c.Stack().SetHandshaking(false)
	c.Recv.Consume(n)
	l.opened(c, &h.answer)
	return true
}

// check holds the answer against the letter of RFC 6455 section 4.1. body is what
// has come behind its head.
func (h *clientHandshake) check(c *reactor.Conn, l *layer, body []byte) error {
	m := &h.answer
	bad := func(header, format string, args ...any) error {
		return &HandshakeError{Status: m.Status, Header: header, Reason: fmt.Sprintf(format, args...)}
	}
	if m.Status != 101 {
		reason := "server answered " + strconv.Itoa(m.Status) + " " + string(m.Reason)
		if to := m.Header("Location"); to != nil {
			reason += " (Location: " + string(to) + ")"
		}
		if why := firstLine(m, body); why != "" {
			reason += fmt.Sprintf(": %q", why)
		}
		return bad("", "%s", strings.TrimSpace(reason))
	}
	if !m.HasToken("Upgrade", "websocket") {
		return bad("Upgrade", "Upgrade header of the answer is %q, not websocket", m.Header("Upgrade"))
	}
	if !m.HasToken("Connection", "Upgrade") {
		return bad("Connection", "Connection header of the answer is %q, without the token Upgrade", m.Header("Connection"))
	}
	switch accept, n := only(m, "Sec-WebSocket-Accept"); {
	case n == 0:
		return bad("Sec-WebSocket-Accept", "answer has no Sec-WebSocket-Accept header")
	case n > 1:
		return bad("Sec-WebSocket-Accept", "answer has %d Sec-WebSocket-Accept headers", n)
	case string(accept) != h.accept:
		return bad("Sec-WebSocket-Accept", "Sec-WebSocket-Accept of the answer is %q, want %q", accept, h.accept)
	}
	if err := l.agree(c, m); err != nil {
		return bad("Sec-WebSocket-Extensions", "%v", err)
	}
	switch protocol, n := only(m, "Sec-WebSocket-Protocol"); {
	case n > 1:
		return bad("Sec-WebSocket-Protocol", "answer has %d Sec-WebSocket-Protocol headers", n)
	case n == 1 && !slices.Contains(h.protocols, string(protocol)):
		return bad("Sec-WebSocket-Protocol", "server chose subprotocol %q, offered were %q", protocol, h.protocols)
	}
	return nil
}

// firstLine returns how a refusal in plain text begins, for a person to read.
func firstLine(m *http.Message, body []byte) string {
	if !strings.HasPrefix(string(m.Header("Content-Type")), "text/plain") || m.Header("Transfer-Encoding") != nil {
		return ""
	}
	line, _, _ := bytes.Cut(body[:min(len(body), 120)], []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// only returns the value of a header that should appear once, as it lies in the
// message, and how often it does.
func only(m *http.Message, name string) (value []byte, n int) {
	for _, h := range m.Headers {
		if strings.EqualFold(string(h.Name), name) {
			value = h.Value
			n++
		}
	}
	return value, n
}
