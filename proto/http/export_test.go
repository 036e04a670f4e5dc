package http

// ClientHosts returns the number of hosts that a Client knows.
func ClientHosts(cl *Client) int {
	n := 0
	seen := make(map[*hostPool]bool)
	for _, h := range cl.hosts {
		if !seen[h] {
			seen[h] = true
			n++
		}
	}
	return n
}

// ParseLocation is parseLocation. It returns the URL of the socket, the Host header and the target.
func ParseLocation(url string) (socket, host, target string, err error) {
	loc, err := parseLocation(url)
	return loc.socket, loc.host, loc.target, err
}

// ResolveRedirect is resolveRedirect.
var ResolveRedirect = resolveRedirect
