package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// As many messages are published as are due, whatever the steps of the clock.
func TestPace(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 3, 1000, 2500, 20000} {
		for _, step := range []time.Duration{time.Millisecond, 7 * time.Millisecond, time.Second} {
			t.Run(fmt.Sprint(rate, " ", step), func(t *testing.T) {
				clock := looptest.NewClock()
				m := looptest.NewManager(t, reactor.WithClock(clock.Now))
				count := 0
				p := startPace(m, rate, func() { count++ })
				total := 3 * time.Second
				for at := time.Duration(0); at < total; at += step {
					clock.Advance(step)
					for range 2 + int(rate*step.Seconds())/paceBurst {
						looptest.Must(t, m.Poll(0))
						clock.Advance(paceTick)
					}
				}
				elapsed := clock.Now().Sub(p.began)
				most := 0
				if rate > 0 {
					most = int(elapsed.Seconds()*rate) + 1
				}
				least := max(most-2-int(rate*2*paceTick.Seconds()), 0) // the clock has gone on after the last turn
				if count > most || count < least {
					t.Errorf("%d messages after %v, want %d to %d", count, elapsed, least, most)
				}
				p.stop()
				before := count
				clock.Advance(time.Minute)
				looptest.Spin(t, m, 3)
				if count != before {
					t.Errorf("%d messages after stop", count-before)
				}
			})
		}
	}
}

// One call publishes at most paceBurst messages, so that a late loop also does other work.
func TestPaceBurst(t *testing.T) {
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	count := 0
	startPace(m, 1e6, func() { count++ })
	clock.Advance(time.Second)
	looptest.Must(t, m.Poll(0))
	if count != paceBurst {
		t.Errorf("%d messages, want %d", count, paceBurst)
	}
}
