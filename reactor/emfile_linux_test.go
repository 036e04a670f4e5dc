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

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// starving is set for a run of this binary that may take all its descriptors
// away from itself without harm to other tests.
const starving = "RIKKI_TEST_STARVING"

// Without descriptors the loop neither spins nor stops, says so once, and
// accepts as many more as are closed.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv(starving) != "" {
		t.Run("many", starve)
		t.Run("in crowds", churn)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOutOfDescriptors$", "-test.count=1", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), starving+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestOutOfDescriptors")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// limitFiles lets the process open n descriptors more, and no other.
func limitFiles(t *testing.T, n int) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	low := was
	var last int
	for _, f := range openFiles() { // the highest number counts, gaps are filled below
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

func starve(t *testing.T) {
	k := newClock()
	var log strings.Builder
	m := newManager(t, reactor.WithClock(k.now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
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
	other := listen(t, m, "tcp://127.0.0.1:0", l.Fn) // which has nobody waiting yet
	spin(t, m, 1)
	var peers []*peer
	for range 20 {
		peers = append(peers, dialRaw(t, l.LocalAddr()))
	}
	late := newPeer(t, open(t, other.LocalAddr().Addr(), unix.SOCK_STREAM))
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

	// Those that were accepted live on.
	peers[0].write("alive")
	await(t, m, "input", func() bool { return echoed == "alive" })

	// It looks again every second and does not say so again.
	for range 5 {
		k.advance(time.Second)
		spin(t, m, 2)
		idle(5, 1)
	}

	// Another listener starves as well; a dial fails with the reason.
	if err := unix.Connect(late.fd, sockaddr(other.LocalAddr())); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	spin(t, m, 3)
	idle(5, 1)
	r := &recorder{}
	dial(t, m, urlOf(l.LocalAddr().String()), r.handle)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	if err := r.err(t); !errors.Is(err, unix.EMFILE) {
		t.Errorf("dial: %v", err)
	}
	idle(5, 1)

	// One closes, one more is accepted, without waiting for the second.
	for i := range 3 {
		accepted[i].Close()
		await(t, m, "the next connection", func() bool { return len(accepted) == 6+i })
		idle(6+i, 1) // the want goes on, though one backlog was empty in between
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

// A want that comes and goes as connections do is said once, until there was
// none for a second.
func churn(t *testing.T) {
	k := newClock()
	var log strings.Builder
	m := newManager(t, reactor.WithClock(k.now), reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	var accepted []*reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			accepted = append(accepted, c)
		}
	})
	var peers []*peer
	for range 15 {
		peers = append(peers, newPeer(t, open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)))
	}
	limitFiles(t, 2)
	crowd := func(errs int) { // there is room for two of three
		t.Helper()
		had := len(accepted)
		for _, p := range peers[had : had+3] {
			if err := unix.Connect(p.fd, sockaddr(l.LocalAddr())); err != nil && err != unix.EINPROGRESS {
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
	k.advance(time.Second)
	spin(t, m, 2)
	crowd(2)
}
