package ws

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Cross-site requests: a browser lets every page open a WebSocket to every server, and sends the
// cookies of that server. The server must look at Origin to know which page asks [RFC 6455 10.2].

// origin is a parsed origin "scheme://host[:port]" [RFC 6454 6.2], or a parsed pattern.
type origin struct {
	scheme, host string     // as written
	addr         netip.Addr // of an IP address; otherwise the zero Addr
	port         int        // 0: none is given, and the scheme has no default port
	anyPort      bool       // of a pattern: the port is "*"
	below        bool       // of a pattern: the host was "*." and host
}

var errOriginForm = errors.New("want scheme://host or scheme://host:port, without a path")

// parseOrigin parses an origin. It accepts what browsers send, and upper case.
func parseOrigin(s string) (o origin, err error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || !isScheme(scheme) || strings.ContainsAny(rest, "/?#@") {
		return o, errOriginForm
	}
	host, port, hasPort := cutPort(rest)
	o.scheme, o.host, o.port = scheme, host, defaultPort(scheme)
	if hasPort {
		if o.port, err = parsePort(port); err != nil {
			return o, err
		}
	}
	return o, o.checkHost()
}

// checkHost checks that the host is a name or an IP address.
func (o *origin) checkHost() error {
	name := o.host
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		addr, err := netip.ParseAddr(name[1 : n-1])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return fmt.Errorf("%.64q is not an IPv6 address", name)
		}
		o.addr = addr
		return nil
	}
	last := ""
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if len(label) == 0 || !allAlphanumeric(label, "-_") {
			return fmt.Errorf("%.64q is not a host", name)
		}
		last = label
	}
	if strings.Trim(last, "0123456789") != "" {
		return nil
	}
	// A host whose last label is a number is an IPv4 address, or browsers refuse the URL.
	var err error
	if o.addr, err = netip.ParseAddr(name); err != nil {
		return fmt.Errorf("%.64q is not an IPv4 address", name)
	}
	return nil
}

// parsePattern parses an element of Options.Origins that is neither "*" nor "null".
func parsePattern(s string) (p origin, err error) {
	if strings.ContainsFunc(s, func(c rune) bool { return c >= 0x80 }) {
		return p, errors.New("want the host in ASCII, as browsers send it: xn--… for names in other letters")
	}
	s, anyPort := strings.CutSuffix(s, ":*")
	scheme, host, found := strings.Cut(s, "://")
	host, below := strings.CutPrefix(host, "*.")
	_, _, hasPort := cutPort(host)
	if !found || anyPort && hasPort {
		return p, errOriginForm
	}
	if p, err = parseOrigin(scheme + "://" + host); err != nil {
		return p, err
	}
	if below && p.addr.IsValid() {
		return p, errors.New("\"*.\" stands before a name, not before an IP address")
	}
	p.anyPort, p.below = anyPort, below
	return p, nil
}

// matches reports whether p, which is a pattern, matches the origin o.
func (p *origin) matches(o *origin) bool {
	if !strings.EqualFold(p.scheme, o.scheme) || p.port != o.port && !p.anyPort {
		return false
	}
	if !p.below {
		return p.sameHost(o)
	}
	dot := len(o.host) - len(p.host) - 1
	return dot > 0 && o.host[dot] == '.' && strings.EqualFold(o.host[dot+1:], p.host)
}

func (p *origin) sameHost(o *origin) bool {
	if p.addr.IsValid() {
		return p.addr == o.addr
	}
	return strings.EqualFold(p.host, o.host)
}

// checkOrigins returns an error if an element of Options.Origins is not a pattern.
func (o *Options) checkOrigins() error {
	for _, s := range o.Origins {
		if s == anyOrigin || s == nullOrigin {
			continue
		}
		if _, err := parsePattern(s); err != nil {
			return fmt.Errorf("ws: bad pattern %.64q in Options.Origins: %w; "+
				`examples: "https://example.com", "https://*.example.com", "http://localhost:*", "null", "*"`, s, err)
		}
	}
	return nil
}

const (
	anyOrigin  = "*"
	nullOrigin = "null" // of a page without an origin, such as a file [RFC 6454 7.3]
)

// originAllowed reports whether a request comes from a page that o accepts, or from no page.
func (o *Options) originAllowed(c *reactor.Conn, hm *http.Message) bool {
	if o.CheckOrigin != nil {
		return o.CheckOrigin(hm)
	}
	if fromSameOrigin(hm, schemeOf(c)) {
		return true
	}
	value, n := singleHeader(hm, "Origin")
	text := string(value)
	from, err := parseOrigin(text)
	for _, s := range o.Origins {
		switch {
		case s == anyOrigin:
			return true
		case n != 1:
		case s == nullOrigin:
			if text == nullOrigin {
				return true
			}
		case err == nil:
			if p, bad := parsePattern(s); bad == nil && p.matches(&from) {
				return true
			}
		}
	}
	return false
}

// originError is the error for a request from a page that is not accepted.
func (o *Options) originError(c *reactor.Conn, hm *http.Message) *HandshakeError {
	value, n := singleHeader(hm, "Origin")
	reason := "origin " + quote.Cut(value) + " is not allowed"
	switch {
	case n > 1:
		reason = "the request has more than one Origin header"
	case o.CheckOrigin == nil:
		reason += fmt.Sprintf(" at %s://%s: the server can list the origins of other pages in ws.Options.Origins",
			schemeOf(c), quote.Text(string(hm.Header("Host")), quote.MaxCut))
	}
	return &HandshakeError{403, "Origin", reason}
}

// SameOrigin reports whether a request comes from a page of this server, or from no page. If
// it comes from a page of this server, Origin has the same host and port as Host, and the scheme
// of the connection: https with TLS, otherwise http. The scheme is compared if hm.Scheme is set,
// as it is in events. If the request comes from no page, it has no Origin header
// [RFC 6455 4.1, 10.2]. SameOrigin panics if hm is nil.
//
// This is the default. SameOrigin is useful in a CheckOrigin that accepts other pages too.
func SameOrigin(hm *http.Message) bool {
	if hm == nil {
		panic("ws: SameOrigin of a nil Message")
	}
	return fromSameOrigin(hm, hm.Scheme)
}

// fromSameOrigin is SameOrigin for a connection with the scheme "http" or "https". If scheme is
// empty, Origin may have either.
func fromSameOrigin(hm *http.Message, scheme string) bool {
	value, n := singleHeader(hm, "Origin")
	if n == 0 {
		return true
	}
	o, err := parseOrigin(string(value))
	switch {
	case n > 1 || err != nil:
		return false
	case scheme == "" && !strings.EqualFold(o.scheme, "http") && !strings.EqualFold(o.scheme, "https"):
		return false
	case scheme != "" && !strings.EqualFold(o.scheme, scheme):
		return false
	}
	// A browser writes the host in both headers alike, so other spellings need not match.
	host, port, hasPort := cutPort(string(hm.Header("Host")))
	if !strings.EqualFold(host, o.host) {
		return false
	}
	if !hasPort {
		return o.port == defaultPort(o.scheme)
	}
	number, err := parsePort(port)
	return err == nil && number == o.port
}

// schemeOf returns the scheme of the pages that come from the same server as c.
func schemeOf(c *reactor.Conn) string {
	if c.IsTLS() {
		return "https"
	}
	return "http"
}

// cutPort cuts at the colon before the port. A colon inside the brackets of an IPv6 address does
// not count.
func cutPort(s string) (host, port string, found bool) {
	if colon := strings.LastIndexByte(s, ':'); colon > strings.LastIndexByte(s, ']') {
		return s[:colon], s[colon+1:], true
	}
	return s, "", false
}

// defaultPort returns the port of an origin without one, or 0 if the scheme has none.
func defaultPort(scheme string) int {
	switch {
	case strings.EqualFold(scheme, "http"):
		return 80
	case strings.EqualFold(scheme, "https"):
		return 443
	}
	return 0
}

// parsePort parses a port as browsers write it: without leading zeros.
func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || s[0] == '0' {
		return 0, fmt.Errorf("port %.16q is not in 1..65535", s)
	}
	return int(n), nil
}

// isScheme reports whether s is a scheme [RFC 3986 3.1].
func isScheme(s string) bool {
	return s != "" && allAlphanumeric(s[:1], "") && (s[0] < '0' || s[0] > '9') && allAlphanumeric(s, "+-.")
}

// allAlphanumeric reports whether s consists of ASCII letters, digits and bytes of more.
func allAlphanumeric(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte(more, c) >= 0) {
			return false
		}
	}
	return true
}
