package http

import (
	"fmt"
	"net/url"
	"strings"
)

// follows reports whether the response whose header has arrived is a redirect that is followed.
func (x *exchange) follows(msg *Message) bool {
	switch msg.Status {
	case 301, 302, 303, 307, 308:
		x.following = x.host.cl.opts.Redirects > 0 && msg.Header("Location") != nil
	}
	return x.following
}

// redirect prepares the exchange for the request that follows a redirect [RFC 9110 15.4]. It
// returns true if there is one. If not, x.err says why.
func (x *exchange) redirect(msg *Message) bool {
	x.err = x.redirectTo(msg.Status, string(msg.Header("Location")))
	return x.err == nil
}

func (x *exchange) redirectTo(status int, value string) error {
	cl := x.host.cl
	x.following = false
	if x.redirects++; x.redirects > cl.opts.Redirects {
		return fmt.Errorf("http: more than %d redirects, the next one to %q", cl.opts.Redirects, hideSecret(value))
	}
	next, err := resolveRedirect(x.req.URL, value)
	if err != nil {
		return err
	}
	h, target, auth, err := cl.find(next)
	if err != nil {
		return err
	}
	switch {
	case status < 304:
		if m := x.req.method(); m != "GET" && m != "HEAD" {
			x.req.Method = "GET"
		}
		x.dropBody()
	case !x.canSendAgain():
		h.dropIfUnused()
		return fmt.Errorf("http: redirect with status %d to %q: a body from Reader or Stream cannot be sent again", status, hideSecret(value))
	}
	if h != x.host {
		x.req.Headers = withoutHeaders(x.req.Headers, isSecret)
	} else if auth == "" {
		auth = x.auth
	}
	x.lines, _ = checkRequestLines(x.req.Headers) // a part of what was checked before
	x.req.URL, x.host, x.target, x.auth = next, h, target, auth
	x.phase, x.retried, x.heard, x.interim, x.answered = exQueued, false, false, false, false
	return nil
}

// dropBody removes the body and the headers that describe it [RFC 9110 15.4].
func (x *exchange) dropBody() {
	x.req.Body, x.req.Reader, x.req.Stream, x.req.Size, x.hadBody = nil, nil, false, 0, false
	x.req.Headers = withoutHeaders(x.req.Headers, func(name string) bool {
		return hasPrefixFold(name, "Content-") || strings.EqualFold(name, "Expect")
	})
}

// isSecret reports whether a header is for one server only.
func isSecret(name string) bool {
	for _, s := range [...]string{"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "Host"} {
		if strings.EqualFold(name, s) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// withoutHeaders returns the header lines, which are valid, without those for which drop returns
// true.
func withoutHeaders(headers string, drop func(name string) bool) string {
	kept := ""
	for rest := headers; rest != ""; {
		line, after, _ := strings.Cut(rest, "\r\n")
		rest = after
		if name, _, _ := strings.Cut(line, ":"); !drop(name) {
			kept += line + "\r\n"
		}
	}
	return kept
}

// resolveRedirect returns the URL that the value of a Location header refers to, if base is the
// URL of the request [RFC 9110 10.2.2]. The fragment is left out. Bytes that a URL cannot
// contain are escaped: many servers send them.
func resolveRedirect(base, value string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("http: URL of the request: %w", withoutURL(err))
	}
	ref, err := b.Parse(escapeLocation(value))
	switch {
	case err != nil:
		return "", fmt.Errorf("http: Location %q: %w", hideSecret(value), withoutURL(err))
	case ref.Scheme != "http" && ref.Scheme != "https":
		return "", fmt.Errorf("http: Location %q: unknown scheme %q (want http or https)", hideSecret(value), ref.Scheme)
	case b.Scheme == "https" && ref.Scheme == "http":
		return "", fmt.Errorf("http: Location %q leads from https to http: not followed", hideSecret(value))
	}
	ref.Fragment, ref.RawFragment = "", ""
	next := ref.String()
	// A reference without a scheme may have a host that an http URL may not have, such as "::".
	if _, err := url.Parse(next); err != nil {
		return "", fmt.Errorf("http: Location %q: %w", hideSecret(value), withoutURL(err))
	}
	return next, nil
}

// withoutURL removes the URL from an error of net/url. It may contain a password.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// hideSecret replaces what may be the user and the password in a URL, and cuts a long one.
func hideSecret(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		begin := strings.Index(s[:at], "//") + 2
		s = s[:min(begin, at)] + "xxxxx" + s[at:]
	}
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// escapeLocation escapes the bytes that no URL contains: blanks, control bytes, and those above
// 0x7e.
func escapeLocation(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
