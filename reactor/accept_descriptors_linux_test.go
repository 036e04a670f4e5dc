package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A process has no descriptor left. A listener does not spin on the connection that it
// cannot accept: it logs the error once, does not accept for a second, and tries again.
func TestAcceptWithoutDescriptors(t *testing.T) {
	m, k := timed(t, reactor.WithLogger(slog.New(slog.DiscardHandler)))
	var log strings.Builder
	noisy := newManager(t, reactor.WithClock(k.Now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r := &recorder{}
	l := listen(t, noisy, "tcp://127.0.0.1:0", r.Handle)
	spin(t, noisy, 2)
	looptest.DialSocket(t, l.LocalAddr())

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3 // below what is open: nothing more can be opened
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	spin(t, noisy, 5)
	quiet := !pollable(t, noisy.Fd())
	_, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); e != nil {
		t.Fatal(e)
	}
	if err == nil {
		t.Error("there was a descriptor left for Listen")
	}
	if !quiet {
		t.Error("the connection that cannot be accepted keeps waking the loop")
	}
	if n := strings.Count(log.String(), "level=ERROR msg=\"accept suspended"); n != 1 {
		t.Errorf("%d records in %q, want 1", n, log.String())
	}
	k.Advance(time.Second - 1)
	if spin(t, noisy, 3); r.Count(reactor.EvAccept) != 0 {
		t.Error("accepted before the second had passed")
	}
	k.Advance(1)
	await(t, noisy, "EvAccept", r.Saw(reactor.EvAccept))
	r.Want(t, "OPEN OPEN ACCEPT")
}

// shortOfDescriptors is set for a run of this binary that may use up all its descriptors.
// No other test runs in it.
const shortOfDescriptors = "RIKKI_TEST_STARVING"

// Without descriptors the loop neither spins nor stops. It logs one error. For each
// descriptor that is closed it accepts one more connection.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv(shortOfDescriptors) != "" {
		t.Run("many", testOutOfDescriptors)
		t.Run("shortage that comes and goes", testShortageComesAndGoes)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOutOfDescriptors$", "-test.count=1", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), shortOfDescriptors+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestOutOfDescriptors")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// limitFiles lets the process open n descriptors more.
func limitFiles(t *testing.T, n int) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	low := was
	var last int
	for _, f := range looptest.OpenFiles() { // the highest number counts, gaps are filled below
		var fd int
		fmt.Sscan(f, &fd)
		last = max(last, fd)
	}
	for { // fill the gaps
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if fd > last {
			unix.Close(fd)
			break
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
	low.Cur = uint64(last + 1 + n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &was) })
}

func testOutOfDescriptors(t *testing.T) {
	k := looptest.NewClock()
	var log strings.Builder
	m := newManager(t, reactor.WithClock(k.Now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		reactor.WithDescriptorReserve(-1), reactor.WithLimits(reactor.Limits{WhenFull: reactor.RefuseNew}))
	var accepted []*reactor.Conn
	echoed := ""
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvAccept:
			accepted = append(accepted, c)
		case reactor.EvRead:
			echoed += string(c.Recv.Bytes())
			c.Recv.Reset()
		}
	})
	other := listen(t, m, "tcp://127.0.0.1:0", l.Fn) // its backlog is empty
	spin(t, m, 1)
	var peers []*peer
	for range 20 {
		peers = append(peers, looptest.DialSocket(t, l.LocalAddr()))
	}
	late := looptest.NewSocket(t, looptest.Open(t, other.LocalAddr().Addr(), unix.SOCK_STREAM))
	limitFiles(t, 5)

	idle := func(accepts, errs int) {
		t.Helper()
		before := m.Stats()
		spin(t, m, 5)
		if len(accepted) != accepts || strings.Count(log.String(), "level=ERROR") != errs {
			t.Fatalf("%d accepted, want %d; %d errors logged, want %d:\n%s",
				len(accepted), accepts, strings.Count(log.String(), "level=ERROR"), errs, log.String())
		}
		if pollable(t, m.Fd()) || m.NextTimeout() <= 0 || m.NextTimeout() > time.Second {
			t.Fatalf("the loop would spin: Fd readable %v, NextTimeout %v", pollable(t, m.Fd()), m.NextTimeout())
		}
		if after := m.Stats(); after.Failed != before.Failed {
			t.Errorf("%d connections failed", after.Failed-before.Failed)
		}
	}
	spin(t, m, 5)
	idle(5, 1)
	if !strings.Contains(log.String(), "too many open files") {
		t.Errorf("the reason is missing: %s", log.String())
	}

	// Accepted connections still work.
	peers[0].WriteString("alive")
	await(t, m, "input", func() bool { return echoed == "alive" })

	// The listener tries again every second and logs nothing more.
	for range 5 {
		k.Advance(time.Second)
		spin(t, m, 2)
		idle(5, 1)
	}

	// Another listener has no descriptor either. The error of a dial has the reason.
	if err := unix.Connect(late.FD, looptest.Sockaddr(other.LocalAddr())); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	spin(t, m, 3)
	idle(5, 1)
	r := &recorder{}
	dial(t, m, urlOf(l.LocalAddr().String()), r.Handle)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	if err := r.Err(t); !errors.Is(err, unix.EMFILE) {
		t.Errorf("dial: %v", err)
	}
	idle(5, 1)

	// One closes, one more is accepted, without waiting for the second.
	for i := range 3 {
		accepted[i].Close()
		await(t, m, "the next connection", func() bool { return len(accepted) == 6+i })
		idle(6+i, 1) // the shortage continues, although one backlog was empty in between
	}

	// Enough for all.
	for _, c := range accepted {
		c.Close()
	}
	for i := 0; len(accepted) < 21; i++ {
		if i > turns {
			t.Fatalf("%d accepted in the end, want 21", len(accepted))
		}
		spin(t, m, 1)
		for _, c := range accepted {
			c.Close()
		}
	}
}

// A shortage of descriptors that comes and goes as connections do is logged once, until
// there was none for a second.
func testShortageComesAndGoes(t *testing.T) {
	k := looptest.NewClock()
	var log strings.Builder
	m := newManager(t, reactor.WithClock(k.Now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		reactor.WithDescriptorReserve(-1), reactor.WithLimits(reactor.Limits{WhenFull: reactor.RefuseNew}))
	var accepted []*reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			accepted = append(accepted, c)
		}
	})
	var peers []*peer
	for range 15 {
		peers = append(peers, looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)))
	}
	limitFiles(t, 2)
	crowd := func(errs int) { // there are descriptors for two of three
		t.Helper()
		had := len(accepted)
		for _, p := range peers[had : had+3] {
			if err := unix.Connect(p.FD, looptest.Sockaddr(l.LocalAddr())); err != nil && err != unix.EINPROGRESS {
				t.Fatal(err)
			}
		}
		await(t, m, "EvAccept of two", func() bool { return len(accepted) == had+2 })
		spin(t, m, 2)
		if n := strings.Count(log.String(), "level=ERROR"); n != errs {
			t.Fatalf("%d errors logged, want %d:\n%s", n, errs, &log)
		}
		for _, c := range accepted {
			c.Close()
		}
		await(t, m, "EvAccept of the third", func() bool { return len(accepted) == had+3 })
		accepted[had+2].Close()
		spin(t, m, 2)
	}
	for range 4 {
		crowd(1)
	}
	k.Advance(time.Second)
	spin(t, m, 2)
	crowd(2)
}
