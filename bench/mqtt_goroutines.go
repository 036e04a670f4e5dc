//go:build linux

package main

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// goroutineClient is what the clients have that call callbacks on goroutines of their own, and
// block when they publish.
type goroutineClient struct {
	l mqttLoad
	// send publishes. It may return before the message is acknowledged.
	send func(topic string, qos uint8, payload []byte) error
	// acknowledged publishes with QoS 1 or 2 and waits for the acknowledgements. It calls batch(1)
	// for each message, until that returns false.
	acknowledged func() error

	payloads payloads
	checker  checker
	credits  chan int // how many messages the publishing goroutine may publish
	failed   chan error
	idle     chan struct{} // closed when stopping is set and all messages are complete
	complete atomic.Int64
	mu       sync.Mutex // for the rest, and for the end of both counts
	stopping bool
	stopped  bool // idle is closed
	sent     int
}

func newGoroutineClient(l mqttLoad) *goroutineClient {
	return &goroutineClient{
		l: l, payloads: newPayloads(l.inFlight()),
		credits: make(chan int, l.window+1), failed: make(chan error, 1), idle: make(chan struct{}),
	}
}

func (p *goroutineClient) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// received is the callback for a message.
func (p *goroutineClient) received(payload []byte) {
	if p.l.credited() {
		p.completed(p.l.window)
		p.credits <- p.l.window
		return
	}
	if err := p.checker.check(payload); err != nil {
		p.fail(err)
	}
	if p.l.kind == mqttOwn {
		p.completed(1)
		p.credits <- 1
	} else {
		printCredit(int(p.complete.Add(1)))
	}
}

func (p *goroutineClient) completed(n int) {
	p.complete.Add(int64(n))
	p.mu.Lock()
	p.checkIdle()
	p.mu.Unlock()
}

// checkIdle closes idle at the end. The caller holds mu.
func (p *goroutineClient) checkIdle() {
	if p.stopping && !p.stopped && int(p.complete.Load()) == p.sent {
		p.stopped = true
		close(p.idle)
	}
}

// publish is the goroutine that publishes. Callbacks must not block, so they do not publish.
func (p *goroutineClient) publish() {
	for n := range p.credits {
		batch, ok := p.batch(n)
		for i := 0; ok && i < n; i++ {
			if err := p.send(mqttTopic, p.l.qos, p.payloads.payload(batch+i)); err != nil {
				p.fail(err)
			}
		}
	}
}

// batch returns the number of the first of n messages to publish. ok is false after the
// time has passed.
func (p *goroutineClient) batch(n int) (first int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return 0, false
	}
	p.sent += n
	return p.sent - n, true
}

// run puts the load on the connection. The client has subscribed.
func (p *goroutineClient) run(ready func()) (r mqttResult, err error) {
	ready()
	if p.l.kind == mqttPublish && p.l.qos > 0 {
		go func() {
			if err := p.acknowledged(); err != nil {
				p.fail(err)
			}
		}()
	} else {
		go p.publish()
		if p.l.kind == mqttOwn {
			for range p.l.window {
				p.credits <- 1
			}
		} else if p.l.kind == mqttPublish {
			p.credits <- p.l.inFlight()
		}
	}
	if err := p.sleep(p.l.warm); err != nil {
		return r, err
	}
	began := beginSpan(int(p.complete.Load()))
	for end := time.Now().Add(timeout); ; {
		if err := p.sleep(p.l.duration); err != nil {
			return r, err
		}
		if int(p.complete.Load()) > began.messages || time.Now().After(end) {
			break
		}
	}
	r = began.end(int(p.complete.Load()))
	return r, p.finish(&r)
}

// sleep waits for a time, or for an error.
func (p *goroutineClient) sleep(d time.Duration) error {
	select {
	case err := <-p.failed:
		return err
	case <-time.After(d):
		return nil
	}
}

// finish waits until all messages are complete.
func (p *goroutineClient) finish(r *mqttResult) error {
	if p.l.kind == mqttReceive {
		return nil
	}
	p.mu.Lock()
	p.stopping = true
	p.checkIdle()
	p.mu.Unlock()
	select {
	case err := <-p.failed:
		return err
	case <-time.After(timeout):
		return errors.New("no answer in time")
	case <-p.idle:
	}
	r.published = p.sent
	if p.l.kind == mqttOwn {
		return p.checker.end(p.sent)
	}
	return nil
}
