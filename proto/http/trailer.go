package http

import (
	"fmt"
	"strings"
)

// notTrailers are fields that are needed before the body, or that a recipient must not merge into
// the header [RFC 9110 6.5.1]. Besides these, no trailer begins with "Content-", except
// Content-Digest [RFC 9530 2], or with "If-".
var notTrailers = [...]string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade", // framing
	"Host", "Max-Forwards", "Via", "Forwarded", // routing
	"Authorization", "Proxy-Authorization", "Proxy-Authenticate", "WWW-Authenticate", "Cookie", "Set-Cookie", // authentication
	"Cache-Control", "Expect", "Pragma", "Range", "TE", // modifiers of a request
	"Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning", // control data of a response
}

// IsTrailer reports whether a field with that name may be a trailer field, which follows the body.
// Fields for framing, routing, authentication, modifiers of requests, control data of responses,
// and those that describe the content may not [RFC 9110 6.5.1]. A gateway that forwards trailer
// fields leaves these out.
func IsTrailer(name string) bool {
	if hasPrefixFold(name, "If-") || hasPrefixFold(name, "Content-") && !strings.EqualFold(name, "Content-Digest") {
		return false
	}
	for _, s := range notTrailers {
		if strings.EqualFold(name, s) {
			return false
		}
	}
	return IsToken(name)
}

// checkTrailers checks the header lines for EndTrailers.
func checkTrailers(trailers string) error {
	return EachHeader(trailers, func(name, _ string) error {
		if !IsTrailer(name) {
			return fmt.Errorf("http: %q cannot be a trailer field: it belongs before the body", name)
		}
		return nil
	})
}
