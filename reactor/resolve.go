package reactor

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// resolutionDelay is how long IPv4 addresses wait for IPv6 ones, the "Resolution
// Delay" of RFC 8305 section 8.
const resolutionDelay = 50 * time.Millisecond

// resolve looks the name up, IPv6 and IPv4 addresses separately. The answers
// come back through Post; one that comes after the dialler has ended is dropped.
func (d *dialer) resolve() {
	m, host := d.c.mgr, d.url.Host
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.c.startClock(clockResolve)
	r := m.resolver
	for _, network := range []string{"ip6", "ip4"} {
		d.lookups++
		go func() {
			addrs, err := r.LookupNetIP(ctx, network, host)
			m.Post(func() { d.answered(network, addrs, err) })
		}()
	}
}

// giveUp goes on without the answers that did not come in time.
func (d *dialer) giveUp() {
	d.cancel()
	d.lookups = 0
	d.fault = &net.DNSError{UnwrapErr: os.ErrDeadlineExceeded, Err: "timeout", Name: d.url.Host, IsTimeout: true}
	if d.began {
		d.goOn()
	} else {
		d.resolved()
	}
}

// answered takes the answer to one of the look-ups. IPv4 addresses that come
// first wait a little for IPv6, and IPv6 addresses come first [RFC 8305 3, 4].
func (d *dialer) answered(network string, addrs []netip.Addr, err error) {
	if d.done || d.lookups == 0 { // 0: given up
		return
	}
	if d.lookups--; d.lookups == 0 {
		d.c.stopClock(clockResolve)
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
	if err != nil && (d.fault == nil || network == "ip4") {
		d.fault = err
	}
	switch {
	case d.began:
		d.add(d.addrs)
		d.goOn()
	case d.lookups == 0 || network == "ip6" && len(d.addrs) > 0:
		d.resolved()
	case len(d.addrs) > 0:
		d.stagger = d.c.mgr.AddTimer(resolutionDelay, TimerOnce, d.resolved)
	}
}

// goOn begins the next attempt if none is under way, or the last has had its
// time.
func (d *dialer) goOn() {
	if len(d.tries) == 0 || d.stagger == nil || d.stagger.pos < 0 {
		d.next()
	}
}

// resolved begins to connect to the addresses that are known.
func (d *dialer) resolved() {
	if d.done || d.began {
		return
	}
	if len(d.addrs) == 0 {
		if d.fault == nil {
			d.fault = &net.DNSError{Err: "no addresses", Name: d.url.Host, IsNotFound: true}
		}
		d.c.Fail(&net.OpError{Op: "dial", Net: d.network, Addr: namedAddr{d.network, d.url.HostPort()}, Err: d.fault})
		d.stop()
		return
	}
	d.began = true
	d.add(d.addrs)
	d.c.Call(EvResolve, nil)
	if d.c.over() {
		d.stop()
		return
	}
	d.c.startClock(clockConnect)
	d.next()
}

// add puts addresses that were not tried yet into the order of attempts.
func (d *dialer) add(addrs []netip.Addr) {
	for _, a := range d.left {
		addrs = append(addrs, a.Addr())
	}
	d.left, d.addrs = interleave(addrs, d.url.Port), nil
}

// interleave orders addresses so that the families alternate, beginning with
// that of the first [RFC 8305 4].
func interleave(addrs []netip.Addr, port uint16) []netip.AddrPort {
	var families [2][]netip.Addr
	for _, a := range addrs {
		k := 0
		if a.Is4() != addrs[0].Is4() {
			k = 1
		}
		families[k] = append(families[k], a)
	}
	var all []netip.AddrPort
	for i := range addrs {
		for _, f := range families {
			if i < len(f) {
				all = append(all, netip.AddrPortFrom(f[i], port))
			}
		}
	}
	return all
}

// isLocalhost says what never goes to a resolver [RFC 6761 6.3].
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
