package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// URL is a parsed URL of one of these forms:
//
//	scheme://[user[:password]@]host[:port][/path][?query]
//	unix:///path
type URL struct {
	Scheme      string // in lower case
	User        string // unescaped
	Password    string // unescaped
	HasPassword bool   // the URL has a password, which may be empty
	Host        string // unescaped, without the brackets of IPv6; empty means all interfaces, for listeners
	Port        uint16 // 0 without a port
	HasPort     bool
	Path        string // unescaped for "unix"; for other schemes escaped, as it is sent
	RawQuery    string // escaped, without the question mark
}

// ParseURL parses and checks s. It knows no schemes except unix: the caller checks which scheme
// it supports. The error names what is wrong, and repeats s without its password.
func ParseURL(s string) (URL, error) {
	bad := func(why string) (URL, error) {
		return URL{}, fmt.Errorf("reactor: bad URL %q: %s", redact(s), why)
	}
	if scheme, _, ok := strings.Cut(s, "://"); !ok || scheme == "" {
		return bad("no scheme, want for example tcp://host:port")
	}
	name, rest, err := unescapeHost(s)
	if err != nil {
		return bad(err.Error())
	}
	p, err := url.Parse(rest)
	if err != nil {
		var parseErr *url.Error
		if errors.As(err, &parseErr) { // its text would repeat the password
			err = parseErr.Err
		}
		return bad(withoutSecret(err.Error(), s))
	}
	if p.Scheme == "" { // net/url takes "a/b://c" for a path
		return bad("no scheme, want for example tcp://host:port")
	}
	u := URL{Scheme: p.Scheme, User: p.User.Username(), Host: p.Hostname(), Path: p.EscapedPath(), RawQuery: p.RawQuery}
	u.Password, u.HasPassword = p.User.Password()
	if name != "" {
		u.Host = name
	}
	if p.Fragment != "" {
		return bad("it has a fragment")
	}
	if u.Scheme == "unix" {
		u.Path = p.Path
		if p.Host != "" || u.Path == "" || strings.ContainsRune(u.Path, 0) {
			return bad("want unix:///path")
		}
		return u, nil
	}
	if port := p.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return bad("port " + strconv.Quote(port) + " is not in 0..65535")
		}
		u.Port, u.HasPort = uint16(n), true
	} else if strings.HasSuffix(p.Host, ":") {
		return bad("the port is empty")
	}
	return u, nil
}

// unescapeHost returns the host name of the URL s without its percent escapes [RFC 3986 3.2.2], and
// s with another name in its place. net/url refuses escapes of ASCII. If there are no escapes, name
// is empty and rest is s.
func unescapeHost(s string) (name, rest string, err error) {
	begin := strings.Index(s, "://") + len("://")
	end := begin + len(s[begin:])
	if i := strings.IndexAny(s[begin:], "/?#"); i >= 0 {
		end = begin + i
	}
	begin += strings.LastIndexByte(s[begin:end], '@') + 1
	if i := strings.IndexByte(s[begin:end], ':'); i >= 0 {
		end = begin + i
	}
	host := s[begin:end]
	if !strings.Contains(host, "%") || host[0] == '[' {
		return "", s, nil
	}
	if name, err = url.PathUnescape(host); err != nil {
		return "", "", errors.New("broken percent escape in the host")
	}
	for i := range len(name) {
		if c := name[i]; c < 0x80 && !isHostByte(c) {
			return "", "", fmt.Errorf("the host contains %q, which no host name does", rune(c))
		}
	}
	return name, s[:begin] + "h" + s[end:], nil
}

// isHostByte reports whether c may be part of a host name without an escape [RFC 3986 3.2.2].
func isHostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=", c) >= 0
}

// EscapedHost returns Host as it stands in URLs, without the brackets of IPv6. Bytes above 0x7f,
// and the percent sign of an IPv6 zone, become percent escapes [RFC 3986 3.2.2].
func (u URL) EscapedHost() string {
	var b strings.Builder
	for i := range len(u.Host) {
		if c := u.Host[i]; c == '%' || c >= 0x80 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// HostPort returns "host:port". An IPv6 address gets brackets.
func (u URL) HostPort() string {
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// Socket returns the URL of the socket that carries the protocol, for Manager.Connect and
// Manager.Listen. It consists of scheme and the host and port of u. If u has no port, the
// argument port is used.
func (u URL) Socket(scheme string, port uint16) string {
	if !u.HasPort {
		u.Port = port
	}
	u.Host = u.EscapedHost()
	return scheme + "://" + u.HostPort()
}

// Redacted returns the URL as a string for logs. A password becomes "xxxxx".
func (u URL) Redacted() string {
	u.Host = u.EscapedHost()
	p := url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}
	if strings.Contains(u.Host, ":") {
		p.Host = "[" + u.Host + "]"
	}
	if u.HasPort {
		p.Host = u.HostPort()
	}
	switch {
	case u.HasPassword:
		p.User = url.UserPassword(u.User, "xxxxx")
	case u.User != "":
		p.User = url.User(u.User)
	}
	s := p.Scheme + "://"
	if p.User != nil {
		s += p.User.String() + "@"
	}
	s += p.Host + u.Path
	if u.RawQuery != "" {
		s += "?" + u.RawQuery
	}
	return s
}

// redact hides the password of a URL that may be too broken to parse. It hides all that may be
// meant as a password: from the first colon behind the scheme to the last @.
func redact(s string) string {
	at := strings.LastIndexByte(s, '@')
	begin := 0
	if i := strings.Index(s, "://"); i >= 0 {
		begin = i + len("://")
	}
	if at < begin {
		return s
	}
	colon := strings.IndexByte(s[begin:at], ':')
	if colon < 0 {
		return s
	}
	return s[:begin+colon] + ":xxxxx" + s[at:]
}

// withoutSecret removes the text that reason quotes, if the URL has an @. The quoted text may be
// a part of the password.
func withoutSecret(reason, url string) string {
	if strings.Contains(url, "@") {
		reason, _, _ = strings.Cut(reason, "\"")
	}
	return strings.TrimSpace(reason)
}
