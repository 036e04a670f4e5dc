package nethttp

import (
	"context"
	"errors"
	"net"
	stdhttp "net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// newRequest makes the Request of a message, without body and context. It copies what it needs. The
// error says what net/http's server refuses and the HTTP layer does not: a bad target or trailer.
func newRequest(c *reactor.Conn, p *peer, hm *http.Message) (r stdhttp.Request, err error) {
	line, lines, _ := strings.Cut(string(hm.Head), "\r\n") // the strings of the Request are parts of it
	method, rest, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(rest, " ")
	r = stdhttp.Request{
		Method:     method,
		RequestURI: target,
		Proto:      proto,
		ProtoMajor: 1,
		RemoteAddr: p.name,
		TLS:        c.TLS(),
		Body:       stdhttp.NoBody,
	}
	var host string
	if r.Header, host = header(lines, len(hm.Headers)); host != string(hm.Host()) {
		host = string(hm.Host()) // that of the target
	}
	r.Host = host
	if r.Proto != "HTTP/1.0" {
		r.ProtoMinor = 1
	}
	if r.URL, err = parseTarget(r.Method, r.RequestURI); err != nil {
		return r, err
	}
	connection := strings.Join(r.Header["Connection"], ",")
	r.Close = hasToken(connection, "close") || r.ProtoMinor == 0 && !hasToken(connection, "keep-alive")
	return r, setLength(&r)
}

// parseTarget parses the target as net/http does. That of CONNECT is host:port.
func parseTarget(method, target string) (*url.URL, error) {
	authority := method == "CONNECT" && !strings.HasPrefix(target, "/")
	if authority {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err // without the target, which the client knows
		}
		return nil, err
	}
	if authority {
		u.Scheme = ""
	}
	return u, nil
}

// header returns the n header lines of a message with canonical names, without Host, whose value it
// returns as well. The HTTP layer has checked the lines.
func header(lines string, n int) (h stdhttp.Header, host string) {
	h = make(stdhttp.Header, n)
	values := make([]string, n) // the values of all lines
	for i := range values {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(name), textproto.TrimString(value)
		if name == "Host" {
			host = value
			continue
		}
		values[i] = value
		if before := h[name]; before != nil {
			h[name] = append(before, value)
		} else {
			h[name] = values[i : i+1 : i+1]
		}
	}
	if p := h["Pragma"]; len(p) > 0 && p[0] == "no-cache" && h["Cache-Control"] == nil { // [RFC 9111 5.4]
		h["Cache-Control"] = []string{"no-cache"}
	}
	return h, host
}

// setLength sets ContentLength, TransferEncoding and Trailer from the header lines, which the HTTP
// layer has checked. It removes those that describe the framing.
func setLength(r *stdhttp.Request) error {
	if _, chunked := r.Header["Transfer-Encoding"]; chunked {
		delete(r.Header, "Transfer-Encoding")
		delete(r.Header, "Content-Length")
		r.TransferEncoding = []string{"chunked"}
		r.ContentLength = -1
		return setTrailer(r)
	}
	if n := r.Header.Get("Content-Length"); n != "" {
		r.ContentLength, _ = strconv.ParseInt(n, 10, 64)
	}
	return nil
}

// setTrailer sets Trailer: the names that the client has announced.
func setTrailer(r *stdhttp.Request) error {
	lines := r.Header["Trailer"]
	delete(r.Header, "Trailer")
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = stdhttp.CanonicalHeaderKey(textproto.TrimString(name))
			switch name {
			case "":
				continue
			case "Transfer-Encoding", "Trailer", "Content-Length": // never trailers [RFC 9110 6.5.1]
				return errors.New("bad trailer " + name)
			}
			if r.Trailer == nil {
				r.Trailer = stdhttp.Header{}
			}
			r.Trailer[name] = nil
		}
	}
	return nil
}

// hasToken reports whether token is a member of the comma-separated list, without regard to case.
func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(textproto.TrimString(item), token) {
			return true
		}
	}
	return false
}

// requestContext adds to a context what net/http's server puts there. That does not allocate.
type requestContext struct {
	context.Context
	x *exchange
}

// Value implements context.Context.
func (c *requestContext) Value(key any) any {
	switch key {
	case stdhttp.ServerContextKey:
		return c.x.b.server
	case stdhttp.LocalAddrContextKey:
		return c.x.peer.local
	}
	return c.Context.Value(key)
}

// setContext sets the request, with its context. cancel ends the context.
func (x *exchange) setContext(r stdhttp.Request) {
	x.ctx = requestContext{context.Background(), x}
	if x.b.opts.BaseContext != nil {
		x.ctx.Context = x.b.opts.BaseContext(x.c)
	}
	var ctx context.Context
	ctx, x.cancel = context.WithCancel(&x.ctx)
	x.req = r.WithContext(ctx)
}

// peer is what a Bridge keeps for a connection, so that a request need not make it again. It is a
// layer that handles nothing.
type peer struct {
	remote, local net.Addr
	name          string // of remote
}

// Handle implements [reactor.Protocol].
func (*peer) Handle(*reactor.Conn, reactor.Event, any) {}

// peerOf returns the peer of a connection.
func peerOf(c *reactor.Conn) *peer {
	p, ok := reactor.Find[*peer](c)
	if !ok {
		p = &peer{remote: remoteAddr(c), local: localAddr(c)}
		p.name = p.remote.String()
		c.Stack().Push(p)
	}
	return p
}

func remoteAddr(c *reactor.Conn) net.Addr {
	if a := c.RemoteAddr(); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return unnamed
}

func localAddr(c *reactor.Conn) net.Addr {
	if a := c.LocalAddr(); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return unnamed
}

// unnamed is the address of a UNIX-domain socket. Its text is what net/http has for clients, which
// have no name.
var unnamed = &net.UnixAddr{Net: "unix", Name: "@"}
