package proxy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// maxAnswer is how many bytes the header of a proxy's answer may have.
const maxAnswer = 16 << 10

// A ConnectError is the cause of EvError if an HTTP proxy refuses a tunnel.
type ConnectError struct {
	Target string // host and port that the proxy was asked for
	Status int    // such as 407 if it wants credentials, or 502
	Reason string // reason phrase, made printable and cut
	Asked  string // Proxy-Authenticate of a 407, made printable and cut
	Sent   bool   // credentials were sent
}

func (e *ConnectError) Error() string {
	text := "proxy: CONNECT " + e.Target + ": the proxy answers " + strconv.Itoa(e.Status)
	if e.Reason != "" {
		text += " " + e.Reason
	}
	if e.Status != 407 { // Proxy Authentication Required [RFC 9110 15.5.8]
		return text
	}
	if e.Sent {
		text += ": it does not accept the user and password of the proxy's URL"
	} else {
		text += ": it wants a user and password, and the proxy's URL has none"
	}
	if e.Asked != "" {
		text += " (it asks for " + e.Asked + ")"
	}
	return text
}

// connect is the Opening of CONNECT.
type connect struct {
	target  string
	request []byte // nil once it is sent
	sent    bool   // it has credentials
	parser  http.Parser
	answer  http.Message
}

// newConnect returns a function that makes the Opening for one connection.
func newConnect(u, target reactor.URL) (func() reactor.Opening, error) {
	if strings.Contains(u.User, ":") { // the colon would end the user name [RFC 7617 2]
		return nil, fmt.Errorf("proxy: bad URL %q: a colon in the user name is not allowed", withoutUser(u))
	}
	at := target.HostPort()
	r := "CONNECT " + at + " HTTP/1.1\r\nHost: " + at + "\r\n" // [RFC 9110 9.3.6]
	sent := u.User != "" || u.HasPassword
	if sent {
		r += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User+":"+u.Password)) + "\r\n"
	}
	r += "\r\n"
	return func() reactor.Opening {
		return &connect{target: at, request: []byte(r), sent: sent,
			parser: http.Parser{Response: true, Method: "CONNECT", Limits: http.Limits{Head: maxAnswer}}}
	}, nil
}

// Step implements reactor.Opening.
func (o *connect) Step() string { return "proxy: CONNECT " + o.target + ": answer of the proxy" }

// Advance implements reactor.Opening. What follows the header of a 2xx answer belongs to the
// tunnel, whatever the header says about a body [RFC 9110 9.3.6].
func (o *connect) Advance(_ *reactor.Conn, in []byte) (used int, out []byte, done bool, err error) {
	if o.request != nil {
		out, o.request = o.request, nil
		return 0, out, false, nil
	}
	if len(in) == 0 {
		return 0, nil, false, nil
	}
	n, err := o.parser.ParseHead(in, &o.answer)
	switch {
	case errors.Is(err, http.ErrIncomplete):
		return 0, nil, false, nil
	case err != nil && reactor.LooksLikeTLS(in):
		return 0, nil, false, fmt.Errorf("%s: it speaks TLS on this port", o.Step())
	case err != nil:
		return 0, nil, false, fmt.Errorf("%s: %w", o.Step(), err)
	}
	switch status := o.answer.Status; {
	case status < 200 && status != 101: // interim [RFC 9110 15.2]
		o.parser.Reset()
		return n, nil, false, nil
	case status >= 200 && status < 300:
		return n, nil, true, nil
	}
	e := &ConnectError{Target: o.target, Status: o.answer.Status, Reason: quote.Text(string(o.answer.Reason), quote.MaxCut), Sent: o.sent}
	if e.Status == 407 {
		e.Asked = quote.Text(string(o.answer.Header("Proxy-Authenticate")), quote.MaxCut)
	}
	return n, nil, false, e
}
