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

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// clientHandshake is the state of a client during the opening handshake.
type clientHandshake struct {
	socket    string // URL of the socket
	request   []byte // the request without its end: sendRequest adds extensions and an empty line
	accept    string // the Sec-WebSocket-Accept that the server must send
	protocols []string
	parser    http.Parser
	response  http.Message
}

// Connect opens a WebSocket to ws://host[:port][/path][?query], or to wss://… with TLS (see
// reactor.Conn.StartTLS). A user and a password in the URL are sent as HTTP Basic
// credentials. headers are additional lines of the request, "Name: value\r\n" each, such as
// "Sec-WebSocket-Protocol: mqtt\r\n". A Host line replaces the one that the URL would give.
// Other headers that the handshake itself sends are not allowed, nor are Content-Length and
// Transfer-Encoding. opts is one *Options or none.
//
// unix:///path connects to a UNIX-domain socket, and asks for the path / of the host localhost. To
// ask for another one over such a socket, or to use a proxy, call Conn.SetDialURL or proxy.Dial on
// the connection of a ws:// URL.
//
// Connect returns an error for invalid arguments. The handler gets the events of
// reactor.Manager.Connect, then EvWSOpen or EvError. The data of EvWSOpen is the server's
// response, an *http.Message. fn may be nil if other layers handle the events.
func Connect(m *reactor.Manager, url string, fn reactor.Handler, fnData any, headers string,
	opts ...*Options) (*reactor.Conn, error) {
	h, o, err := prepare(url, headers, opts)
	if err != nil {
		return nil, err
	}
	c, err := m.Connect(h.socket, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(&layer{common: shared(c).with(o), extras: &extras{handshake: h}})
	return c, nil
}

// CheckConnect returns the error that Connect would return for these arguments, without making a
// connection. It is for programs that connect later, and again and again.
func CheckConnect(url, headers string, opts ...*Options) error {
	_, _, err := prepare(url, headers, opts)
	return err
}

// prepare checks the arguments of Connect, and returns the handshake.
func prepare(url, headers string, opts []*Options) (*clientHandshake, *Options, error) {
	o, err := oneOptions("Connect", opts)
	if err != nil {
		return nil, nil, err
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	bad := func(why string) (*clientHandshake, *Options, error) {
		return nil, nil, fmt.Errorf("ws: bad URL %q: %s", u.Redacted(), why)
	}
	transport := map[string]string{"ws": "tcp", "wss": "tls", "unix": "unix"}[u.Scheme]
	switch {
	case transport == "":
		return bad("want scheme ws://, wss:// or unix://")
	case strings.Contains(url, "#"): // [RFC 6455 3]
		return bad("a fragment (#...) is not allowed")
	case transport == "unix" && u.RawQuery != "":
		return bad("a unix URL takes no query")
	case transport == "unix":
		u = reactor.URL{Scheme: "unix", Host: "localhost"}
	case u.Host == "":
		return bad("host is missing")
	case u.HasPort && u.Port == 0:
		return bad("want a port other than 0 to connect to")
	case strings.Contains(u.User, ":"): // the colon would end the user name [RFC 7617 2]
		return bad("a colon in the user name is not allowed")
	}
	host, headers, err := cutHost(headers)
	if err != nil {
		return nil, nil, err
	}
	protocols, err := o.validate(headers)
	if err != nil {
		return nil, nil, err
	}
	defaultPort := uint16(80) // [RFC 6455 3]
	if transport == "tls" {
		defaultPort = 443
	}
	if host == "" {
		host = hostHeader(u, defaultPort)
	}
	h := newClientHandshake(u, host, headers, protocols)
	if h.socket = url; transport != "unix" {
		h.socket = u.Socket(transport, defaultPort)
	}
	var request http.Message
	_, err = http.ParseHead(append(h.request, "\r\n"...), &request, http.Limits{Head: len(h.request) + 3})
	if err != nil {
		return nil, nil, fmt.Errorf("ws: bad URL %q or headers: request would be malformed: %w", u.Redacted(), err)
	}
	return h, o, nil
}

// hostHeader returns the value of Host. It leaves out the default port of the scheme
// [RFC 6455 4.1], and the zone of an address, which has no meaning for the server
// [RFC 6874 4].
func hostHeader(u reactor.URL, defaultPort uint16) string {
	u.Host, _, _ = strings.Cut(u.Host, "%")
	u.Host = u.EscapedHost()
	if u.HasPort && u.Port != defaultPort {
		return u.HostPort()
	}
	if strings.Contains(u.Host, ":") {
		return "[" + u.Host + "]"
	}
	return u.Host
}

// newClientHandshake chooses a key and writes the request [RFC 6455 4.1].
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

// sendRequest sends the request. The program may have put bytes into Send already: the request
// goes before them.
func (h *clientHandshake) sendRequest(c *reactor.Conn, extensions string) {
	c.Stack().SetHandshaking(true)
	c.Send.Insert(0, []byte(extensions+"\r\n"))
	c.Send.Insert(0, h.request)
	h.request = nil
}

// finishHandshake reads the server's response. It returns true when the handshake has
// succeeded and frames may follow.
func (l *layer) finishHandshake(c *reactor.Conn) bool {
	if c.InputStopped() {
		return false
	}
	h := l.extras.handshake
	n, err := h.parser.ParseHead(c.Recv.Bytes(), &h.response)
	for err == nil && h.response.Status < 200 && h.response.Status != 101 { // interim [RFC 9110 15.2]
		c.Recv.Consume(n)
		h.parser.Reset()
		n, err = h.parser.ParseHead(c.Recv.Bytes(), &h.response)
	}
	if errors.Is(err, http.ErrIncomplete) {
		return false
	}
	switch {
	case err == nil:
		err = h.checkResponse(c, l, c.Recv.Bytes()[n:])
	case !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()):
		err = errors.New("ws: handshake: server speaks TLS on this port: use wss://")
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
	l.opened(c, &h.response)
	return true
}

// checkResponse checks the response against RFC 6455 section 4.1. body contains the bytes that
// have arrived after the header.
func (h *clientHandshake) checkResponse(c *reactor.Conn, l *layer, body []byte) error {
	m := &h.response
	bad := func(header, format string, args ...any) error {
		return &HandshakeError{Status: m.Status, Header: header, Reason: fmt.Sprintf(format, args...)}
	}
	if m.Status != 101 {
		reason := "server answered " + strconv.Itoa(m.Status) + " " + quote.Text(string(m.Reason), quote.MaxCut)
		if to := m.Header("Location"); to != nil {
			reason += " (Location: " + quote.Text(string(to), quote.MaxCut) + ")"
		}
		if why := firstLine(m, body); why != "" {
			reason += ": " + quote.CutAt(why, maxRefusal)
		}
		return bad("", "%s", strings.TrimSpace(reason))
	}
	if !m.HasToken("Upgrade", "websocket") {
		return bad("Upgrade", "response has Upgrade %s, want websocket", quote.Cut(m.Header("Upgrade")))
	}
	if !m.HasToken("Connection", "Upgrade") {
		return bad("Connection", "response has Connection %s, want Upgrade", quote.Cut(m.Header("Connection")))
	}
	switch accept, n := singleHeader(m, "Sec-WebSocket-Accept"); {
	case n == 0:
		return bad("Sec-WebSocket-Accept", "response has no Sec-WebSocket-Accept header")
	case n > 1:
		return bad("Sec-WebSocket-Accept", "response has %d Sec-WebSocket-Accept headers, want 1", n)
	case string(accept) != h.accept:
		return bad("Sec-WebSocket-Accept", "response has Sec-WebSocket-Accept %s, want %q", quote.Cut(accept), h.accept)
	}
	if err := l.applyExtensions(c, m); err != nil {
		return bad("Sec-WebSocket-Extensions", "%v", err)
	}
	switch protocol, n := singleHeader(m, "Sec-WebSocket-Protocol"); {
	case n > 1:
		return bad("Sec-WebSocket-Protocol", "response has %d Sec-WebSocket-Protocol headers, want 1", n)
	case n == 1 && !slices.Contains(h.protocols, string(protocol)):
		return bad("Sec-WebSocket-Protocol", "server chose subprotocol %s, but %q were offered",
			quote.Cut(protocol), h.protocols)
	}
	return nil
}

// maxRefusal is how many bytes of a server's explanation an error has.
const maxRefusal = 120

// firstLine returns the first line of body for the error message, at most 120 bytes. If the
// body is not plain text, or has a transfer coding, firstLine returns "".
func firstLine(m *http.Message, body []byte) string {
	if !strings.HasPrefix(string(m.Header("Content-Type")), "text/plain") || m.Header("Transfer-Encoding") != nil {
		return ""
	}
	line, _, _ := bytes.Cut(body[:min(len(body), maxRefusal)], []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// singleHeader returns the value of a header that should appear once, and how often it
// appears. The value points into the message.
func singleHeader(m *http.Message, name string) (value []byte, n int) {
	for _, h := range m.Headers {
		if strings.EqualFold(string(h.Name), name) {
			value = h.Value
			n++
		}
	}
	return value, n
}
