package http

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Cookie returns the value of the first cookie of a request with that name, without quotation
// marks around it. It returns nil if there is none. An empty value is not nil. Names are
// compared with regard to case [RFC 6265 4.2].
func (m *Message) Cookie(name string) []byte {
	for n, value := range m.Cookies() {
		if string(n) == name {
			return value
		}
	}
	return nil
}

// Cookies returns the names and values of the cookies of a request, in the order sent. It leaves
// out what is not of the form name=value. The slices are valid as long as those of the message.
func (m *Message) Cookies() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range m.Headers {
			h := &m.Headers[i]
			if !equalFold(h.Name, "Cookie") {
				continue
			}
			for rest, more := h.Value, true; more; {
				var pair []byte
				pair, rest, more = bytes.Cut(rest, semicolon)
				name, value, ok := bytes.Cut(trimBlanks(pair), equals)
				if ok && len(name) > 0 && !yield(name, unquoted(value)) {
					return
				}
			}
		}
	}
}

// unquoted removes quotation marks around value.
func unquoted(value []byte) []byte {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		return value[1 : n-1]
	}
	return value
}

// A Cookie is what a server asks a client to store [RFC 6265 4.1]. Name is required. The zero
// values of the other fields mean that the attribute is left out.
type Cookie struct {
	Name  string
	Value string // visible ASCII without '"', ',', ';' and '\'; other text must be encoded
	// Path is the part of the server for which the client sends the cookie, such as "/".
	Path    string
	Domain  string    // a host name: the cookie is also for its subdomains
	Expires time.Time // when the client deletes the cookie
	// MaxAge is how long the client keeps the cookie, in whole seconds. A negative value deletes
	// it. A cookie without Expires and MaxAge lasts for the session of the browser.
	MaxAge      time.Duration
	Secure      bool   // only over TLS
	HTTPOnly    bool   // hidden from scripts
	Partitioned bool   // a store of its own for each site that embeds the server's pages
	SameSite    string // "Strict", "Lax" or "None"; "None" requires Secure
}

// SetCookie returns the header line "Set-Cookie: …\r\n" for a response. It returns an error if a
// field of k contains bytes that the attribute must not have, so no other attributes and no
// header lines can be injected.
func SetCookie(k *Cookie) (header string, err error) {
	if err := k.check(); err != nil {
		return "", fmt.Errorf("http: cookie %q: %w", k.Name, err)
	}
	b := []byte("Set-Cookie: " + k.Name + "=" + k.Value)
	add := func(set bool, attribute string) {
		if set {
			b = append(b, "; "+attribute...)
		}
	}
	add(k.Path != "", "Path="+k.Path)
	add(k.Domain != "", "Domain="+k.Domain)
	add(!k.Expires.IsZero(), "Expires="+FormatTime(k.Expires))
	add(k.MaxAge != 0, "Max-Age="+strconv.FormatInt(max(0, int64(k.MaxAge/time.Second)), 10))
	add(k.HTTPOnly, "HttpOnly")
	add(k.Secure, "Secure")
	add(k.SameSite != "", "SameSite="+k.SameSite)
	add(k.Partitioned, "Partitioned")
	return string(append(b, "\r\n"...)), nil
}

// check returns an error if the cookie cannot be written or clients would not accept it.
func (k *Cookie) check() error {
	switch {
	case !IsToken(k.Name):
		return fmt.Errorf("the name is not a token")
	case strings.ContainsFunc(k.Value, notCookieValue):
		return fmt.Errorf("the value has bytes that are not allowed: encode it, for example as base64")
	case strings.ContainsFunc(k.Path, notAttribute):
		return fmt.Errorf("path %q contains ';' or a control byte", k.Path)
	case k.Path != "" && k.Path[0] != '/': // clients ignore such a path [RFC 6265 5.2.4]
		return fmt.Errorf("path %q does not begin with '/'", k.Path)
	case !allOf(k.Domain, classRegName) || strings.ContainsAny(k.Domain, ";,"):
		return fmt.Errorf("domain %q is not a host name", k.Domain)
	case !k.Expires.IsZero() && (k.Expires.Year() < 1601 || k.Expires.Year() > 9999): // [RFC 6265 5.1.1]
		return fmt.Errorf("the year of Expires is %d, want 1601 to 9999", k.Expires.Year())
	case k.MaxAge > 0 && k.MaxAge < time.Second:
		return fmt.Errorf("a MaxAge of %v is less than a second", k.MaxAge)
	}
	switch k.SameSite {
	case "", "Strict", "Lax":
	case "None":
		if !k.Secure {
			return fmt.Errorf("SameSite None requires Secure")
		}
	default:
		return fmt.Errorf("SameSite is %q, want Strict, Lax or None", k.SameSite)
	}
	if k.Partitioned && !k.Secure {
		return fmt.Errorf("attribute Partitioned requires Secure")
	}
	return checkPrefix(k)
}

// checkPrefix checks the promises that the name makes with a prefix. Clients refuse the cookie if
// it does not keep them.
func checkPrefix(k *Cookie) error {
	switch {
	case strings.HasPrefix(k.Name, "__Secure-") && !k.Secure:
		return fmt.Errorf("the prefix __Secure- requires Secure")
	case strings.HasPrefix(k.Name, "__Host-") && (!k.Secure || k.Path != "/" || k.Domain != ""):
		return fmt.Errorf("the prefix __Host- requires Secure, the path / and no domain")
	}
	return nil
}

// notCookieValue reports whether r is not a cookie-octet [RFC 6265 4.1.1].
func notCookieValue(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == '"' || r == ',' || r == ';' || r == '\\'
}

// notAttribute reports whether r must not be in the value of an attribute [RFC 6265 4.1.1].
func notAttribute(r rune) bool { return r < ' ' || r >= 0x7f || r == ';' }
