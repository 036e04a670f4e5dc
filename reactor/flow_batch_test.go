package reactor_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

const (
	requestSize       = 26
	batch             = 2500    // requests that come in one piece, of 65,000 bytes
	answerSize        = 1000    // bytes; all answers are more than the sockets and Send take
	unsentDefault     = 1 << 20 // the default, said as documented
	lowMark, highMark = 8 << 10, 16 << 10
)

// requests is a layer whose messages are numbers. It raises an event with a *int for each.
type requests struct{ ev reactor.Event }

func (p *requests) Accept(*reactor.Conn) reactor.Protocol { return &requests{p.ev} }

func (p *requests) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	for c.Recv.Len() >= requestSize && !c.InputStopped() {
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

// A responder answers each request with size bytes, which begin with the number of the
// request.
type responder struct {
	t      *testing.T
	on     *reactor.Conn // gets the answers; nil: the connection with the request
	size   int
	asked  int // requests delivered
	held   int // the most bytes that Send has held
	before int // bytes in Send before the last answer
	after  int // bytes in Send after it
	answer []byte
}

func (r *responder) respond(c *reactor.Conn, n int) {
	if n != r.asked {
		r.t.Fatalf("request %d was delivered as number %d", n, r.asked)
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

// handler answers the events ev of the layer. more, if not nil, gets the other events.
func (r *responder) handler(ev reactor.Event, more reactor.Handler) reactor.Handler {
	return func(c *reactor.Conn, got reactor.Event, data any) {
		if got == ev {
			r.respond(c, *data.(*int))
		} else if more != nil {
			more(c, got, data)
		}
	}
}

// pushRequests adds the layer requests. It is an argument for reach.
func pushRequests(ev reactor.Event) func(c *reactor.Conn) {
	return func(c *reactor.Conn) { c.Stack().Push(&requests{ev}) }
}

// takeAnswers reads all answers at the far end, in order, while the loop turns.
func (f *far) takeAnswers(size int) {
	f.T.Helper()
	at, head, buf := 0, make([]byte, 0, 8), make([]byte, 1<<18)
	await(f.T, f.m, "all answers", func() bool {
		for at < batch*size {
			n, err := f.read(buf)
			if errors.Is(err, errNothingYet) {
				return false
			}
			if err != nil {
				f.T.Fatalf("the far end got the error %v after %d of %d bytes", err, at, batch*size)
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
						f.T.Fatalf("answer %d arrived as number %d", got, at/size)
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

// One read brings thousands of requests, and the handler pauses at EvHighWater. Send grows
// beyond the mark by at most one answer.
func TestWaterMarksWithinABatch(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &responder{t: t, size: answerSize}
			rec := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
			_, f := reachNarrow(t, m, way, r.handler(reactor.EvUserInput, func(c *reactor.Conn, ev reactor.Event, data any) {
				pauseAtMarks(c, ev, data)
				rec.Handle(c, ev, data)
			}), func(c *reactor.Conn) {
				pushRequests(reactor.EvUserInput)(c)
				c.SetWater(lowMark, highMark)
				c.SetLimits(reactor.Limits{Send: 1 << 20, Backpressure: -1})
			})
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			if r.asked >= batch {
				t.Error("all requests were delivered at once")
			}
			f.takeAnswers(answerSize)
			if len(rec.Errs) > 0 || r.asked != batch {
				t.Errorf("%d requests delivered; errors %v", r.asked, rec.Errs)
			}
			if r.held <= highMark || r.held > highMark+answerSize {
				t.Errorf("Send held %d bytes, want more than %d, at most %d", r.held, highMark, highMark+answerSize)
			}
			if up, down := rec.Count(reactor.EvHighWater), rec.Count(reactor.EvLowWater); up != down || up < 100 {
				t.Errorf("%d EvHighWater, %d EvLowWater, want at least 100 of each", up, down)
			}
		})
	}
}

// The limit of Send is enforced within a batch.
func TestSendLimitWithinABatch(t *testing.T) {
	for _, way := range ways {
		for i, ev := range layerEvents {
			if !inSelection(way, i, len(layerEvents)) {
				continue
			}
			t.Run(fmt.Sprint(way, " ", ev), func(t *testing.T) {
				m := looptest.NewStillManager(t)
				r := &responder{t: t, size: answerSize}
				rec := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
				failedAt := -1 // requests delivered before EvError
				rec.On[reactor.EvError] = func(*reactor.Conn, any) { failedAt = r.asked }
				_, f := reach(t, m, way, r.handler(ev, rec.Handle), func(c *reactor.Conn) {
					pushRequests(ev)(c)
					c.SetLimits(reactor.Limits{Send: 1 << 19, Backpressure: -1})
				})
				f.say(batchOf(0, batch))
				await(t, m, "EvError", rec.Saw(reactor.EvError))
				f.Close()
				await(t, m, "EvClose", rec.Closed)
				wantLimit(t, rec.Err(t), "Send", 1<<19)
				if want := 1<<19/answerSize + 1; r.asked != want || failedAt != want {
					t.Errorf("%d requests delivered, %d before EvError, want %d", r.asked, failedAt, want)
				}
			})
		}
	}
}
