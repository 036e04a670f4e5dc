package reactor_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestClientOpeningDeadline(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now))
	var r recorder
	_, p := openingClient(t, m, asking(), r.Handle)
	looptest.Settle(t, m)
	p.WriteString("A!\n")
	clock.Advance(9 * time.Second)
	looptest.Settle(t, m)
	if r.Closed() {
		t.Fatal("closed before the deadline")
	}
	clock.Advance(time.Second)
	await(t, m, "EvClose", r.Closed)
	err := r.Err(t)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), `line "B!\n": reactor: connect deadline of 10s`) {
		t.Errorf("error %v", err)
	}
}

// Idle and Life are longer waits than the opening's, or shorter ones: only Handshake counts.
func TestAcceptedOpeningDeadline(t *testing.T) {
	clock := looptest.NewClock()
	var log looptest.Warnings
	m := newManager(t, reactor.WithClock(clock.Now), reactor.WithLogger(log.Logger()))
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	l.SetDeadlines(reactor.Deadlines{Handshake: 5 * time.Second, Idle: time.Second, Life: 2 * time.Second})
	p := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	for range 4 { // a piece now and then does not move the deadline
		clock.Advance(time.Second)
		p.WriteString("A")
		looptest.Settle(t, m)
	}
	if m.Stats().Refused > 0 {
		t.Fatal("refused before the deadline")
	}
	clock.Advance(time.Second)
	await(t, m, "the end", p.Ended)
	log.WantOne(t, `line \"A?`, "reactor: handshake deadline of 5s exceeded")
	r.Want(t, "")
}

// The deadlines of an accepted connection count from EvAccept.
func TestDeadlinesCountFromTheEndOfTheOpening(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now))
	var r recorder
	l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
	l.SetDeadlines(reactor.Deadlines{Life: 7 * time.Second})
	p := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, m)
	clock.Advance(6 * time.Second)
	p.WriteString("A?\nB?\n")
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	clock.Advance(6 * time.Second)
	looptest.Settle(t, m)
	if r.Closed() {
		t.Fatal("Life counts the opening")
	}
	clock.Advance(time.Second)
	await(t, m, "EvClose", r.Closed)
	if !strings.Contains(r.Err(t).Error(), "life deadline of 7s") {
		t.Errorf("error %v", r.LastErr())
	}
}

// If the loop is late, what is in the socket counts.
func TestLateLoopReadsTheOpeningFirst(t *testing.T) {
	for _, role := range []string{"client", "accepted"} {
		t.Run(role, func(t *testing.T) {
			clock := looptest.NewClock()
			m := newManager(t, reactor.WithClock(clock.Now))
			var r recorder
			var p *looptest.Socket
			answer := "A?\nB?\n"
			if role == "client" {
				_, p = openingClient(t, m, asking(), r.Handle)
				looptest.Settle(t, m)
				answer = "A!\nB!\n"
			} else {
				l := openingListener(t, m, func() reactor.Opening { return answering() }, r.Handle)
				p = looptest.DialSocket(t, l.LocalAddr())
				looptest.Settle(t, m)
			}
			m.Post(func() { // after the batch was read, before the timers
				p.WriteString(answer)
				p.AwaitDelivery()
				clock.Advance(time.Minute)
			})
			await(t, m, "the end of the opening", func() bool {
				return r.Count(reactor.EvConnect)+r.Count(reactor.EvAccept) > 0 || r.Closed()
			})
			if r.Closed() {
				t.Errorf("closed: %v", r.LastErr())
			}
		})
	}
}
