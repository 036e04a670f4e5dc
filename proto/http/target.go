package http

import (
	"bytes"
	"net/netip"
)

// parseTarget checks a request target and splits it into URI, Query and, for
// the forms that have one, the authority [RFC 9112 3.2].
func parseTarget(target []byte, msg *Message) error {
	if len(target) == 0 || !all(target, isTarget) {
		return malformed("request target %.40q is not a URL path", target)
	}
	msg.authority, msg.Query = nil, nil
	switch {
	case string(msg.Method) == "CONNECT": // authority-form [RFC 9112 3.2.3]
		if _, port := splitPort(target); len(port) == 0 || !isAuthority(target) {
			return malformed("target %.40q of CONNECT is not host:port", target)
		}
		msg.URI, msg.authority = target, target
		return nil
	case string(target) == "*": // asterisk-form [RFC 9112 3.2.4]
		if string(msg.Method) != "OPTIONS" {
			return malformed("target * is for OPTIONS only")
		}
		msg.URI = target
		return nil
	case target[0] == '/': // origin-form [RFC 9112 3.2.1]
		return splitPath(target, msg)
	}
	return absoluteForm(target, msg)
}

// absoluteForm parses "http://authority/path", which every server must accept
// [RFC 9112 3.2.2].
func absoluteForm(target []byte, msg *Message) error {
	scheme, rest, found := bytes.Cut(target, schemeEnd)
	if !found || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return malformed("request target %.40q is neither a path nor an http URL", target)
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	// An empty host is invalid, userinfo is treated as an error
	// [RFC 9110 4.2.1, 4.2.4].
	if host, _ := splitPort(authority); len(host) == 0 || !isAuthority(authority) {
		return malformed("host %.40q in the request target", authority)
	}
	msg.authority = authority
	return splitPath(path, msg)
}

var (
	schemeEnd = []byte("://")
	question  = []byte{'?'}
	rootPath  = []byte{'/'}
)

// splitPath sets URI and Query. An empty path is "/" [RFC 9110 4.2.3].
func splitPath(target []byte, msg *Message) error {
	path, query, found := bytes.Cut(target, question)
	for rest := path; ; {
		i := bytes.IndexByte(rest, '%')
		if i < 0 {
			break
		}
		if !isEscape(rest[i:]) {
			return malformed("broken percent escape in path %.40q", path)
		}
		rest = rest[i+3:]
	}
	if len(path) == 0 {
		path = rootPath
	}
	msg.URI = path
	if found {
		msg.Query = query[:len(query):len(query)]
	}
	return nil
}

// splitPort cuts at the colon in front of the port, which one in brackets
// is not.
func splitPort(authority []byte) (host, port []byte) {
	colon := bytes.LastIndexByte(authority, ':')
	if colon < 0 || bytes.IndexByte(authority[colon:], ']') >= 0 {
		return authority, nil
	}
	return authority[:colon], authority[colon+1:]
}

// isAuthority reports whether b is "host" or "host:port", which is also what
// a Host header must be; it may be empty there [RFC 9110 7.2]. Userinfo and
// percent escapes are not accepted: no host name has them.
func isAuthority(b []byte) bool {
	host, port := splitPort(b)
	if !all(port, isDigit) {
		return false
	}
	if n := len(host); n >= 2 && host[0] == '[' && host[n-1] == ']' {
		addr, err := netip.ParseAddr(string(host[1 : n-1]))
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return all(host, isRegName)
}
