package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// URL is a checked "scheme://[user[:password]@]host[:port][/path][?query]",
// or "scheme:///path" for UNIX-domain sockets.
type URL struct {
	Scheme      string // in lower case
	User        string
	Password    string
	HasPassword bool   // the URL has a password, which may be empty
	Host        string // without the brackets of IPv6; may be empty (all interfaces) for listeners
	Port        uint16 // meaningful if HasPort
	HasPort     bool
	Path        string // of "unix", unescaped; of others, escaped as sent
	RawQuery    string
}

// ParseURL checks and splits s. An error says what is wrong and repeats s
// without its password.
func ParseURL(s string) (URL, error) {
	bad := func(why string) (URL, error) {
		return URL{}, fmt.Errorf("reactor: bad URL %q: %s", redact(s), why)
	}
	if scheme, _, ok := strings.Cut(s, "://"); !ok || scheme == "" {
		return bad("no scheme (want tcp://host:port or the like)")
	}
	p, err := url.Parse(s)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) { // its text would repeat the password
			err = ue.Err
		}
		return bad(withoutSecret(err.Error(), s))
	}
	if p.Scheme == "" { // "a/b://c" is a path to net/url
		return bad("no scheme (want tcp://host:port or the like)")
	}
	u := URL{Scheme: p.Scheme, User: p.User.Username(), Host: p.Hostname(), Path: p.EscapedPath(), RawQuery: p.RawQuery}
	u.Password, u.HasPassword = p.User.Password()
	if p.Fragment != "" {
		return bad("has a fragment")
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
		return bad("port is empty")
	}
	return u, nil
}

// HostPort returns "host:port" with the brackets that IPv6 wants.
func (u URL) HostPort() string {
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// Socket returns the URL of the socket underneath, for Manager.Connect and
// Manager.Listen: another scheme, and port if u has none.
func (u URL) Socket(scheme string, port uint16) string {
	if !u.HasPort {
		u.Port = port
	}
	u.Host = strings.ReplaceAll(u.Host, "%", "%25") // the zone of an IPv6 address
	return scheme + "://" + u.HostPort()
}

// Redacted returns the URL for logs: a password becomes "xxxxx".
func (u URL) Redacted() string {
	u.Host = strings.ReplaceAll(u.Host, "%", "%25") // the zone of an IPv6 address
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

// redact hides the password of a URL that may be too broken to parse:
// everything that can be meant to be one.
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

// withoutSecret cuts what a reason quotes from a URL that has a user.
func withoutSecret(reason, url string) string {
	if strings.Contains(url, "@") {
		reason, _, _ = strings.Cut(reason, "\"")
	}
	return strings.TrimSpace(reason)
}
