package session

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/internal/quote"
)

// maxReferences is the largest number of servers of one Server Reference that are used.
const maxReferences = 16

// parseReference returns a URL for each server of a Server Reference. The server at rawURL has sent
// it. The reference is a list of servers, separated by spaces. 5.0 section 4.11 gives these forms:
//
//	host  host:port  10.10.151.22:8883  [fe80::9610:3eff:fe1c]:1883
//
// An IPv6 address without a port is accepted with and without brackets. Only host and port are
// replaced: scheme, path, user and password are those of rawURL, and the port too if the reference
// has none. So a server cannot turn TLS off. If one server of the list is invalid, the whole
// list is, because it was made by another rule.
func parseReference(rawURL, reference string) ([]string, error) {
	base, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the URL that it refers to cannot be parsed")
	}
	if base.Scheme == "unix" {
		return nil, errors.New("the server that has sent it is reached over a UNIX-domain socket")
	}
	var servers []string
	for server := range strings.SplitSeq(reference, " ") {
		if server == "" {
			continue
		}
		host, err := referenceHost(server, base.Port())
		if err != nil {
			return nil, err
		}
		if len(servers) < maxReferences {
			u := *base
			u.Host = host
			servers = append(servers, u.String())
		}
	}
	if servers == nil {
		return nil, errors.New("it names no server")
	}
	return servers, nil
}

// referenceHost checks one server of a reference. It returns the host of a URL, with the port of
// the server, or else the port of the argument, which may be empty.
func referenceHost(server, port string) (string, error) {
	host, own, hasPort := server, "", false
	switch {
	case isIPv6(server):
	case strings.HasPrefix(server, "["):
		end := strings.IndexByte(server, ']')
		if end < 0 || !isIPv6(server[1:end]) {
			return "", fmt.Errorf("%s is not an IPv6 address in brackets", quote.Cut(server))
		}
		host = server[1:end]
		if rest := server[end+1:]; rest != "" {
			if own, hasPort = strings.CutPrefix(rest, ":"); !hasPort {
				return "", fmt.Errorf("%s has text behind the bracket", quote.Cut(server))
			}
		}
	default:
		if host, own, hasPort = strings.Cut(server, ":"); !isHostName(host) {
			return "", fmt.Errorf("%s is neither host nor host:port", quote.Cut(server))
		}
	}
	if hasPort {
		if n, err := strconv.ParseUint(own, 10, 16); err != nil || n == 0 || own[0] == '+' {
			return "", fmt.Errorf("the port of %s is not in 1..65535", quote.Cut(server))
		}
		port = own
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return host, nil
}

// isIPv6 reports whether s is an IPv6 address, perhaps with a zone of letters and digits.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && (a.Zone() == "" || isHostName(a.Zone()))
}

// isHostName reports whether s consists of the characters of host names and IPv4 addresses.
func isHostName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 253
}
