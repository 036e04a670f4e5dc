//go:build linux

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// These benchmarks have timers of the loop beside time.AfterFunc, with others that do not become
// due meanwhile. The clock of the loop is its own.

var timerCounts = []int{10, 10_000, 100_000}

// newTimerLoop makes a loop with n timers that are due in different seconds of the next hour.
func newTimerLoop(b *testing.B, n int) *reactor.Manager {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	for i := range n {
		m.AddTimer(laterTimer(i), reactor.TimerOnce, func() {})
	}
	return m
}

func laterTimer(i int) time.Duration {
	return time.Hour + time.Duration(i*7919%3600)*time.Second
}

// afterFuncs starts n timers of the runtime.
func afterFuncs(b *testing.B, n int) {
	for i := range n {
		t := time.AfterFunc(laterTimer(i), func() {})
		b.Cleanup(func() { t.Stop() })
	}
}

func eachTimerCount(b *testing.B, rikki, std func(b *testing.B, n int)) {
	for _, n := range timerCounts {
		b.Run(fmt.Sprintf("%d/rikki", n), func(b *testing.B) { b.ReportAllocs(); rikki(b, n) })
		b.Run(fmt.Sprintf("%d/AfterFunc", n), func(b *testing.B) { b.ReportAllocs(); std(b, n) })
	}
}

// BenchmarkTimerAddStop adds a timer and stops it.
func BenchmarkTimerAddStop(b *testing.B) {
	eachTimerCount(b, func(b *testing.B, n int) {
		m := newTimerLoop(b, n)
		for b.Loop() {
			m.AddTimer(time.Minute, reactor.TimerOnce, func() {}).Stop()
		}
	}, func(b *testing.B, n int) {
		afterFuncs(b, n)
		for b.Loop() {
			time.AfterFunc(time.Minute, func() {}).Stop()
		}
	})
}

// BenchmarkTimerReset moves a timer that exists, as deadlines do.
func BenchmarkTimerReset(b *testing.B) {
	eachTimerCount(b, func(b *testing.B, n int) {
		t := newTimerLoop(b, n).AddTimer(time.Minute, reactor.TimerOnce, func() {})
		for b.Loop() {
			t.Reset(time.Minute)
		}
	}, func(b *testing.B, n int) {
		afterFuncs(b, n)
		t := time.AfterFunc(time.Minute, func() {})
		defer t.Stop()
		for b.Loop() {
			t.Reset(time.Minute)
		}
	})
}

// BenchmarkTimerResetEach moves all timers, one after the other, as idle timeouts of clients do.
func BenchmarkTimerResetEach(b *testing.B) {
	eachTimerCount(b, func(b *testing.B, n int) {
		m, err := reactor.New()
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		timers := make([]*reactor.Timer, n)
		for i := range timers {
			timers[i] = m.AddTimer(laterTimer(i), reactor.TimerOnce, func() {})
		}
		for i := 0; b.Loop(); i++ {
			timers[i%n].Reset(2 * time.Hour)
		}
	}, func(b *testing.B, n int) {
		timers := make([]*time.Timer, n)
		for i := range timers {
			timers[i] = time.AfterFunc(laterTimer(i), func() {})
			b.Cleanup(func() { timers[i].Stop() })
		}
		for i := 0; b.Loop(); i++ {
			timers[i%n].Reset(2 * time.Hour)
		}
	})
}

// BenchmarkTimerFire makes a timer due and waits until its function was called: a turn of the loop
// without a blocking wait, and a goroutine of the runtime.
func BenchmarkTimerFire(b *testing.B) {
	eachTimerCount(b, func(b *testing.B, n int) {
		m, fired := newTimerLoop(b, n), 0
		t := m.AddTimer(0, reactor.TimerOnce, func() { fired++ })
		for want := 1; b.Loop(); want++ {
			for fired < want {
				if err := m.Poll(0); err != nil {
					b.Fatal(err)
				}
			}
			t.Reset(0)
		}
	}, func(b *testing.B, n int) {
		afterFuncs(b, n)
		fired := make(chan struct{}, 1)
		t := time.AfterFunc(0, func() { fired <- struct{}{} })
		for b.Loop() {
			<-fired
			t.Reset(0)
		}
	})
}

// BenchmarkTimerFireMany fires n timers that are due at once. An operation is one timer.
func BenchmarkTimerFireMany(b *testing.B) {
	for _, n := range timerCounts {
		b.Run(fmt.Sprintf("%d/rikki", n), func(b *testing.B) {
			m, fired := newTimerLoop(b, 0), 0
			for b.Loop() {
				fired = 0
				for range n {
					m.AddTimer(0, reactor.TimerOnce, func() { fired++ })
				}
				for fired < n {
					if err := m.Poll(0); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/timer")
		})
		b.Run(fmt.Sprintf("%d/AfterFunc", n), func(b *testing.B) {
			fired := make(chan struct{}, n)
			for b.Loop() {
				for range n {
					time.AfterFunc(0, func() { fired <- struct{}{} })
				}
				for range n {
					<-fired
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/timer")
		})
	}
}
