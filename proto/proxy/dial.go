package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// Dial makes a connection of Connect go through a proxy. It must be called in EvOpen or before, as
// Conn.SetDialURL. The forms of proxyURL are:
//
//	http://[user:password@]host[:80]        CONNECT over HTTP/1.1
//	socks5://[user:password@]host[:1080]    SOCKS5
//	socks5h://…                             the same
//
// The host name of the connection's own URL is sent to the proxy, which resolves it: with
// socks5:// too, as in net/http. The user and password become Basic credentials [RFC 7617], or
// those of RFC 1929. They are sent unencrypted, and appear in no error and no log record.
//
// If the proxy refuses, EvError has a *ConnectError or a *SOCKSError. Dial returns an error for a
// bad URL, for an https:// proxy, which is not supported, and if the connection cannot have a
// proxy: its own URL is unix:// or udp://, or it is too late.
func Dial(c *reactor.Conn, proxyURL string) error {
	u, err := reactor.ParseURL(proxyURL)
	if err != nil {
		return badURL(proxyURL, err)
	}
	wrong := func(why string) error { return fmt.Errorf("proxy: bad URL %q: %s", withoutUser(u), why) }
	port := uint16(80)
	switch u.Scheme {
	case "http":
	case "socks5", "socks5h":
		port = 1080 // [RFC 1928 3]
	case "https":
		return wrong("TLS to the proxy itself is not supported (want http://, socks5:// or socks5h://)")
	default:
		return wrong("unknown scheme " + u.Scheme + " (want http, socks5 or socks5h)")
	}
	switch {
	case u.Host == "" || u.HasPort && u.Port == 0:
		return wrong("want a host and a port other than 0 to connect to")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return wrong("the URL of a proxy takes no path and no query")
	}
	target, ok := c.Stack().Target()
	if !ok {
		return errors.New("proxy: Dial: want a connection made by Connect, before EvConnect")
	}
	if target.Scheme == "unix" {
		return fmt.Errorf("proxy: Dial: %s cannot be reached through a proxy", target.Redacted())
	}
	if err := checkHost(target.Host); err != nil {
		return err
	}
	target.Host, _, _ = strings.Cut(target.Host, "%") // a zone has no meaning on another host [RFC 6874 4]
	var open func() reactor.Opening
	if u.Scheme == "http" {
		open, err = newConnect(u, target)
	} else {
		open, err = newSOCKS5(u, target)
	}
	if err != nil {
		return err
	}
	if err := c.SetDialURL(u.Socket("tcp", port)); err != nil {
		return err
	}
	return c.Stack().SetOpening(func(*reactor.Conn) reactor.Opening { return open() })
}

// badURL returns the error err of ParseURL for a proxy's URL, without its user and password.
func badURL(s string, err error) error {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return err
	}
	scheme, _, hasScheme := strings.Cut(s[:i], "://")
	if !hasScheme {
		return errors.New("proxy: bad URL: no scheme, want http://, socks5:// or socks5h://")
	}
	s = scheme + "://" + s[i+1:]
	if _, err := reactor.ParseURL(s); err != nil {
		return err
	}
	return fmt.Errorf("proxy: bad URL %q: the user or password before it has characters that must be escaped", s)
}

// withoutUser returns the URL of a proxy as a string for errors. The user too may be a secret.
func withoutUser(u reactor.URL) string {
	u.User, u.Password, u.HasPassword = "", "", false
	return u.Redacted()
}

// checkHost returns an error if a proxy could misunderstand the host: it consists of printable
// ASCII characters, without those that separate the parts of a URL or a request.
func checkHost(host string) error {
	if len(host) > 255 {
		return fmt.Errorf("proxy: the host name has %d bytes, want 255 at most", len(host))
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	for i := range len(host) {
		if b := host[i]; b <= ' ' || b >= 0x7f || strings.IndexByte("\"#%/:<>?@[\\]^`{|}", b) >= 0 {
			return fmt.Errorf("proxy: host name %q: the character %q is not allowed (want the ASCII form of the name)", host, b)
		}
	}
	return nil
}
