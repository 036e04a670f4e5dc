package reactor

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// resolutionDelay is how long IPv4 addresses wait for IPv6 ones, the "Resolution
// Delay" of RFC 8305 section 8.
const resolutionDelay = 50 * time.Millisecond

// resolve looks up the IPv6 and the IPv4 addresses of the host name on two goroutines. Post
// brings the answers to the loop. Answers after the end of the dialer are ignored.
func (d *dialer) resolve() {
	m, host := d.c.mgr, d.url.Host
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.c.startDeadline(deadlineResolve)
	resolver := m.resolver
	for _, network := range []string{"ip6", "ip4"} {
		d.pendingLookups++
		go func() {
			addrs, err := resolver.LookupNetIP(ctx, network, host)
			m.Post(func() { d.lookupDone(network, addrs, err) })
		}()
	}
}

// lookupTimedOut cancels the look-ups because the Resolve deadline has passed. The dialer
// continues with the addresses that it has.
func (d *dialer) lookupTimedOut() {
	d.cancel()
	d.pendingLookups = 0
	d.lookupErr = &net.DNSError{UnwrapErr: os.ErrDeadlineExceeded, Err: "timeout", Name: d.url.Host, IsTimeout: true}
	if d.connecting {
		d.startAttemptIfDue()
	} else {
		d.resolved()
	}
}

// lookupDone handles the answer of one look-up. network is "ip4" or "ip6". If the IPv4
// addresses arrive first, they wait for IPv6 during resolutionDelay. In the list of addresses,
// IPv6 comes before IPv4 [RFC 8305 3, 4].
func (d *dialer) lookupDone(network string, addrs []netip.Addr, err error) {
	if d.done || d.pendingLookups == 0 { // 0: the look-ups have timed out
		return
	}
	if d.pendingLookups--; d.pendingLookups == 0 {
		d.c.stopDeadline(deadlineResolve)
	}
	var known []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() == (network == "ip4") {
			known = append(known, a)
		}
	}
	if network == "ip6" {
		d.addrs = append(known, d.addrs...)
	} else {
		d.addrs = append(d.addrs, known...)
	}
	if err != nil && (d.lookupErr == nil || network == "ip4") {
		d.lookupErr = err
	}
	switch {
	case d.connecting:
		d.addUntried(d.addrs)
		d.startAttemptIfDue()
	case d.pendingLookups == 0 || network == "ip6" && len(d.addrs) > 0:
		d.resolved()
	case len(d.addrs) > 0:
		d.attemptTimer = d.c.mgr.AddTimer(resolutionDelay, TimerOnce, d.resolved)
	}
}

// startAttemptIfDue starts the next attempt if none is in progress, or if attemptDelay has passed
// since the last one began.
func (d *dialer) startAttemptIfDue() {
	if len(d.attempts) == 0 || d.attemptTimer == nil || d.attemptTimer.pos < 0 {
		d.startNextAttempt()
	}
}

// resolved raises EvResolve and starts the first attempt. If no address is known, it fails the
// connection.
func (d *dialer) resolved() {
	if d.done || d.connecting {
		return
	}
	if len(d.addrs) == 0 {
		if d.lookupErr == nil {
			d.lookupErr = &net.DNSError{Err: "no addresses", Name: d.url.Host, IsNotFound: true}
		}
		d.c.Fail(&net.OpError{Op: "dial", Net: d.network, Addr: namedAddr{d.network, d.url.HostPort()}, Err: d.lookupErr})
		d.stop()
		return
	}
	d.connecting = true
	d.addUntried(d.addrs)
	d.c.Call(EvResolve, nil)
	if d.c.inputOver() {
		d.stop()
		return
	}
	d.c.startDeadline(deadlineConnect)
	d.startNextAttempt()
}

// addUntried puts new addresses in front of the untried ones and orders all of them again. It
// keeps as many as may still be tried.
func (d *dialer) addUntried(addrs []netip.Addr) {
	for _, a := range d.untried {
		addrs = append(addrs, a.Addr())
	}
	all := interleave(addrs, d.url.Port)
	d.untried, d.addrs = slices.Clone(all[:min(len(all), maxAttempts-d.begun)]), nil
}

// interleave orders addresses so that IPv6 and IPv4 alternate, and gives them the port. The
// family of addrs[0] comes first [RFC 8305 4].
func interleave(addrs []netip.Addr, port uint16) []netip.AddrPort {
	var families [2][]netip.Addr
	for _, a := range addrs {
		family := 0
		if a.Is4() != addrs[0].Is4() {
			family = 1
		}
		families[family] = append(families[family], a)
	}
	var all []netip.AddrPort
	for i := range addrs {
		for _, family := range families {
			if i < len(family) {
				all = append(all, netip.AddrPortFrom(family[i], port))
			}
		}
	}
	return all
}

// isLocalhost reports whether host is localhost or ends with .localhost. Such names never go to
// a resolver [RFC 6761 6.3].
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
