// Package proxyenv finds the proxy of a connection in the environment, as net/http does. It imports
// net/http, and package proxy does not, so that only programs that use it link net/http.
package proxyenv

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

// schemes says as which URL of HTTP net/http sees a URL.
var schemes = map[string]string{
	"http": "http", "ws": "http", "mqtt": "http", "tcp": "http",
	"https": "https", "wss": "https", "mqtts": "https", "tls": "https",
}

// URL returns the URL of the proxy for a server, or "" if the server is to be reached without one.
// The URL may have credentials. It is what http.ProxyFromEnvironment says:
//
//	server                                proxy
//	http://, ws://, mqtt://, tcp://       HTTP_PROXY or http_proxy
//	https://, wss://, mqtts://, tls://    HTTPS_PROXY or https_proxy
//	in NO_PROXY or no_proxy               none
//	localhost, and loopback addresses     none
//	unix://                               none
//
// So a proxy for mqtt:// must allow CONNECT to port 1883. The environment is read once, at the
// first call of URL, Dial or net/http. ALL_PROXY is not read. URL returns an error for a server
// that is no such URL, and if the environment has a bad URL, with which net/http would connect
// directly. The error has no credentials.
func URL(server string) (string, error) {
	u, err := reactor.ParseURL(server)
	if err != nil {
		return "", err
	}
	return find(u, schemes[u.Scheme])
}

// Dial makes a connection of Connect go through the proxy of the environment, if there is one for
// its URL. It is a function for Dial in the Options of mqtt and in http.ClientOptions. A connection
// with TLS uses HTTPS_PROXY, one without HTTP_PROXY. See proxy.Dial for the errors.
func Dial(c *reactor.Conn) error {
	u, ok := c.Stack().Target()
	if !ok {
		return errors.New("proxyenv: Dial: want a connection made by Connect, before EvConnect")
	}
	scheme := "http"
	if c.IsTLS() {
		scheme = "https"
	}
	p, err := find(u, scheme)
	if err != nil || p == "" {
		return err
	}
	return proxy.Dial(c, p)
}

// find returns the proxy for the host and port of u, as for a URL with the scheme http or https.
func find(u reactor.URL, scheme string) (string, error) {
	switch {
	case u.Scheme == "unix":
		return "", nil
	case scheme == "":
		return "", fmt.Errorf("proxyenv: bad URL %q: unknown scheme %s", u.Redacted(), u.Scheme)
	}
	host := u.HostPort()
	if !u.HasPort {
		host = strings.TrimSuffix(host, ":0")
	}
	p, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: host}})
	if err != nil && os.Getenv("REQUEST_METHOD") != "" { // a request header "Proxy" sets HTTP_PROXY there
		return "", errors.New("proxyenv: HTTP_PROXY is not used in a CGI program")
	}
	name := strings.ToUpper(scheme) + "_PROXY"
	if err != nil || p == nil && !isLocal(u.Host) && !validProxy(cmp.Or(os.Getenv(name), os.Getenv(strings.ToLower(name)))) {
		return "", fmt.Errorf("proxyenv: %s in the environment is no URL of a proxy", name) // err has the credentials
	}
	if p == nil {
		return "", nil
	}
	return p.String(), nil
}

// validProxy reports whether net/http takes s for the URL of a proxy. If it does not, it ignores s,
// and would connect directly. s may be empty, and may have no scheme.
func validProxy(s string) bool {
	if p, err := url.Parse(s); s == "" || err == nil && p.Scheme != "" && p.Host != "" {
		return true
	}
	_, err := url.Parse("http://" + s)
	return err == nil
}

// isLocal reports whether net/http never uses a proxy for host.
func isLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
