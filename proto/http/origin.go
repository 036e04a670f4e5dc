package http

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// origin is the server that an http or https URL names [RFC 9110 4.3.1].
type origin struct {
	socket string // the URL for Manager.Connect, such as "tcp://host:80"; the host is in lower case
	host   string // the Host header; the port only if it is not the default
	tls    bool
}

// location is an absolute URL, taken apart.
type location struct {
	origin
	target string // path and query, as they are sent; "*" and host:port have no location
	auth   string // value of an Authorization header for the credentials of the URL, or ""
}

// parseLocation takes an absolute http or https URL apart.
func parseLocation(rawURL string) (location, error) {
	u, err := reactor.ParseURL(rawURL)
	if err != nil {
		return location{}, err
	}
	bad := func(format string, args ...any) (location, error) {
		return location{}, fmt.Errorf("http: bad URL %q: %s", u.Redacted(), fmt.Sprintf(format, args...))
	}
	loc := location{origin: origin{tls: u.Scheme == "https"}}
	port, scheme := uint16(80), "tcp"
	if loc.tls {
		port, scheme = 443, "tls"
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("unknown scheme %s (want http or https)", u.Scheme)
	case u.Host == "" || u.HasPort && u.Port == 0:
		return bad("want a host, and no port 0")
	}
	if loc.host, err = hostHeader(u, port); err != nil {
		return bad("%v", err)
	}
	if loc.auth, err = basicAuth(u); err != nil {
		return bad("%v", err)
	}
	if loc.socket = u.Socket(scheme, port); !strings.Contains(u.Host, "%") { // the zone of an IPv6 address has a case
		loc.socket = strings.ToLower(loc.socket)
	}
	if loc.target, err = requestTarget(u.Path, u.RawQuery, strings.Contains(rawURL, "?")); err != nil {
		return bad("%v", err)
	}
	return loc, nil
}

// hostHeader returns the Host header for u [RFC 9110 7.2]. port is the default port, which the
// header leaves out. So is the zone of an IPv6 address: it has no meaning on another host
// [RFC 6874 4].
func hostHeader(u reactor.URL, port uint16) (string, error) {
	host := u.Host
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if u.HasPort && u.Port != port {
		host += ":" + strconv.Itoa(int(u.Port))
	}
	if !isAuthority([]byte(host)) {
		return "", fmt.Errorf("host %q cannot be sent: a host name consists of ASCII letters, digits, dots and hyphens (for others use the form xn--…)", u.Host)
	}
	return host, nil
}

// basicAuth returns the Authorization header for the credentials in u, or "" [RFC 7617].
func basicAuth(u reactor.URL) (string, error) {
	if u.User == "" && !u.HasPassword {
		return "", nil
	}
	if strings.Contains(u.User, ":") {
		return "", fmt.Errorf("the user name contains a colon")
	}
	if !isFieldValue(u.User) || !isFieldValue(u.Password) {
		return "", fmt.Errorf("the user name or the password contains a control byte")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User+":"+u.Password)), nil
}

// serverName is what the URL of a client's connection says about the server.
type serverName struct {
	host, auth string // headers of the requests; may be empty
	err        error  // the URL cannot be used for a request
}

// nameServer returns the serverName for the URL of Connect, which is valid.
func nameServer(rawURL string) *serverName {
	u, err := reactor.ParseURL(rawURL)
	if err != nil {
		return &serverName{err: err}
	}
	port := uint16(80)
	if u.Scheme == "https" {
		port = 443
	}
	s := new(serverName)
	if s.host, err = hostHeader(u, port); err == nil {
		s.auth, err = basicAuth(u)
	}
	if err != nil {
		return &serverName{err: fmt.Errorf("http: bad URL %q: %w", u.Redacted(), err)}
	}
	return s
}

// requestTarget joins an escaped path and a query [RFC 9112 3.2.1].
func requestTarget(path, query string, hasQuery bool) (string, error) {
	target := path
	if target == "" {
		target = "/"
	}
	if hasQuery {
		target += "?" + query
	}
	return target, checkTarget(target)
}

// checkTarget checks path and query as they are sent.
func checkTarget(target string) error {
	if target == "" || target[0] != '/' {
		return fmt.Errorf("the path does not begin with /")
	}
	path, _, _ := strings.Cut(target, "?")
	for i := range len(target) {
		switch c := target[i]; {
		case c == '#':
			return fmt.Errorf("it has a fragment")
		case charClasses[c]&classTarget == 0:
			return fmt.Errorf("byte 0x%02x of path and query is not escaped", c)
		case c == '%' && i < len(path) && (i+2 >= len(path) || charClasses[path[i+1]]&charClasses[path[i+2]]&classHex == 0):
			return fmt.Errorf("broken percent escape in the path")
		}
	}
	return nil
}
