//go:build linux

package poll

import (
	"math"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// epollChange returns the operation and the events for every change of interest.
func TestEpollChange(t *testing.T) {
	const in, out, both = unix.EPOLLIN, unix.EPOLLOUT, unix.EPOLLIN | unix.EPOLLOUT
	events := map[Interest]uint32{0: 0, Readable: in, Writable: out, Readable | Writable: both}
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

// epollInterest translates events. Errors and hang-ups count as readable and writable.
func TestEpollInterest(t *testing.T) {
	const both = Readable | Writable
	for events, want := range map[uint32]Interest{
		0:                               0,
		unix.EPOLLIN:                    Readable,
		unix.EPOLLOUT:                   Writable,
		unix.EPOLLIN | unix.EPOLLOUT:    both,
		unix.EPOLLERR:                   both,
		unix.EPOLLHUP:                   both,
		unix.EPOLLIN | unix.EPOLLHUP:    both,
		unix.EPOLLOUT | unix.EPOLLERR:   both,
		unix.EPOLLIN | unix.EPOLLRDHUP:  Readable, // the read finds the end of stream
		unix.EPOLLPRI:                   0,
		unix.EPOLLPRI | unix.EPOLLRDHUP: 0,
	} {
		if got := epollInterest(events); got != want {
			t.Errorf("%#x means %02b, want %02b", events, got, want)
		}
	}
}

// A signal that interrupts a wait is not an error.
func TestInterruptedWait(t *testing.T) {
	p, err := newEpoll(false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a, _ := pair(t)
	setInterest(t, p, a, 0, Readable) // a never becomes readable
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
				unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) // Go's runtime handles this signal
				runtime.Gosched()
			}
		}
	}()
	batch, err := p.Wait(-1) // ends for no other reason
	close(over)
	<-ended
	if len(batch) != 0 || err != nil {
		t.Errorf("wait: %v, %v; want nothing", batch, err)
	}
}

// interrupt makes the next blocking call of p fail with EINTR, as happens when a stopped
// process continues. Before that it calls meanwhile.
func interrupt(p *epoll, meanwhile func()) {
	p.wait = func(int, []unix.EpollEvent, int) (int, error) {
		p.wait = unix.EpollWait
		meanwhile()
		return -1, unix.EINTR
	}
}

// What became ready before an interrupted wait returns is reported by that wait.
func TestInterruptedWaitLooks(t *testing.T) {
	for name, parks := range map[string]bool{"epoll": false, "epoll, parked": true} {
		t.Run(name, func(t *testing.T) {
			p, err := newEpoll(parks)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			a, b := pair(t)
			setInterest(t, p, a, 0, Readable)
			for _, tc := range []struct {
				meanwhile func()
				want      int
			}{
				{func() {}, 0},
				{func() { unix.Write(b, []byte("x")) }, 1},
			} {
				if parks {
					p.parked.lastWasShort = true // it waits in the system call
				}
				interrupt(p, tc.meanwhile)
				batch, err := p.Wait(-1)
				if len(batch) != tc.want || err != nil {
					t.Fatalf("wait: %v, %v; want %d reports", batch, err, tc.want)
				}
				if tc.want == 1 && batch[0] != (Ready{a, Readable}) {
					t.Errorf("wait: %v", batch)
				}
			}
		})
	}
}

func TestMillisecondsRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		math.MinInt64:                          -1,
		-time.Millisecond:                      -1,
		-1:                                     -1,
		0:                                      0,
		1:                                      1,
		time.Millisecond - 1:                   1,
		time.Millisecond:                       1,
		time.Millisecond + 1:                   2,
		24 * time.Hour:                         86400000,
		(math.MaxInt32 + 1) * time.Millisecond: math.MaxInt32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%d ns are %d ms, want %d", d, got, want)
		}
	}
}

// With every timeout, epoll blocks only if the timeout is not 0, and without limit only if it
// is negative.
func TestMillisecondsOfExtremes(t *testing.T) {
	for _, timeout := range []time.Duration{
		math.MinInt64, -1, 0, 1, time.Millisecond, time.Second, 23 * time.Hour, 25 * time.Hour,
		math.MaxInt32 * time.Millisecond, (math.MaxInt32 + 1) * time.Millisecond,
		math.MaxInt64 - 1, math.MaxInt64,
	} {
		got := milliseconds(timeout)
		if got < 0 != (timeout < 0) || got == 0 != (timeout == 0) || got > math.MaxInt32 {
			t.Errorf("a timeout of %d makes epoll wait %d ms", timeout, got)
		}
	}
}
