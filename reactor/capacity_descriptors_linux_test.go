package reactor_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Each of these tests lowers the limit of descriptors, so they run in a process of their own.
func TestDescriptorReserve(t *testing.T) {
	if os.Getenv(shortOfDescriptors) != "" {
		t.Run("at the reserve", testReserve)
		t.Run("no reserve", testNoReserve)
		t.Run("short connections without a reserve", testShortConnectionsWithoutReserve)
		t.Run("limit changes", testLimitChanges)
		t.Run("several listeners", testReserveOfSeveralListeners)
		t.Run("busy listeners", testReserveOfBusyListeners)
		t.Run("several managers", testReserveOfSeveralManagers)
		t.Run("too large", testReserveTooLarge)
		t.Run("default", testDefaultReserve)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDescriptorReserve$", "-test.count=1", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), shortOfDescriptors+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestDescriptorReserve")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// sockets makes the sockets of n clients, before descriptors are short.
func (h *house) sockets(n int) {
	h.t.Helper()
	for range n {
		h.peers = append(h.peers, looptest.NewSocket(h.t, looptest.Open(h.t, h.l.LocalAddr().Addr(), unix.SOCK_STREAM)))
	}
}

// join connects the socket of client i, and polls until it is accepted or refused.
func (h *house) join(i int) {
	h.t.Helper()
	before := h.m.Stats()
	if err := unix.Connect(h.peers[i].FD, h.sa); err != nil && err != unix.EINPROGRESS {
		h.t.Fatal(err)
	}
	await(h.t, h.m, "EvAccept, or the end of a refused client", func() bool {
		s := h.m.Stats()
		return s.Accepted+s.Refused > before.Accepted+before.Refused
	})
}

// free counts the descriptors that the process may still open.
func free(t *testing.T) (n int) {
	t.Helper()
	var fds []int
	for {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return len(fds)
}

// Accepted connections leave the reserve to the program, however many clients come. Nothing is
// logged as an error, and accepting is never suspended.
func testReserve(t *testing.T) {
	for _, when := range []reactor.WhenFull{reactor.EvictIdle, reactor.RefuseNew} {
		log := &looptest.Warnings{}
		h := newHouse(t, newManager(t, reactor.WithLogger(log.Logger()), reactor.WithDescriptorReserve(4)), "tcp://127.0.0.1:0", reactor.Limits{WhenFull: when})
		h.sockets(40)
		limitFiles(t, 9)
		for i := range 5 {
			h.join(i)
		}
		h.want(0)
		log.WantNone(t)
		if n := free(t); n != 4 {
			t.Fatalf("%d descriptors are left, want 4", n)
		}
		for i := 5; i < 40; i++ {
			h.join(i)
			if n := free(t); n != 4 {
				t.Fatalf("%d descriptors are left after client %d, want 4", n, i)
			}
		}
		if s := h.m.Stats(); when == reactor.EvictIdle && (s.Evicted != 35 || s.Refused != 0 || h.evicted[34] != 34) ||
			when == reactor.RefuseNew && (s.Evicted != 0 || s.Refused != 35) || s.Conns != 5 {
			t.Errorf("%+v", s)
		}
		log.WantOne(t, "only reserved file descriptors are left")
		h.m.Close()
		for _, p := range h.peers {
			p.Close()
		}
	}
}

// Without a reserve accept fails with EMFILE. Then an idle connection is evicted. If there is
// none, accepting is suspended as before.
func testNoReserve(t *testing.T) {
	log := &looptest.Warnings{}
	h := newHouse(t, newManager(t, reactor.WithLogger(log.Logger()), reactor.WithDescriptorReserve(-1)), "tcp://127.0.0.1:0", reactor.Limits{})
	h.sockets(15)
	limitFiles(t, 5)
	for i := range 11 {
		h.join(i)
	}
	h.want(0, 0, 1, 2, 3, 4, 5)
	log.WantOne(t, "only reserved file descriptors are left")
	if n := free(t); n != 0 {
		t.Errorf("%d descriptors are left, want 0", n)
	}
	crowd := h.peers[11:14] // they wait in the backlog at the same time
	for _, p := range crowd {
		if err := unix.Connect(p.FD, h.sa); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
	}
	await(t, h.m, "all three", func() bool { return len(h.conns) == 14 })
	h.want(0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	for _, c := range h.conns[9:] {
		c.Pause()
	}
	if err := unix.Connect(h.peers[14].FD, h.sa); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	spin(t, h.m, 5)
	if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "accept suspended") || pollable(t, h.m.Fd()) {
		t.Errorf("logged %q", lines)
	}
	h.conns[9].Close()
	await(t, h.m, "the last client", func() bool { return len(h.conns) == 15 })
}

// Without a reserve too, connections that a handler has closed in this turn keep no place.
func testShortConnectionsWithoutReserve(t *testing.T) {
	h := newHouse(t, newManager(t, reactor.WithDescriptorReserve(-1)), "tcp://127.0.0.1:0", reactor.Limits{})
	h.sockets(21)
	limitFiles(t, 2)
	h.join(0)
	h.then = func(c *reactor.Conn, ev reactor.Event) {
		if ev == reactor.EvAccept {
			c.Close()
		}
	}
	for _, p := range h.peers[1:] {
		if err := unix.Connect(p.FD, h.sa); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
	}
	await(t, h.m, "all", func() bool { return len(h.evicted) >= 20 })
	if s := h.m.Stats(); s.Evicted != 0 || s.Accepted != 21 || s.Conns != 1 {
		t.Errorf("%+v", s)
	}
}

// A limit that is raised counts at once. One that is lowered counts when descriptors run out.
func testLimitChanges(t *testing.T) {
	h := newHouse(t, newManager(t, reactor.WithDescriptorReserve(4)), "tcp://127.0.0.1:0", reactor.Limits{WhenFull: reactor.RefuseNew})
	h.sockets(12)
	limitFiles(t, 6)
	h.join(0)
	h.join(1)
	h.join(2)
	h.want(1)
	var limit unix.Rlimit
	looptest.Must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	limit.Cur += 2
	looptest.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	for i := range 3 {
		h.join(3 + i)
	}
	h.want(2)
	looptest.Must(t, h.l.SetLimits(reactor.Limits{}))
	limit.Cur -= 6 // all numbers below are in use, so accept fails
	looptest.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	h.join(6)
	h.want(2, 0, 1)
	limit.Cur += 6
	looptest.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
}

// The listener with the most idle connections gives one up, also for the client of another. TLS
// connections that wait for a slot count.
func testReserveOfSeveralListeners(t *testing.T) {
	m := newManager(t, reactor.WithDescriptorReserve(4), reactor.WithTLSHandshakes(reactor.TLSHandshakes{Concurrent: 1}))
	small := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{})
	large := &house{t: t, m: m}
	l, _ := tlsListen(t, m, serverConfig(), large.handle)
	large.use(l)
	small.sockets(3)
	large.sockets(3)
	limitFiles(t, 7)
	small.join(0)
	for i := range 2 {
		large.join(i)
		large.peers[i].WriteString("\x16\x03\x01")
		large.peers[i].AwaitDelivery()
		if i == 0 { // it keeps the only slot: it is paused, and its socket has input
			await(t, m, "a slot", func() bool { return m.Stats().TLSHandshaking == 1 })
			large.conns[0].Pause()
			large.peers[0].WriteString("\x00")
			large.peers[0].AwaitDelivery()
		}
		spin(t, m, 3)
	}
	small.join(1)
	if len(small.evicted) != 0 || len(large.evicted) != 1 {
		t.Errorf("evicted %v and %v", small.evicted, large.evicted)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
}

// The listener with the most connections that may be idle has only busy ones. So another one gives
// one up.
func testReserveOfBusyListeners(t *testing.T) {
	m := newManager(t, reactor.WithDescriptorReserve(4))
	small := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{})
	large := newHouse(t, m, "tcp://127.0.0.1:0", reactor.Limits{})
	small.sockets(2)
	large.sockets(4)
	limitFiles(t, 8)
	small.join(0)
	for i := range 3 {
		large.join(i)
		large.conns[i].Pause()
	}
	large.join(3)
	if len(small.evicted) != 1 || len(large.evicted) != 0 {
		t.Errorf("evicted %v and %v", small.evicted, large.evicted)
	}
	looptest.Must(t, reactor.CheckAccounts(m))
}

// The numbers of descriptors belong to the process. So a manager leaves the reserve alone if
// another one has used the descriptors. It evicts connections of its own only.
func testReserveOfSeveralManagers(t *testing.T) {
	a := newHouse(t, newManager(t, reactor.WithDescriptorReserve(4)), "tcp://127.0.0.1:0", reactor.Limits{})
	b := newHouse(t, newManager(t, reactor.WithDescriptorReserve(4)), "tcp://127.0.0.1:0", reactor.Limits{})
	a.sockets(5)
	b.sockets(2)
	limitFiles(t, 9)
	for i := range 4 {
		a.join(i)
	}
	b.join(0)
	b.want(0)
	b.join(1)
	b.want(0, 0)
	b.conns[1].Close()
	await(t, b.m, "a free descriptor", func() bool { return len(b.evicted) == 2 })
	a.join(4)
	a.want(0)
	if n := free(t); n != 4 {
		t.Errorf("%d descriptors are left, want 4", n)
	}
	a.m.Close() // b looks for what leaks
}

// A reserve that is larger than half of the limit counts as half of it.
func testReserveTooLarge(t *testing.T) {
	log := &looptest.Warnings{}
	limitFiles(t, 30)
	limit := reactor.DescriptorLimit()
	m := newManager(t, reactor.WithLogger(log.Logger()), reactor.WithDescriptorReserve(limit/2+1))
	log.WantOne(t, "descriptor reserve too large")
	if n := reactor.UsableDescriptors(m); n != limit-limit/2 {
		t.Errorf("numbers below %d of %d are usable", n, limit)
	}
	m = newManager(t, reactor.WithLogger(log.Logger()), reactor.WithDescriptorReserve(limit/2))
	if n := reactor.UsableDescriptors(m); n != limit-limit/2 {
		t.Errorf("numbers below %d of %d are usable", n, limit)
	}
	log.WantNone(t)
}

// The default is 64, or an eighth of the limit if that is less.
func testDefaultReserve(t *testing.T) {
	var was unix.Rlimit
	looptest.Must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	for limit, usable := range map[int]int{80: 70, 512: 448, 520: 456, 1000: 936} {
		low := was
		low.Cur = uint64(limit)
		looptest.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
		if n := reactor.UsableDescriptors(newManager(t)); n != usable {
			t.Errorf("of %d descriptors %d are usable, want %d", limit, n, usable)
		}
		if n := reactor.UsableDescriptors(newManager(t, reactor.WithDescriptorReserve(-1))); n != limit {
			t.Errorf("without a reserve %d of %d descriptors are usable", n, limit)
		}
	}
	looptest.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
}
