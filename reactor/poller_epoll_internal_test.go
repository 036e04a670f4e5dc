//go:build linux

package reactor

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Where Go has one processor, or as if it had.
func init() {
	backends["epoll, parked"] = func(t testing.TB) poller {
		p, err := newEpoll(true)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// What epoll is told, for every change of interest there is.
func TestEpollChange(t *testing.T) {
	const in, out, both = unix.EPOLLIN, unix.EPOLLOUT, unix.EPOLLIN | unix.EPOLLOUT
	events := map[interest]uint32{0: 0, readable: in, writable: out, readable | writable: both}
	for _, old := range interests {
		for _, new := range interests {
			op := unix.EPOLL_CTL_MOD
			switch {
			case old == new:
				continue
			case old == 0:
				op = unix.EPOLL_CTL_ADD
			case new == 0:
				op = unix.EPOLL_CTL_DEL
			}
			if gotOp, got := epollChange(old, new); gotOp != op || got != events[new] {
				t.Errorf("from %02b to %02b: operation %d, events %#x; want %d, %#x", old, new, gotOp, got, op, events[new])
			}
		}
	}
}

// What an event of epoll means: errors and hang-ups are everybody's.
func TestEpollInterest(t *testing.T) {
	const both = readable | writable
	for events, want := range map[uint32]interest{
		0:                               0,
		unix.EPOLLIN:                    readable,
		unix.EPOLLOUT:                   writable,
		unix.EPOLLIN | unix.EPOLLOUT:    both,
		unix.EPOLLERR:                   both,
		unix.EPOLLHUP:                   both,
		unix.EPOLLIN | unix.EPOLLHUP:    both,
		unix.EPOLLOUT | unix.EPOLLERR:   both,
		unix.EPOLLIN | unix.EPOLLRDHUP:  readable, // the read finds the end of stream
		unix.EPOLLPRI:                   0,
		unix.EPOLLPRI | unix.EPOLLRDHUP: 0,
	} {
		if got := epollInterest(events); got != want {
			t.Errorf("%#x means %02b, want %02b", events, got, want)
		}
	}
}

// A signal that interrupts the wait is no error, and nothing is reported.
func TestInterruptedWait(t *testing.T) {
	p, err := newEpoll(false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	a, _ := pair(t)
	if err := p.set(a, 0, readable); err != nil { // which never comes
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, over, ended := unix.Gettid(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			default:
				unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) // which Go's runtime is used to
				runtime.Gosched()
			}
		}
	}()
	batch, err := p.wait(-1) // ends for no other reason
	close(over)
	<-ended
	if len(batch) != 0 || err != nil {
		t.Errorf("wait: %v, %v; want nothing", batch, err)
	}
}

// parkedPair watches one end of a socketpair by parked waits.
func parkedPair(t *testing.T) (p *epoll, a, b int) {
	t.Helper()
	p, err := newEpoll(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.close() })
	a, b = pair(t)
	watch(t, p, a, 0, readable)
	return p, a, b
}

// A deadline is for its wait only.
func TestParkedWaits(t *testing.T) {
	p, a, b := parkedPair(t)
	for i, wait := range []struct{ before, timeout time.Duration }{
		{0, time.Millisecond}, {0, -1}, {time.Millisecond, time.Hour}, {2 * time.Millisecond, -1}, {0, time.Millisecond}, {3 * time.Millisecond, -1},
	} {
		wakes := wait.before > 0 || wait.timeout < 0
		if wakes {
			time.AfterFunc(wait.before, func() { unix.Write(b, []byte("x")) })
		}
		p.park.short = false
		start := time.Now()
		batch, err := p.wait(wait.timeout)
		took := time.Since(start)
		if err != nil || (len(batch) == 1) != wakes || !wakes && took < wait.timeout {
			t.Fatalf("wait %d: %v, %v after %v", i, batch, err, took)
		}
		unix.Read(a, make([]byte, 8))
	}
}

// The length of a wait, however it was done, decides how the next one is.
func TestParkAfterLongWaits(t *testing.T) {
	p, _, b := parkedPair(t)
	for _, short := range []bool{false, true} {
		p.park.short = short
		if batch, err := p.wait(time.Millisecond); len(batch) > 0 || err != nil || p.park.short {
			t.Errorf("%v, %v; short is %v, was %v", batch, err, p.park.short, short)
		}
	}
	unix.Write(b, []byte("x"))
	for range 1000 { // how long a wait takes that finds something at once is the machine's affair
		if n, err := p.park.wait(-1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if p.park.short {
			return
		}
	}
	t.Error("no wait was short")
}

// Whatever comes while the loop is on its way into the wait, is in it or on its way
// out of it ends that wait or the next.
func TestParkMissesNothing(t *testing.T) {
	p, a, b := parkedPair(t)
	begin, ended := make(chan int), make(chan struct{})
	go func() {
		defer close(ended)
		for n := range begin {
			for range n {
				unix.Getpid() // passes some time
			}
			unix.Write(b, []byte("x"))
		}
	}()
	for i := range 5000 {
		begin <- i % 50
		p.park.short = false
		if batch, err := p.wait(time.Minute); len(batch) != 1 || err != nil {
			t.Fatalf("wait %d: %v, %v", i, batch, err)
		}
		unix.Read(a, make([]byte, 8))
	}
	close(begin)
	<-ended
}
