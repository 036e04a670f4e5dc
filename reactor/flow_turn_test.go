package reactor_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

const (
	requestSize       = 26
	batch             = 2500    // requests that come in one piece, of 65,000 bytes
	bigAnswer         = 100_000 // bytes
	unsentDefault     = 1 << 20 // the default, said as documented
	lowMark, highMark = 128 << 10, 256 << 10
)

// requests is a layer whose messages are numbers. Each is an event with a *int.
type requests struct{ ev reactor.Event }

func (p *requests) Accept(*reactor.Conn) reactor.Protocol { return &requests{p.ev} }

func (p *requests) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for c.Recv.Len() >= requestSize && !c.Stopped() {
		n := int(binary.BigEndian.Uint64(c.Recv.Bytes()))
		c.Recv.Consume(requestSize)
		c.Call(p.ev, &n)
	}
}

// batchOf makes the requests from number from to number to.
func batchOf(from, to int) []byte {
	p := make([]byte, (to-from)*requestSize)
	for i := from; i < to; i++ {
		binary.BigEndian.PutUint64(p[(i-from)*requestSize:], uint64(i))
	}
	return p
}

// A responder answers each request with size bytes, which begin with its number.
type responder struct {
	t      *testing.T
	on     *reactor.Conn // where answers go; nil: where the request came
	size   int
	asked  int // requests heard
	held   int // the most that Send has held
	before int // Send before the last answer
	after  int // and behind it
	answer []byte
}

func (r *responder) respond(c *reactor.Conn, n int) {
	if n != r.asked {
		r.t.Fatalf("request %d comes as number %d", n, r.asked)
	}
	r.asked++
	if r.on != nil {
		c = r.on
	}
	if r.answer == nil {
		r.answer = make([]byte, r.size)
	}
	binary.BigEndian.PutUint64(r.answer, uint64(n))
	r.before = c.Send.Len()
	c.Write(r.answer)
	r.after = c.Send.Len()
	r.held = max(r.held, r.after)
}

// handler answers what the layer raises; more, if not nil, hears of the other events.
func (r *responder) handler(ev reactor.Event, more reactor.Handler) reactor.Handler {
	return func(c *reactor.Conn, heard reactor.Event, data any) {
		if heard == ev {
			r.respond(c, *data.(*int))
		} else if more != nil {
			more(c, heard, data)
		}
	}
}

// pushRequests is for reach.
func pushRequests(ev reactor.Event) func(c *reactor.Conn) {
	return func(c *reactor.Conn) { c.Stack().Push(&requests{ev}) }
}

// takeAnswers reads all answers at the far end, in order, while the loop turns.
func (f *far) takeAnswers(size int) {
	f.t.Helper()
	at, head, buf := 0, make([]byte, 0, 8), make([]byte, 1<<18)
	await(f.t, f.m, "all answers", func() bool {
		for at < batch*size {
			n, err := f.read(buf)
			if errors.Is(err, errNothingYet) {
				return false
			}
			if err != nil {
				f.t.Fatalf("%v after %d of %d bytes", err, at, batch*size)
			}
			for p := buf[:n]; len(p) > 0; {
				in := at % size
				k := min(len(p), size-in)
				if in < 8 {
					k = min(k, 8-in)
					head = append(head, p[:k]...)
				}
				at, p = at+k, p[k:]
				if len(head) == 8 {
					if got := binary.BigEndian.Uint64(head); got != uint64(at/size) {
						f.t.Fatalf("answer %d comes as number %d", got, at/size)
					}
					head = head[:0]
				}
			}
		}
		return true
	})
}

// pauseAtMarks is the handler that the documentation gives for backpressure.
func pauseAtMarks(c *reactor.Conn, ev reactor.Event, _ any) {
	switch ev {
	case reactor.EvHighWater:
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	}
}

// layerEvents are the events that a layer may raise for its messages.
var layerEvents = []reactor.Event{reactor.EvUser, reactor.EvUser + 7, reactor.EvUserInput, reactor.EvUserInput + 3}

// Thousands of requests that came in one read make Send grow beyond the mark by one answer
// at most. A limit above that is never reached.
func TestMarksWithinABatch(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := &responder{t: t, size: bigAnswer}
			rec := &recorder{on: hooks{reactor.EvRead: hoard}}
			_, f := reach(t, m, way, r.handler(reactor.EvUserInput, func(c *reactor.Conn, ev reactor.Event, data any) {
				pauseAtMarks(c, ev, data)
				rec.handle(c, ev, data)
			}), func(c *reactor.Conn) {
				pushRequests(reactor.EvUserInput)(c)
				c.SetWater(lowMark, highMark)
				c.SetLimits(reactor.Limits{Send: 1 << 20, Unsent: -1})
			})
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			if r.asked >= batch {
				t.Error("all requests are heard at once")
			}
			f.takeAnswers(bigAnswer)
			if len(rec.errs) > 0 || r.asked != batch {
				t.Errorf("%d requests heard; %v", r.asked, rec.errs)
			}
			if r.held <= highMark || r.held > highMark+bigAnswer {
				t.Errorf("Send held %d bytes, want more than %d, at most %d", r.held, highMark, highMark+bigAnswer)
			}
			if up, down := rec.count(reactor.EvHighWater), rec.count(reactor.EvLowWater); up != down || up < 100 {
				t.Errorf("%d times up, %d times down", up, down)
			}
		})
	}
}

// Without any setting the loop holds back input by itself, and goes on.
func TestUnsentWithinABatch(t *testing.T) {
	if reactor.DefaultUnsent != unsentDefault {
		t.Errorf("DefaultUnsent is %d", reactor.DefaultUnsent)
	}
	for _, way := range ways {
		if isClient(way) || way == "wrapped" { // they have no bound by default
			continue
		}
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := &responder{t: t, size: bigAnswer}
			rec := &recorder{on: hooks{reactor.EvRead: hoard}}
			stopped, early := false, -1
			c, f := reach(t, m, way, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev != reactor.EvUserInput {
					rec.handle(c, ev, data)
					return
				}
				r.respond(c, *data.(*int))
				if stopped && early < 0 && r.before > unsentDefault/2 {
					early = r.before
				}
				stopped = r.after > unsentDefault
			}, pushRequests(reactor.EvUserInput))
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			if r.asked >= batch {
				t.Error("all requests are heard at once")
			}
			f.takeAnswers(bigAnswer)
			if len(rec.errs) > 0 || r.asked != batch || rec.count(reactor.EvHighWater) > 0 {
				t.Errorf("%d requests heard; %v", r.asked, rec.errs)
			}
			if early >= 0 {
				t.Errorf("input goes on while %d bytes are unsent, want at most half of %d", early, unsentDefault)
			}
			if r.held <= unsentDefault || r.held > unsentDefault+bigAnswer {
				t.Errorf("Send held %d bytes, want more than %d, at most %d", r.held, unsentDefault, unsentDefault+bigAnswer)
			}
			if await(t, m, "Send to be empty", func() bool { return c.Send.Len() == 0 }); c.Stopped() {
				t.Error("still Stopped")
			}
		})
	}
}

// The events that a layer raises for its messages may be any of the program's own.
func TestEveryEventOfALayerIsHeldBack(t *testing.T) {
	for _, ev := range layerEvents {
		t.Run(ev.String(), func(t *testing.T) {
			m := newManager(t)
			r := &responder{t: t, size: bigAnswer}
			_, f := reach(t, m, "tcp server", r.handler(ev, nil), pushRequests(ev))
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			spin(t, m, 20)
			if r.held <= unsentDefault || r.held > unsentDefault+bigAnswer {
				t.Errorf("Send held %d bytes after %d requests", r.held, r.asked)
			}
		})
	}
}

// The hard limit ends a batch in its middle.
func TestSendLimitWithinABatch(t *testing.T) {
	for _, way := range ways {
		for _, ev := range layerEvents {
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m := newManager(t)
				r := &responder{t: t, size: bigAnswer}
				rec := &recorder{on: hooks{reactor.EvRead: hoard}}
				heard := -1 // when the connection failed
				rec.on[reactor.EvError] = func(*reactor.Conn, any) { heard = r.asked }
				_, f := reach(t, m, way, r.handler(ev, rec.handle), func(c *reactor.Conn) {
					pushRequests(ev)(c)
					c.SetLimits(reactor.Limits{Send: 1 << 20, Unsent: -1})
				})
				f.say(batchOf(0, batch))
				await(t, m, "EvError", rec.saw(reactor.EvError))
				f.close()
				await(t, m, "EvClose", rec.closed)
				wantLimit(t, rec.err(t), "Send", 1<<20)
				if want := 1<<20/bigAnswer + 1; r.asked != want || heard != want {
					t.Errorf("%d requests heard, failed at %d, want %d", r.asked, heard, want)
				}
			})
		}
	}
}
