//go:build linux

package poll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The parked wait is tested with any number of processors.
func init() {
	backends["epoll, parked"] = func(t testing.TB) Poller {
		p, err := newEpoll(true)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// parkedPair makes a poller with parked waits, and registers one end of a socketpair.
func parkedPair(t *testing.T) (p *epoll, a, b int) {
	t.Helper()
	p, err := newEpoll(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	a, b = pair(t)
	setInterest(t, p, a, 0, Readable)
	return p, a, b
}

// A deadline counts for one wait only.
func TestParkedWaits(t *testing.T) {
	p, a, b := parkedPair(t)
	for i, wait := range []struct{ before, timeout time.Duration }{
		{0, time.Millisecond},
		{0, -1},
		{time.Millisecond, time.Hour},
		{2 * time.Millisecond, -1},
		{0, time.Millisecond},
		{3 * time.Millisecond, -1},
	} {
		wakes := wait.before > 0 || wait.timeout < 0
		if wakes {
			time.AfterFunc(wait.before, func() { unix.Write(b, []byte("x")) })
		}
		p.parked.lastWasShort = false
		start := time.Now()
		batch, err := p.Wait(wait.timeout)
		took := time.Since(start)
		if err != nil || (len(batch) == 1) != wakes || !wakes && took < wait.timeout {
			t.Fatalf("wait %d: %v, %v after %v", i, batch, err, took)
		}
		unix.Read(a, make([]byte, 8))
	}
}

// The length of a wait, parked or not, decides how the next one waits.
func TestParkAfterLongWaits(t *testing.T) {
	p, _, b := parkedPair(t)
	for _, short := range []bool{false, true} {
		p.parked.lastWasShort = short
		if batch, err := p.Wait(time.Millisecond); len(batch) > 0 || err != nil || p.parked.lastWasShort {
			t.Errorf("%v, %v; short is %v, was %v", batch, err, p.parked.lastWasShort, short)
		}
	}
	unix.Write(b, []byte("x"))
	// A wait that finds something at once may take long on a busy machine, but not each time.
	for deadline := time.Now().Add(time.Minute); !p.parked.lastWasShort; {
		if n, err := p.parked.wait(-1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if time.Now().After(deadline) {
			t.Fatal("no wait was short")
		}
	}
}

// Input that comes before, during or after the parked wait ends that wait or the next.
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
		p.parked.lastWasShort = false
		if batch, err := p.Wait(time.Minute); len(batch) != 1 || err != nil {
			t.Fatalf("wait %d: %v, %v", i, batch, err)
		}
		unix.Read(a, make([]byte, 8))
	}
	close(begin)
	<-ended
}
