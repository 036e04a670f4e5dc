package reactor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// found waits, without blocking, and returns what was reported about fd.
func found(t *testing.T, p poller, fd int) (what interest) {
	t.Helper()
	batch, err := p.wait(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range batch {
		if r.fd == fd {
			what |= r.what
		}
	}
	return what
}

func watch(t *testing.T, p poller, fd int, old, new interest) {
	t.Helper()
	if err := p.set(fd, old, new); err != nil {
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
	const both = readable | writable
	states := map[string]struct {
		make func(t *testing.T, a, b int)
		want interest // if both are asked for
		all  bool     // a hang-up: more than was asked for may be reported
	}{
		"idle":                 {func(*testing.T, int, int) {}, writable, false},
		"input":                {func(t *testing.T, _, b int) { unix.Write(b, []byte("x")) }, both, false},
		"full":                 {func(t *testing.T, a, _ int) { fill(t, a) }, 0, false},
		"input, full":          {func(t *testing.T, a, b int) { fill(t, a); fill(t, b) }, readable, false},
		"half-closed":          {func(t *testing.T, _, b int) { unix.Shutdown(b, unix.SHUT_WR) }, both, false},
		"half-closed and full": {func(t *testing.T, a, b int) { fill(t, a); unix.Shutdown(b, unix.SHUT_WR) }, readable, false},
		"hung up":              {func(t *testing.T, a, b int) { unix.Shutdown(a, unix.SHUT_RDWR) }, both, true},
	}
	onEach(t, func(t *testing.T, p poller) {
		for name, s := range states {
			for _, asked := range interests[1:] {
				a, b := pair(t)
				s.make(t, a, b)
				watch(t, p, a, 0, asked)
				for range 3 {
					got := found(t, p, a)
					if s.all {
						got &= asked
					}
					if want := s.want & asked; got != want {
						t.Errorf("%s, asked for %02b: %02b reported, want %02b", name, asked, got, want)
					}
				}
				watch(t, p, a, asked, 0)
			}
		}
	})
}

// Every change of interest takes effect, also among events that were reported.
func TestInterestChanges(t *testing.T) {
	onEach(t, func(t *testing.T, p poller) {
		a, b := pair(t)
		unix.Write(b, []byte("x"))
		now := interest(0)
		for _, old := range interests {
			for _, new := range interests {
				if old == new {
					continue
				}
				if now != old {
					watch(t, p, a, now, old)
				}
				watch(t, p, a, old, new)
				if got := found(t, p, a); got != new {
					t.Errorf("from %02b to %02b: %02b reported", old, new, got)
				}
				now = new
			}
		}
	})
}

// A descriptor without interest causes no wake-up, whatever becomes of it, and
// is reported again as soon as it is asked for.
func TestRemovedDescriptorIsSilent(t *testing.T) {
	onEach(t, func(t *testing.T, p poller) {
		for _, asked := range interests[1:] {
			a, b := pair(t)
			watch(t, p, a, 0, asked)
			watch(t, p, a, asked, 0)
			for what, act := range map[string]func(){
				"input":      func() { unix.Write(b, []byte("x")) },
				"half close": func() { unix.Shutdown(b, unix.SHUT_WR) },
				"hang-up":    func() { unix.Shutdown(a, unix.SHUT_RDWR) },
			} {
				act()
				if batch, err := p.wait(0); len(batch) != 0 || err != nil {
					t.Errorf("after %s: %v, %v", what, batch, err)
				}
			}
			watch(t, p, a, 0, asked)
			if got := found(t, p, a); got&asked == 0 {
				t.Errorf("asked for %02b again: %02b reported", asked, got)
			}
			watch(t, p, a, asked, 0)
		}
	})
}

// The number of a removed and closed descriptor stands for its successor only.
func TestDescriptorReused(t *testing.T) {
	onEach(t, func(t *testing.T, p poller) {
		a, b := pair(t)
		unix.Write(b, []byte("x"))
		watch(t, p, a, 0, readable|writable)
		found(t, p, a)
		watch(t, p, a, readable|writable, 0)
		c, d := pair(t)
		if err := unix.Dup2(c, a); err != nil { // closes a and takes its number
			t.Fatal(err)
		}
		watch(t, p, a, 0, readable)
		if got := found(t, p, a); got != 0 {
			t.Errorf("%02b reported about an idle successor", got)
		}
		unix.Write(d, []byte("x"))
		if got := found(t, p, a); got != readable {
			t.Errorf("%02b reported about the successor's input", got)
		}
	})
}

// More descriptors than fit into one batch get their turns.
func TestMoreReadyThanOneBatch(t *testing.T) {
	const conns, waits = 600, 3 // a batch has 256
	onEach(t, func(t *testing.T, p poller) {
		seen := map[int]int{}
		for range conns {
			a, _ := pair(t)
			watch(t, p, a, 0, writable)
			seen[a] = 0
		}
		for round := 1; round <= 3; round++ {
			for range waits {
				batch, err := p.wait(0)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range batch {
					seen[r.fd] = round
				}
			}
			for fd, last := range seen {
				if last != round {
					t.Fatalf("descriptor %d was not reported in %d waits", fd, waits)
				}
			}
		}
	})
}

// How long a wait blocks: 0 not at all, a time-out not shorter, without limit
// until there is something.
func TestWaitBlocks(t *testing.T) {
	onEach(t, func(t *testing.T, p poller) {
		a, b := pair(t)
		watch(t, p, a, 0, readable)
		for _, timeout := range []time.Duration{1, time.Millisecond + 1, 3 * time.Millisecond} {
			start := time.Now()
			if batch, err := p.wait(timeout); len(batch) != 0 || err != nil {
				t.Fatalf("wait: %v, %v", batch, err)
			}
			if took := time.Since(start); took < timeout {
				t.Errorf("a wait of %v took %v", timeout, took)
			}
		}
		go unix.Write(b, []byte("x"))
		if batch, err := p.wait(-1); len(batch) == 0 || batch[0] != (readiness{a, readable}) || err != nil {
			t.Errorf("wait: %v, %v", batch, err)
		}
	})
}

// The poller's own descriptor is readable when a wait would return something.
func TestPollerDescriptor(t *testing.T) {
	onEach(t, func(t *testing.T, p poller) {
		a, b := pair(t)
		watch(t, p, a, 0, readable)
		for _, step := range []struct {
			act  func()
			want int
		}{
			{func() {}, 0},
			{func() { unix.Write(b, []byte("x")) }, 1},
			{func() { found(t, p, a) }, 1},
			{func() { watch(t, p, a, readable, 0) }, 0},
			{func() { watch(t, p, a, 0, readable) }, 1},
			{func() { unix.Read(a, make([]byte, 8)) }, 0},
		} {
			step.act()
			fds := []unix.PollFd{{Fd: int32(p.descriptor()), Events: unix.POLLIN}}
			if n, err := unix.Poll(fds, 0); n != step.want || err != nil {
				t.Errorf("%d descriptors readable, want %d (%v)", n, step.want, err)
			}
		}
	})
}

// The fake refuses what kqueue refuses, or a wrong old would not be noticed.
func TestFakeKqueueRefuses(t *testing.T) {
	for _, tc := range []struct {
		is, old, new interest
		want         error
	}{
		{0, readable, 0, errNoFilter},
		{0, writable, readable, errNoFilter},
		{readable, writable, 0, errNoFilter},
		{writable, 0, writable, errTwoFilters},
		{readable, 0, readable | writable, errTwoFilters},
		{writable, writable, writable, errNothingToDo},
	} {
		f := newFakeKqueue(t, bsdNumbers)
		a, _ := pair(t)
		if tc.is != 0 {
			watch(t, f, a, 0, tc.is)
		}
		if err := f.set(a, tc.old, tc.new); err != tc.want {
			t.Errorf("%02b, from %02b to %02b: %v, want %v", tc.is, tc.old, tc.new, err, tc.want)
		}
		f.close()
	}
}
