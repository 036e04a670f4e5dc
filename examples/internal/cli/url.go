package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/rikki-go/rikki/reactor"
)

// CheckListen returns an error of usage if no listener can have the URL of a flag: before a program
// listens on one URL, it checks all of them. schemes are those that the program accepts.
func CheckListen(flag, url string, schemes ...string) error {
	u, err := parseURL(flag, url, schemes)
	if err != nil || u.Scheme == "unix" {
		return err
	}
	bad := func(why string) error { return Usage("%s %s: %s", flag, u.Redacted(), why) }
	socket := slices.Contains([]string{"tcp", "tls", "udp"}, u.Scheme)
	_, notIP := netip.ParseAddr(u.Host)
	switch {
	case u.User != "" || u.HasPassword:
		return bad("a listener has no user and no password")
	case u.Host != "" && u.Host != "localhost" && notIP != nil:
		return bad("the host must be an IP address, localhost, or empty for all interfaces")
	case socket && !u.HasPort:
		return bad("the port is missing")
	case socket && u.Path != "" && u.Path != "/":
		return bad("a path has no meaning here")
	case u.RawQuery != "":
		return bad("a query has no meaning here")
	}
	return nil
}

// parseURL parses the URL of a flag and checks its scheme.
func parseURL(flag, url string, schemes []string) (reactor.URL, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return u, Usage("%s: %w", flag, err)
	}
	if slices.Contains(schemes, u.Scheme) {
		return u, nil
	}
	if plain := plainScheme[u.Scheme]; slices.Contains(schemes, plain) {
		return u, Usage("%s %s: this example has no TLS there; websocket-server has", flag, u.Redacted())
	}
	return u, Usage("%s %s: want %s", flag, u.Redacted(), forms(schemes))
}

// plainScheme has the schemes without TLS of those with it.
var plainScheme = map[string]string{"https": "http", "wss": "ws", "mqtts": "mqtt", "tls": "tcp"}

// forms returns the forms of URLs: "ws://… or wss://…".
func forms(schemes []string) string {
	var all []string
	for _, s := range schemes {
		if s == "unix" {
			all = append(all, "unix:///path")
		} else {
			all = append(all, s+"://host:port")
		}
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// ListenError adds the flag and the URL to an error of a call that listens. It is an error of
// usage unless the system has refused to listen.
func ListenError(flag, url string, err error) error {
	if err == nil {
		return nil
	}
	if u, parseErr := reactor.ParseURL(url); parseErr == nil {
		url = u.Redacted()
	}
	if _, refused := errors.AsType[syscall.Errno](err); refused {
		return fmt.Errorf("%s %s: %w", flag, url, err)
	}
	return Usage("%s: %w", flag, err)
}
