package reactor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// dialler establishes one outgoing connection, in three steps: the name is
// resolved on other goroutines; the addresses are tried, a new attempt
// beginning when the last has failed or staggerTime has passed without news
// [RFC 8305 5]; the Conn gets the descriptor of the attempt that wins. It
// belongs to a Conn that is not established yet (see Conn.dialling), and ends with that.
type dialer struct {
	c *Conn
	socketKind
	url URL

	cancel  context.CancelFunc // the look-ups'
	lookups int                // not answered yet
	addrs   []netip.Addr       // answers that were not ordered yet
	fault   error              // of a look-up
	began   bool               // to connect
	left    []netip.AddrPort   // not tried yet
	tries   []*try             // under way
	errs    []error            // of those that failed
	stagger *Timer             // until the next attempt, or the first
	done    bool
}

// try is one attempt to connect.
type try struct {
	d    *dialer
	fd   int
	addr netip.AddrPort
}

// staggerTime is the "Connection Attempt Delay" of RFC 8305 section 8.
const staggerTime = 250 * time.Millisecond

func (d *dialer) start() {
	if d.network == "unix" {
		d.connectUnix()
		return
	}
	if isLocalhost(d.url.Host) {
		d.addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
		d.resolved()
		return
	}
	if a, err := netip.ParseAddr(d.url.Host); err == nil {
		d.addrs = []netip.Addr{a.Unmap()}
		d.resolved()
		return
	}
	d.resolve()
}

// next begins attempts until one is under way, or none is left.
func (d *dialer) next() {
	if d.stagger != nil {
		d.stagger.Stop()
	}
	for !d.done && len(d.left) > 0 {
		addr := d.left[0]
		d.left = d.left[1:]
		if err := d.begin(addr); err != nil {
			d.errs = append(d.errs, opError("dial", d.network, addr, err))
			continue
		}
		if !d.done && len(d.left)+d.lookups > 0 {
			d.stagger = d.c.mgr.AddTimer(staggerTime, TimerOnce, d.next)
		}
		return
	}
	if !d.done && len(d.tries) == 0 && d.lookups == 0 {
		d.fail()
	}
}

// begin starts to connect to addr.
func (d *dialer) begin(addr netip.AddrPort) error {
	fd, err := d.c.mgr.newSocket(poll.Family(addr.Addr()), d.kind)
	if err != nil {
		return err
	}
	t := &try{d: d, fd: fd, addr: addr}
	done, err := poll.Connect(fd, poll.Sockaddr(addr))
	if err == nil && !done {
		err = d.c.mgr.register(fd, t, poll.Writable)
	}
	if err != nil {
		d.c.mgr.unregister(fd)
		poll.Close(fd)
		return err
	}
	d.tries = append(d.tries, t)
	if done {
		d.win(t)
	}
	return nil
}

func (t *try) connected() bool {
	_, err := unix.Getpeername(t.fd)
	return err == nil
}

// ready hears that the attempt has ended.
func (t *try) ready(poll.Interest) {
	d := t.d
	err := poll.ConnectResult(t.fd)
	if err == nil && poll.LocalAddr(t.fd) == t.addr { // a free port chose itself; nobody listens there
		err = sysErr("connect", unix.ECONNREFUSED)
	}
	if err == nil {
		d.win(t)
		return
	}
	d.errs = append(d.errs, opError("dial", d.network, t.addr, err))
	d.drop(t)
	d.next()
}

// drop closes one attempt.
func (d *dialer) drop(t *try) {
	d.take(t)
	d.c.mgr.unregister(t.fd)
	poll.Close(t.fd)
}

// take takes an attempt out of those under way.
func (d *dialer) take(t *try) {
	d.tries = slices.DeleteFunc(d.tries, func(o *try) bool { return o == t })
}

// win gives the attempt's descriptor to the connection.
func (d *dialer) win(t *try) {
	d.take(t)
	d.c.setRemote(t.addr)
	d.established(t.fd)
}

func (d *dialer) established(fd int) {
	c := d.c
	d.stop()
	c.fd = int32(fd)
	if err := c.register(); err != nil {
		c.Fail(opError("register", c.network(), c.RemoteAddr(), err))
		return
	}
	c.mgr.log.Debug("connected", c.attrs()...)
	c.mark() // what was written before is sent now
	c.established()
	c.Call(EvConnect, nil)
	c.ext.dial = nil // StartTLS has asked it for the host
	if c.transport().pending() {
		c.wantInput()
	}
}

// look takes note of an attempt that has succeeded already: the loop may be late.
func (d *dialer) look() {
	if i := slices.IndexFunc(d.tries, (*try).connected); i >= 0 {
		d.tries[i].ready(poll.Writable)
	}
}

// expire ends the attempts that are still under way.
func (d *dialer) expire(after time.Duration) {
	late := &DeadlineError{"connect", after}
	for _, t := range d.tries {
		d.errs = append(d.errs, opError("dial", d.network, t.addr, late))
	}
	if len(d.tries) == 0 { // answers of the resolver were awaited
		d.errs = append(d.errs, late)
	}
	d.fail()
}

// fail says what was tried and what became of it.
func (d *dialer) fail() {
	d.stop()
	if len(d.errs) == 1 {
		d.c.Fail(d.errs[0])
		return
	}
	d.c.Fail(&net.OpError{Op: "dial", Net: d.network, Addr: namedAddr{d.network, d.url.HostPort()}, Err: dialErrors(d.errs)})
}

// stop closes what is under way.
func (d *dialer) stop() {
	d.done = true
	if d.stagger != nil {
		d.stagger.Stop()
	}
	if d.cancel != nil {
		d.cancel()
	}
	for len(d.tries) > 0 {
		d.drop(d.tries[0])
	}
	d.left = nil
}

func (d *dialer) connectUnix() {
	fd, err := d.c.mgr.newSocket(unix.AF_UNIX, d.kind)
	if err == nil {
		if _, err = poll.Connect(fd, &unix.SockaddrUnix{Name: d.url.Path}); err == nil {
			d.established(fd)
			return
		}
		poll.Close(fd)
	}
	d.stop()
	d.c.Fail(&net.OpError{Op: "dial", Net: "unix", Addr: namedAddr{"unix", d.url.Path}, Err: err})
}

// dialErrors is what became of several attempts.
type dialErrors []error

func (e dialErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e dialErrors) Unwrap() []error { return e }

// Timeout reports whether all attempts timed out, as net.Error has it.
func (e dialErrors) Timeout() bool {
	for _, err := range e {
		var t interface{ Timeout() bool }
		if !errors.As(err, &t) || !t.Timeout() {
			return false
		}
	}
	return len(e) > 0
}
