package reactor

import (
	"errors"
	"math"
	"math/bits"
	"testing"
	"unsafe"
)

// A heldSize is at least the number, at most 0.1 % more, and larger for larger numbers.
func TestHeldSizeIsRoundedUp(t *testing.T) {
	last := heldSize(0)
	for n := 0; n < 1<<(bits.UintSize*5/8); n += 1 + n/1000 {
		h := roundHeld(n)
		if got := h.bytes(); got < n || got > n+n/1000 || h < last {
			t.Fatalf("%d is rounded to %d, as %d after %d", n, got, h, last)
		}
		last = h
	}
	for n := 1; n <= 1<<(bits.UintSize*5/8); n *= 2 {
		if got := roundHeld(n).bytes(); got != n {
			t.Errorf("%d is rounded to %d", n, got)
		}
	}
	if n := math.MaxInt; bits.UintSize == 64 && roundHeld(n) != 1<<16-1 {
		t.Error("a huge number is not the largest heldSize")
	}
}

// One check fails a bounded number of connections, the largest ones. The next one goes on.
func TestOneCheckFailsABoundedNumber(t *testing.T) {
	m := quiet(t)
	failed := 0
	var conns []*Conn
	for range maxFailuresPerCheck + 50 {
		c, _ := wrap(t, m, func(_ *Conn, ev Event, data any) {
			if ev == EvError && errors.Is(data.(error), ErrMemoryBudget) {
				failed++
			}
		})
		conns = append(conns, c)
	}
	turns(t, m, 1)
	for i, c := range conns {
		c.Stack().AddHeld(10000 + i)
	}
	m.budget.limit = 8
	m.checkBudget()
	if failed != maxFailuresPerCheck {
		t.Fatalf("%d have failed", failed)
	}
	for i, c := range conns {
		if c.is(failedFlag) != (i >= 50) {
			t.Fatalf("connection %d has failed: %v", i, c.is(failedFlag))
		}
	}
	m.checkBudget()
	if failed != len(conns) || m.budget.held != 0 {
		t.Errorf("%d have failed, %d bytes are held", failed, m.budget.held)
	}
}

// What idle connections cost in memory.
func TestSizeOfConn(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 192 {
		t.Errorf("a Conn has %d bytes", n)
	}
	if n := unsafe.Sizeof(registration{}); n > 32 {
		t.Errorf("a registration has %d bytes", n)
	}
}

const failedFlag = failed
