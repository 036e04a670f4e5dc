package reactor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// How outgoing connections are established [RFC 8305, "Happy Eyeballs"]. A host may have many
// addresses, and some of them may not answer. Trying one after the other would cost a timeout
// for each address that does not answer. So the dialer starts several attempts and uses the
// first that succeeds:
//
//  1. Resolve the host name on other goroutines, IPv6 and IPv4 separately (resolve.go). If
//     IPv4 answers first, it waits up to resolutionDelay for IPv6. IP literals and localhost
//     need no look-up.
//  2. Order the addresses so that IPv6 and IPv4 alternate, and raise EvResolve.
//  3. Start an attempt for the first address. Start the next one when an attempt has failed, or
//     after attemptDelay without a result. Addresses that are resolved later join the list.
//  4. Close the other attempts when the first one has succeeded. If all attempts have failed,
//     fail the Conn with all of their errors.
//  5. If the program has set an opening, such as that of a proxy, run it (opening.go).
//  6. Give the descriptor to the Conn and raise EvConnect.
//
// A resolver may return any number of addresses. A dialer makes at most maxAttempts attempts, so
// they hold neither the loop nor descriptors.
//
// A UNIX-domain socket has one address and connects at once.

// dialer establishes one outgoing connection. It belongs to a Conn that is not established
// yet. The Conn drops it after EvConnect.
type dialer struct {
	c *Conn
	socketKind
	url        URL                 // of the socket, see SetDialURL
	target     URL                 // as given to Connect
	newOpening func(*Conn) Opening // see Stack.SetOpening; may be nil
	started    bool                // start was called

	cancel         context.CancelFunc // cancels the look-ups; nil if there are none
	pendingLookups int                // look-ups without an answer
	addrs          []netip.Addr       // resolved addresses that are not in untried yet
	lookupErr      error              // error of a failed look-up
	connecting     bool               // attempts have begun
	untried        []netip.AddrPort   // addresses without an attempt, in order
	attempts       []*attempt         // attempts in progress
	begun          int                // attempts that have begun
	errs           []error            // errors of failed attempts
	attemptTimer   *Timer             // starts the next attempt, or the first one
	opening        *openingRun        // after an attempt has succeeded, while its opening is not done
	done           bool               // it has succeeded or failed, or was stopped
}

// attempt is one attempt to connect to one address.
type attempt struct {
	d    *dialer
	fd   int
	addr netip.AddrPort
}

// attemptDelay is the time between two attempts, the "Connection Attempt Delay" of RFC 8305
// section 8.
const attemptDelay = 250 * time.Millisecond

// maxAttempts bounds the attempts of one dialer, and with them its descriptors.
const maxAttempts = 16

// start begins to resolve or to connect. It is called in Poll, after EvOpen.
func (d *dialer) start() {
	d.started = true
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

// startNextAttempt starts the attempt for the next address. If that fails at once, it tries the
// address after that. If nothing is left to try or to wait for, the dialer fails.
func (d *dialer) startNextAttempt() {
	if d.attemptTimer != nil {
		d.attemptTimer.Stop()
	}
	for !d.done && len(d.untried) > 0 {
		addr := d.untried[0]
		d.untried = d.untried[1:]
		d.begun++
		if err := d.startAttempt(addr); err != nil {
			d.errs = append(d.errs, opError("dial", d.network, addr, err))
			continue
		}
		if !d.done && len(d.untried)+d.pendingLookups > 0 {
			d.attemptTimer = d.c.mgr.AddTimer(attemptDelay, TimerOnce, d.startNextAttempt)
		}
		return
	}
	if !d.done && len(d.attempts) == 0 && d.pendingLookups == 0 {
		d.fail()
	}
}

// startAttempt starts an attempt to connect to addr.
func (d *dialer) startAttempt(addr netip.AddrPort) error {
	if err := poll.CheckZone(addr.Addr()); err != nil {
		return err
	}
	fd, err := d.c.mgr.newSocket(poll.Family(addr.Addr()), d.sockType)
	if err != nil {
		return err
	}
	a := &attempt{d: d, fd: fd, addr: addr}
	err = d.c.mgr.controlSocket(fd, d.network, addr)
	if err == nil && d.sockType == unix.SOCK_DGRAM && hasManyPeers(addr.Addr()) { // a connected socket would hear none of them
		d.succeed(a)
		return nil
	}
	done := false
	if err == nil {
		done, err = poll.Connect(fd, poll.Sockaddr(addr))
	}
	if err == nil && !done {
		err = d.c.mgr.register(fd, a, poll.Writable)
	}
	if err != nil {
		d.c.mgr.unregister(fd)
		poll.Close(fd)
		return err
	}
	d.attempts = append(d.attempts, a)
	if done {
		d.succeed(a)
	}
	return nil
}

// connected reports whether the attempt has succeeded. It may have succeeded before the loop
// handles its readiness event.
func (a *attempt) connected() bool {
	_, err := unix.Getpeername(a.fd)
	return err == nil
}

// ready handles the result of the attempt: the poller calls it when the socket is writable.
func (a *attempt) ready(poll.Interest) {
	d := a.d
	err := poll.ConnectResult(a.fd)
	if err == nil && poll.LocalAddr(a.fd) == a.addr {
		// The system chose the target's port as the socket's own port, so the socket is
		// connected to itself. No server listens on that port.
		err = os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	if err == nil {
		d.succeed(a)
		return
	}
	d.errs = append(d.errs, opError("dial", d.network, a.addr, err))
	d.closeAttempt(a)
	d.startNextAttempt()
}

// closeAttempt closes one attempt in progress.
func (d *dialer) closeAttempt(a *attempt) {
	d.removeAttempt(a)
	d.c.mgr.unregister(a.fd)
	poll.Close(a.fd)
}

// removeAttempt removes an attempt from those in progress. Its descriptor stays open.
func (d *dialer) removeAttempt(a *attempt) {
	d.attempts = slices.DeleteFunc(d.attempts, func(o *attempt) bool { return o == a })
}

// succeed gives the attempt's descriptor to the connection.
func (d *dialer) succeed(a *attempt) {
	d.removeAttempt(a)
	d.c.setRemote(a.addr)
	d.open(a.fd)
}

// useDatagrams tells the transport of messages about its socket.
func (d *dialer) useDatagrams() error {
	t, ok := d.c.ext.transport.(*datagrams)
	if !ok {
		return nil
	}
	if remote := d.c.RemoteAddr(); hasManyPeers(remote.Addr()) {
		return t.bound(true, remote)
	}
	return t.bound(false, netip.AddrPort{})
}

// established makes fd the connection's descriptor and raises EvConnect.
func (d *dialer) established(fd int) {
	c := d.c
	d.stop()
	c.fd = int32(fd)
	err := d.useDatagrams()
	if err == nil {
		err = c.register()
	}
	if err != nil {
		c.Fail(opError("register", c.network(), c.RemoteAddr(), err))
		return
	}
	if c.mgr.verbose() {
		c.mgr.log.Debug("connected", c.attrs()...)
	}
	c.markDirty() // to send what was written before
	c.startDeadlines()
	c.Call(EvConnect, nil)
	c.ext.dial = nil // after EvConnect: a StartTLS in its handler needs the host name
	c.dropUnusedExtras()
	if c.transport().inputPending() {
		c.scheduleInput()
	}
}

// checkAttempts completes an attempt that has succeeded but whose readiness event the loop has not
// handled, and continues the opening. The watchdog calls it when the Connect deadline has passed,
// because the loop may be late.
func (d *dialer) checkAttempts() {
	if i := slices.IndexFunc(d.attempts, (*attempt).connected); i >= 0 {
		d.attempts[i].ready(poll.Writable)
	}
	if d.opening != nil {
		d.opening.run()
	}
}

// connectTimedOut fails the connection because the Connect deadline has passed. The argument after
// is the length of this deadline.
func (d *dialer) connectTimedOut(after time.Duration) {
	late := &DeadlineError{"connect", after}
	if d.opening != nil {
		d.openingFailed(d.opening.inStep(late))
		return
	}
	for _, a := range d.attempts {
		d.errs = append(d.errs, opError("dial", d.network, a.addr, late))
	}
	if len(d.attempts) == 0 { // all attempts have failed, and a look-up has no answer
		d.errs = append(d.errs, late)
	}
	d.fail()
}

// fail stops the dialer and fails the connection with the errors of all attempts.
func (d *dialer) fail() {
	d.stop()
	if len(d.errs) == 1 {
		d.c.Fail(d.errs[0])
		return
	}
	d.c.Fail(&net.OpError{Op: "dial", Net: d.network, Addr: namedAddr{d.network, d.url.HostPort()}, Err: dialErrors(d.errs)})
}

// stop ends the dialer: it cancels look-ups, closes the attempts in progress, and closes the
// opening.
func (d *dialer) stop() {
	d.done = true
	d.stopAttempts()
	if d.opening != nil {
		d.opening.close()
		d.opening = nil
	}
}

// stopAttempts cancels look-ups and closes the attempts in progress.
func (d *dialer) stopAttempts() {
	if d.pendingLookups > 0 {
		d.pendingLookups = 0
		d.c.stopDeadline(deadlineResolve)
	}
	if d.attemptTimer != nil {
		d.attemptTimer.Stop()
	}
	if d.cancel != nil {
		d.cancel()
	}
	for len(d.attempts) > 0 {
		d.closeAttempt(d.attempts[0])
	}
	d.untried = nil
}

// connectUnix connects to a UNIX-domain socket. The kernel answers at once.
func (d *dialer) connectUnix() {
	fd, err := d.c.mgr.newSocket(unix.AF_UNIX, d.sockType)
	if err == nil {
		if err = d.c.mgr.control(fd, "unix", d.url.Path); err == nil {
			_, err = poll.Connect(fd, &unix.SockaddrUnix{Name: d.url.Path})
		}
		if err == nil {
			d.open(fd)
			return
		}
		poll.Close(fd)
	}
	d.stop()
	d.c.Fail(&net.OpError{Op: "dial", Net: "unix", Addr: namedAddr{"unix", d.url.Path}, Err: err})
}

// dialErrors are the errors of several attempts, in the order in which they failed.
type dialErrors []error

func (e dialErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e dialErrors) Unwrap() []error { return e }

// Timeout reports whether all attempts timed out, for net.Error.
func (e dialErrors) Timeout() bool {
	for _, err := range e {
		var t interface{ Timeout() bool }
		if !errors.As(err, &t) || !t.Timeout() {
			return false
		}
	}
	return len(e) > 0
}
