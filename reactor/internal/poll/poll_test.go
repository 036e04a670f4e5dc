package poll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// found checks for ready descriptors and returns what was reported about fd.
func found(t *testing.T, p Poller, fd int) (what Interest) {
	t.Helper()
	batch, err := p.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range batch {
		if r.FD == fd {
			what |= r.Interest
		}
	}
	return what
}

func setInterest(t *testing.T, p Poller, fd int, old, new Interest) {
	t.Helper()
	if err := p.Set(fd, old, new); err != nil {
		t.Fatalf("set from %02b to %02b: %v", old, new, err)
	}
}

// fill writes until the socket takes no more.
func fill(t *testing.T, fd int) {
	t.Helper()
	for {
		if _, err := unix.Write(fd, make([]byte, 4096)); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// What is reported follows from what is asked for and the socket's state, and
// stays the same as long as both do.
func TestReadinessIsLevelTriggered(t *testing.T) {
	const both = Readable | Writable
	states := map[string]struct {
		make func(t *testing.T, a, b int)
		want Interest // if both are asked for
		all  bool     // a hang-up: more than was asked for may be reported
	}{
		"idle":                 {func(*testing.T, int, int) {}, Writable, false},
		"input":                {func(t *testing.T, _, b int) { unix.Write(b, []byte("x")) }, both, false},
		"full":                 {func(t *testing.T, a, _ int) { fill(t, a) }, 0, false},
		"input, full":          {func(t *testing.T, a, b int) { fill(t, a); fill(t, b) }, Readable, false},
		"half-closed":          {func(t *testing.T, _, b int) { unix.Shutdown(b, unix.SHUT_WR) }, both, false},
		"half-closed and full": {func(t *testing.T, a, b int) { fill(t, a); unix.Shutdown(b, unix.SHUT_WR) }, Readable, false},
		"hung up":              {func(t *testing.T, a, b int) { unix.Shutdown(a, unix.SHUT_RDWR) }, both, true},
	}
	onEach(t, func(t *testing.T, p Poller) {
		for name, s := range states {
			for _, asked := range interests[1:] {
				a, b := pair(t)
				s.make(t, a, b)
				setInterest(t, p, a, 0, asked)
				for range 3 {
					got := found(t, p, a)
					if s.all {
						got &= asked
					}
					if want := s.want & asked; got != want {
						t.Errorf("%s, asked for %02b: %02b reported, want %02b", name, asked, got, want)
					}
				}
				setInterest(t, p, a, asked, 0)
			}
		}
	})
}

// Every change of interest takes effect, also among events that were reported.
func TestInterestChanges(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		a, b := pair(t)
		unix.Write(b, []byte("x"))
		now := Interest(0)
		for _, old := range interests {
			for _, new := range interests {
				if old == new {
					continue
				}
				if now != old {
					setInterest(t, p, a, now, old)
				}
				setInterest(t, p, a, old, new)
				if got := found(t, p, a); got != new {
					t.Errorf("from %02b to %02b: %02b reported", old, new, got)
				}
				now = new
			}
		}
	})
}

// A descriptor without interest causes no wake-up, whatever happens to it. When it is
// registered again it is reported at once.
func TestRemovedDescriptorIsSilent(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		for _, asked := range interests[1:] {
			a, b := pair(t)
			setInterest(t, p, a, 0, asked)
			setInterest(t, p, a, asked, 0)
			for what, act := range map[string]func(){
				"input":      func() { unix.Write(b, []byte("x")) },
				"half close": func() { unix.Shutdown(b, unix.SHUT_WR) },
				"hang-up":    func() { unix.Shutdown(a, unix.SHUT_RDWR) },
			} {
				act()
				if batch, err := p.Check(); len(batch) != 0 || err != nil {
					t.Errorf("after %s: %v, %v", what, batch, err)
				}
			}
			setInterest(t, p, a, 0, asked)
			if got := found(t, p, a); got&asked == 0 {
				t.Errorf("asked for %02b again: %02b reported", asked, got)
			}
			setInterest(t, p, a, asked, 0)
		}
	})
}

// After a descriptor was removed and closed, its number stands for its new owner only.
func TestDescriptorReused(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		a, b := pair(t)
		unix.Write(b, []byte("x"))
		setInterest(t, p, a, 0, Readable|Writable)
		found(t, p, a)
		setInterest(t, p, a, Readable|Writable, 0)
		c, d := pair(t)
		if err := unix.Dup2(c, a); err != nil { // closes a and takes its number
			t.Fatal(err)
		}
		setInterest(t, p, a, 0, Readable)
		if got := found(t, p, a); got != 0 {
			t.Errorf("%02b reported about an idle successor", got)
		}
		unix.Write(d, []byte("x"))
		if got := found(t, p, a); got != Readable {
			t.Errorf("%02b reported about the successor's input", got)
		}
	})
}

// If more descriptors are ready than fit into one batch, all of them are reported in
// turn.
func TestMoreReadyThanOneBatch(t *testing.T) {
	const conns, looks = 600, 3 // a batch has 256
	onEach(t, func(t *testing.T, p Poller) {
		seen := map[int]int{}
		for range conns {
			a, _ := pair(t)
			setInterest(t, p, a, 0, Writable)
			seen[a] = 0
		}
		for round := 1; round <= 3; round++ {
			for range looks {
				batch, err := p.Check()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range batch {
					seen[r.FD] = round
				}
			}
			for fd, last := range seen {
				if last != round {
					t.Fatalf("descriptor %d was not reported in %d checks", fd, looks)
				}
			}
		}
	})
}

// A wait lasts at least its timeout if nothing becomes ready. Without a limit it lasts until a
// descriptor is ready.
func TestWaitBlocks(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		a, b := pair(t)
		setInterest(t, p, a, 0, Readable)
		for _, timeout := range []time.Duration{1, time.Millisecond + 1, 3 * time.Millisecond} {
			for tries := 1; ; tries++ { // a signal may end a wait early
				start := time.Now()
				if batch, err := p.Wait(timeout); len(batch) != 0 || err != nil {
					t.Fatalf("wait: %v, %v", batch, err)
				}
				took := time.Since(start)
				if took >= timeout {
					break
				}
				if tries == 100 {
					t.Fatalf("a wait of %v took %v, as all before it", timeout, took)
				}
			}
		}
		go unix.Write(b, []byte("x"))
		if batch, err := p.Wait(-1); len(batch) == 0 || batch[0] != (Ready{a, Readable}) || err != nil {
			t.Errorf("wait: %v, %v", batch, err)
		}
	})
}

// The poller's own descriptor is readable while Check would report something.
func TestPollerDescriptor(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		a, b := pair(t)
		setInterest(t, p, a, 0, Readable)
		for _, step := range []struct {
			act  func()
			want int
		}{
			{func() {}, 0},
			{func() { unix.Write(b, []byte("x")) }, 1},
			{func() { found(t, p, a) }, 1},
			{func() { setInterest(t, p, a, Readable, 0) }, 0},
			{func() { setInterest(t, p, a, 0, Readable) }, 1},
			{func() { unix.Read(a, make([]byte, 8)) }, 0},
		} {
			step.act()
			fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
			if n, err := unix.Poll(fds, 0); n != step.want || err != nil {
				t.Errorf("%d descriptors readable, want %d (%v)", n, step.want, err)
			}
		}
	})
}

// What becomes ready between Check and Wait is reported by Wait, however short its
// timeout is.
func TestWaitFindsWhatCameBeforeIt(t *testing.T) {
	onEach(t, func(t *testing.T, p Poller) {
		a, b := pair(t)
		setInterest(t, p, a, 0, Readable)
		for _, timeout := range []time.Duration{0, 1, time.Hour, -1} {
			if got := found(t, p, a); got != 0 {
				t.Fatalf("%02b reported about an idle socket", got)
			}
			unix.Write(b, []byte("x"))
			batch, err := p.Wait(timeout)
			if len(batch) == 0 || batch[0] != (Ready{a, Readable}) || err != nil {
				t.Errorf("a wait of %v: %v, %v", timeout, batch, err)
			}
			unix.Read(a, make([]byte, 8))
		}
	})
}
