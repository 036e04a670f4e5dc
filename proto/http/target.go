package http

import (
	"bytes"
	"net/netip"
)

// parseTarget checks a request target and splits it into URI and Query. It also sets the
// authority for the forms that have one [RFC 9112 3.2].
func parseTarget(target []byte, msg *Message) error {
	if len(target) == 0 || !allOf(target, classTarget) {
		return malformed("request target %s is not a URL path", target)
	}
	msg.authority, msg.Query = nil, nil
	switch {
	case string(msg.Method) == "CONNECT": // authority-form [RFC 9112 3.2.3]
		if _, port := splitPort(target); len(port) == 0 || !isAuthority(target) {
			return malformed("target %s of CONNECT is not host:port", target)
		}
		msg.URI, msg.authority = target, target
		return nil
	case string(target) == "*": // asterisk-form [RFC 9112 3.2.4]
		if string(msg.Method) != "OPTIONS" {
			return malformed("request target * is allowed for OPTIONS only, not for %s", msg.Method)
		}
		msg.URI = target
		return nil
	case target[0] == '/': // origin-form [RFC 9112 3.2.1]
		return splitPath(target, msg)
	}
	return parseAbsoluteForm(target, msg)
}

// parseAbsoluteForm parses "http://authority/path", which every server must accept
// [RFC 9112 3.2.2].
func parseAbsoluteForm(target []byte, msg *Message) error {
	scheme, rest, found := bytes.Cut(target, schemeEnd)
	if !found || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return malformed("request target %s is neither a path nor an http URL", target)
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	// An empty host and userinfo (user:password@) are errors [RFC 9110 4.2.1, 4.2.4].
	if host, _ := splitPort(authority); len(host) == 0 || !isAuthority(authority) {
		return malformed("%s in the request target is neither host nor host:port", authority)
	}
	msg.authority = authority
	return splitPath(path, msg)
}

var (
	schemeEnd = []byte("://")
	question  = []byte{'?'}
	rootPath  = []byte{'/'}
)

// splitPath sets URI and Query. An empty path becomes "/" [RFC 9110 4.2.3].
func splitPath(target []byte, msg *Message) error {
	path, query, found := bytes.Cut(target, question)
	if !hasGoodEscapes(path) {
		return malformed("broken percent escape in path %s", path)
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

// hasGoodEscapes reports whether each percent sign in b begins an escape.
func hasGoodEscapes(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if !isEscape(b[i:]) {
			return false
		}
		b = b[i+3:]
	}
}

// splitPort splits at the colon before the port. A colon inside the brackets of an IPv6
// address does not count. port is nil if there is none.
func splitPort(authority []byte) (host, port []byte) {
	colon := bytes.LastIndexByte(authority, ':')
	if colon < 0 || bytes.IndexByte(authority[colon:], ']') >= 0 {
		return authority, nil
	}
	return authority[:colon], authority[colon+1:]
}

// isAuthority reports whether b is "host" or "host:port". A Host header must have the same
// form, and may be empty [RFC 9110 7.2]. Userinfo is not accepted. A host name may have percent
// escapes [RFC 3986 3.2.2].
func isAuthority(b []byte) bool {
	host, port := splitPort(b)
	if !allOf(port, classDigit) {
		return false
	}
	if n := len(host); n >= 2 && host[0] == '[' && host[n-1] == ']' {
		addr, err := netip.ParseAddr(string(host[1 : n-1]))
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return isRegName(host)
}

// isRegName reports whether b consists of bytes of a host name and percent escapes
// [RFC 3986 3.2.2].
func isRegName(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch {
		case charClasses[b[i]]&classRegName != 0:
		case isEscape(b[i:]):
			i += 2
		default:
			return false
		}
	}
	return true
}
