package main

import (
	"time"

	"github.com/rikki-go/rikki/reactor"
)

const (
	maxRate   = 1_000_000        // messages per second
	paceTick  = time.Millisecond // shortest time between two calls of tick
	paceBurst = 1000             // messages of one call of tick
)

// pace publishes with a constant rate. Message k, counted from 0, is due k/rate seconds after the
// beginning. If the loop is late, the next tick publishes more.
type pace struct {
	timer *reactor.Timer
	now   func() time.Time
	one   func() // publishes a message
	rate  float64
	began time.Time
	count uint64 // published
}

// startPace begins to publish.
func startPace(m *reactor.Manager, rate float64, one func()) *pace {
	p := &pace{now: m.Now, one: one, rate: rate, began: m.Now()}
	if rate > 0 {
		p.timer = m.AddTimer(0, reactor.TimerOnce, p.tick)
	}
	return p
}

// stop ends it.
func (p *pace) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// due returns when message k is due, as time since the beginning.
func (p *pace) due(k uint64) time.Duration {
	return time.Duration(float64(k) / p.rate * float64(time.Second))
}

// tick publishes what is due, and arms the timer for the next message.
func (p *pace) tick() {
	elapsed := p.now().Sub(p.began)
	for n := 0; n < paceBurst && p.due(p.count) <= elapsed; n++ {
		p.count++
		p.one()
	}
	p.timer.Reset(max(p.due(p.count)-elapsed, paceTick))
}
