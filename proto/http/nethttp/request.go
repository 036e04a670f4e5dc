package nethttp

import (
	"bytes"
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
func newRequest(c *reactor.Conn, hm *http.Message) (*stdhttp.Request, error) {
	r := &stdhttp.Request{
		Method:     string(hm.Method),
		RequestURI: target(hm.Head),
		Proto:      string(hm.Proto),
		ProtoMajor: 1,
		Host:       string(hm.Host()),
		RemoteAddr: remoteAddr(c).String(),
		Header:     header(hm),
		TLS:        c.TLS(),
		Body:       stdhttp.NoBody,
	}
	if r.Proto != "HTTP/1.0" {
		r.ProtoMinor = 1
	}
	var err error
	if r.URL, err = parseTarget(r.Method, r.RequestURI); err != nil {
		return nil, err
	}
	connection := strings.Join(r.Header["Connection"], ",")
	r.Close = hasToken(connection, "close") || r.ProtoMinor == 0 && !hasToken(connection, "keep-alive")
	return r, setLength(r)
}

// target returns the request target as it was sent, from the first line of the header.
func target(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	_, rest, _ := bytes.Cut(line, []byte(" "))
	uri, _, _ := bytes.Cut(rest, []byte(" "))
	return string(uri)
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

// header returns the header lines with canonical names, without Host.
func header(hm *http.Message) stdhttp.Header {
	h := make(stdhttp.Header, len(hm.Headers))
	values := make([]string, len(hm.Headers)) // the values of all lines
	for i := range hm.Headers {
		name := textproto.CanonicalMIMEHeaderKey(string(hm.Headers[i].Name))
		if name == "Host" {
			continue
		}
		values[i] = string(hm.Headers[i].Value)
		if before := h[name]; before != nil {
			h[name] = append(before, values[i])
		} else {
			h[name] = values[i : i+1 : i+1]
		}
	}
	if p := h["Pragma"]; len(p) > 0 && p[0] == "no-cache" && h["Cache-Control"] == nil { // [RFC 9111 5.4]
		h["Cache-Control"] = []string{"no-cache"}
	}
	return h
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

// setContext sets the request's context, with what net/http's server puts there. cancel ends it.
func (b *Bridge) setContext(c *reactor.Conn, r *stdhttp.Request) (with *stdhttp.Request, cancel context.CancelFunc) {
	ctx := context.Background()
	if b.opts.BaseContext != nil {
		ctx = b.opts.BaseContext(c)
	}
	ctx = context.WithValue(ctx, stdhttp.ServerContextKey, b.server)
	ctx = context.WithValue(ctx, stdhttp.LocalAddrContextKey, localAddr(c))
	ctx, cancel = context.WithCancel(ctx)
	return r.WithContext(ctx), cancel
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
