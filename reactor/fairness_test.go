package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// What fairness.go promises.
const (
	phaseTime   = 500 * time.Microsecond
	mostEvents  = 1024 // of a delivery
	leastEvents = 4
	leastAccept = 16
	// perPhase bounds what one phase does if each unit of work takes phaseTime/10.
	perPhase = 10 + 2*leastEvents
)

// A worker is a connection whose peer sends requests, and whose handler takes a while for each.
type worker struct {
	rec   recorder
	clock *looptest.Clock
	takes time.Duration // for one request
	asked []int
	on    func(c *reactor.Conn, n int) // called with each request, if not nil
}

func (w *worker) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvUserInput {
		w.rec.Handle(c, ev, data)
		return
	}
	n := *data.(*int)
	w.asked = append(w.asked, n)
	if w.takes > 0 {
		w.clock.Advance(w.takes)
	}
	if w.on != nil {
		w.on(c, n)
	}
}

// numbers returns 0 to n-1.
func numbers(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

// newWorker makes a wrapped connection with the layer requests.
func newWorker(t *testing.T, m *reactor.Manager, k *looptest.Clock, takes time.Duration) (*worker, *reactor.Conn, *peer) {
	t.Helper()
	w := &worker{clock: k, takes: takes}
	w.rec.On = hooks{reactor.EvRead: leaveInRecv}
	c, p := wrap(t, m, w.handle)
	pushRequests(reactor.EvUserInput)(c)
	spin(t, m, 1)
	return w, c, p
}

// halfDone makes a worker that has yielded in the middle of n requests.
func halfDone(t *testing.T, n int) (*reactor.Manager, *looptest.Clock, *worker, *reactor.Conn, *peer) {
	t.Helper()
	m, k := timed(t)
	w, c, p := newWorker(t, m, k, phaseTime)
	p.Write(batchOf(0, n))
	spin(t, m, 1)
	if got := len(w.asked); got < leastEvents || got == n || !c.Stack().Yielded() || !c.InputStopped() {
		t.Fatalf("%d requests delivered, yielded %v, want a few of %d", got, c.Stack().Yielded(), n)
	}
	return m, k, w, c, p
}

// One read brings many requests, each of which takes a while. Each turn delivers a few. The others
// wait in order, the loop does not block, and another connection is served in each turn.
func TestTimeOfADeliveryIsBounded(t *testing.T) {
	const n = 200
	m, k := timed(t)
	w, c, p := newWorker(t, m, k, phaseTime/10)
	quiet := &recorder{}
	_, q := wrap(t, m, quiet.Handle)
	spin(t, m, 1)
	p.Write(batchOf(0, n))
	for turn := 1; len(w.asked) < n; turn++ {
		before := len(w.asked)
		q.WriteString("x")
		spin(t, m, 1)
		if took := len(w.asked) - before; took == 0 || took > 2*perPhase {
			t.Fatalf("turn %d delivered %d requests, want at most %d in two phases", turn, took, perPhase)
		}
		if len(quiet.Got) != turn {
			t.Fatalf("turn %d: the other connection has read %d bytes", turn, len(quiet.Got))
		}
		if len(w.asked) < n && (m.NextTimeout() != 0 || !c.InputStopped() || !c.Stack().Yielded()) {
			t.Fatalf("while requests wait: NextTimeout %v, InputStopped %v, Yielded %v", m.NextTimeout(), c.InputStopped(), c.Stack().Yielded())
		}
	}
	spin(t, m, 2)
	if c.InputStopped() || m.NextTimeout() != math.MaxInt64 || m.Stats().Yields == 0 {
		t.Errorf("afterwards: InputStopped %v, NextTimeout %v, Yields %d", c.InputStopped(), m.NextTimeout(), m.Stats().Yields)
	}
	if !slices.Equal(w.asked, numbers(n)) {
		t.Errorf("requests delivered as %v", w.asked)
	}
	p.Write(batchOf(n, n+1)) // the poller reports the connection again
	spin(t, m, 2)
	if len(w.asked) != n+1 {
		t.Error("the connection is not read any more")
	}
}

// If the clock stands still, the number of events bounds a delivery. A turn has two of them, one
// for the read and one for the rest.
func TestEventsOfADeliveryAreBounded(t *testing.T) {
	for _, n := range []int{1, mostEvents - 1, mostEvents, mostEvents + 1, 2 * mostEvents, 2*mostEvents + 1, batch} {
		m := looptest.NewStillManager(t)
		w, _, p := newWorker(t, m, nil, 0)
		var perDelivery []int
		w.rec.On[reactor.EvRead] = func(*reactor.Conn, any) { perDelivery = append(perDelivery, len(w.asked)) }
		p.Write(batchOf(0, n))
		spin(t, m, 1)
		if want := min(n, 2*mostEvents); len(w.asked) != want {
			t.Errorf("%d requests: the first turn delivered %d, want %d", n, len(w.asked), want)
		}
		if want := min(n, mostEvents); perDelivery[0] != want {
			t.Errorf("%d requests: the first delivery had %d, want %d", n, perDelivery[0], want)
		}
		if got, want := m.Stats().Yields, uint64(min(n/mostEvents, 2)); got != want {
			t.Errorf("%d requests: yielded %d times in the first turn, want %d", n, got, want)
		}
		await(t, m, "all", func() bool { return len(w.asked) == n })
		if !slices.Equal(w.asked, numbers(n)) {
			t.Errorf("%d requests delivered as %v", n, w.asked)
		}
	}
}

// One message per read never makes the loop read the clock for fairness, and never yields.
func TestOneMessagePerReadDoesNotYield(t *testing.T) {
	m, k := timed(t)
	w, _, p := newWorker(t, m, k, time.Second)
	for i := range 100 {
		p.Write(batchOf(i, i+1))
		spin(t, m, 1)
		if len(w.asked) != i+1 || m.Stats().Yields != 0 {
			t.Fatalf("turn %d: %d requests, %d yields", i, len(w.asked), m.Stats().Yields)
		}
	}
}

// Backlogs are served in rotation.
func TestBacklogsAreServedInRotation(t *testing.T) {
	const conns, n = 5, 100
	m, k := timed(t)
	var order []int
	var all []*worker
	for i := range conns {
		w, _, p := newWorker(t, m, k, phaseTime)
		w.on = func(*reactor.Conn, int) {
			if len(order) == 0 || order[len(order)-1] != i {
				order = append(order, i)
			}
		}
		all = append(all, w)
		p.Write(batchOf(0, n))
	}
	await(t, m, "all requests", func() bool {
		for _, w := range all {
			if len(w.asked) < n {
				return false
			}
		}
		return true
	})
	for i := 2 * conns; i < 6*conns; i++ { // all of them have a backlog
		part := slices.Clone(order[i : i+conns])
		if slices.Sort(part); !slices.Equal(part, numbers(conns)) {
			t.Fatalf("served in the order %v", order)
		}
	}
	for i, w := range all {
		if !slices.Equal(w.asked, numbers(n)) {
			t.Errorf("connection %d: %v", i, w.asked)
		}
	}
}

// Beside many connections that ask for much, one that asks for one thing is served in the next
// turn.
// A turn has a bound that does not depend on their number: neither when all of them become readable
// at once, nor when all of them have backlogs.
func TestBystanderBesideManyBacklogs(t *testing.T) {
	const conns, n = 200, 50
	m, k := timed(t)
	var peers []*peer
	for range conns {
		_, _, p := newWorker(t, m, k, phaseTime/10)
		peers = append(peers, p)
	}
	quiet := &recorder{}
	_, q := wrap(t, m, quiet.Handle)
	spin(t, m, 1)
	for _, p := range peers {
		p.Write(batchOf(0, n))
	}
	spin(t, m, 1) // all of them are readable at once
	for turn := range 100 {
		q.WriteString("x")
		began := k.Now()
		spin(t, m, 1)
		if took := k.Now().Sub(began); took > 4*phaseTime || len(quiet.Got) != turn+1 {
			t.Fatalf("turn %d took %v; the bystander has read %d bytes", turn, took, len(quiet.Got))
		}
	}
}

// whileYielded is what may happen to a connection that has yielded. Each begins with some of the
// 100 requests delivered, and the rest in Recv.
var whileYielded = map[string]func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer){
	"nothing": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, _ *peer) {
		w.all(t, m)
	},
	"Pause and Resume": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Pause()
		before := len(w.asked)
		spin(t, m, 5)
		if len(w.asked) != before || m.NextTimeout() != math.MaxInt64 || c.Stack().Yielded() {
			t.Errorf("paused: %d requests delivered, NextTimeout %v, Yielded %v", len(w.asked)-before, m.NextTimeout(), c.Stack().Yielded())
		}
		c.Resume()
		w.all(t, m)
	},
	"Pause and Resume at once": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Pause()
		c.Resume()
		w.all(t, m)
	},
	"more input": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, p *peer) {
		p.Write(batchOf(100, 130))
		await(t, m, "all", func() bool { return len(w.asked) == 130 })
		if !slices.Equal(w.asked, numbers(130)) || w.rec.Read != 130*requestSize {
			t.Errorf("%v; EvRead reported %d bytes", w.asked, w.rec.Read)
		}
	},
	"the peer's end": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, p *peer) {
		p.Shutdown()
		await(t, m, "EvClose", w.rec.Closed)
		w.all(t, m)
		w.rec.Want(t, eventList(w.rec.Events[:len(w.rec.Events)-1])+" CLOSE")
	},
	"the peer's end with SetHalfClose": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		c.SetHalfClose(true)
		p.Shutdown()
		await(t, m, "EvEnd", w.rec.Saw(reactor.EvEnd))
		w.all(t, m)
		c.Drain()
		await(t, m, "EvClose", w.rec.Closed)
	},
	"Drain": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		c.Drain()
		w.all(t, m) // what was read before is delivered
		await(t, m, "the end", p.Ended)
		p.Close()
		await(t, m, "EvClose", w.rec.Closed)
	},
	"Drain, then Pause": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		c.Drain()
		c.Pause()
		await(t, m, "the end", p.Ended)
		p.Close()
		await(t, m, "EvClose", w.rec.Closed)
	},
	"CloseWrite": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
		w.all(t, m)
		await(t, m, "the end", p.Ended)
		p.Close()
		await(t, m, "EvClose", w.rec.Closed)
	},
	"Close": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Close()
		w.none(t, m)
	},
	"Abort": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Abort()
		w.none(t, m)
	},
	"Fail": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Fail(errors.New("failed"))
		w.none(t, m)
	},
	"Fail with bytes unsent": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		c.Write([]byte("sorry"))
		c.Fail(errors.New("failed"))
		await(t, m, "the bytes", p.Received("sorry"))
		p.Close()
		w.none(t, m)
	},
	"Manager.Close": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, _ *peer) {
		before := len(w.asked)
		m.Close()
		if len(w.asked) != before || !w.rec.Closed() {
			t.Errorf("%d requests delivered, closed %v", len(w.asked)-before, w.rec.Closed())
		}
	},
	"Manager.Drain without time": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, _ *peer) {
		if _, err := m.Drain(0); err != nil || !w.rec.Closed() {
			t.Errorf("%v, closed %v", err, w.rec.Closed())
		}
	},
	"Manager.Drain after its time": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, p *peer) {
		p.Shutdown()
		left, err := m.Drain(1) // the first turn takes longer: what is left is delivered nevertheless
		if err != nil || len(left) > 0 || !slices.Equal(w.asked, numbers(100)) {
			t.Errorf("%v, %v, requests %v", left, err, w.asked)
		}
	},
	"Run": func(t *testing.T, m *reactor.Manager, w *worker, _ *reactor.Conn, _ *peer) {
		ctx, cancel := context.WithCancel(context.Background())
		w.on = func(_ *reactor.Conn, n int) {
			if n == 99 {
				cancel()
			}
		}
		m.Run(ctx) // would block if it did not see that requests wait
		w.all(t, m)
	},
	"a failed write": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, p *peer) {
		p.Close()
		c.Write([]byte("x"))
		await(t, m, "EvClose", w.rec.Closed)
		w.all(t, m)
		if err := w.rec.Err(t); !errors.Is(err, unix.EPIPE) {
			t.Errorf("%v", err)
		}
	},
	"the layer is replaced": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		old, _ := reactor.Find[*requests](c)
		c.Stack().Replace(old, &requests{reactor.EvUserInput})
		w.all(t, m)
	},
	"Redispatch": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.Stack().Redispatch()
		w.all(t, m)
	},
	"a Recv limit": func(t *testing.T, m *reactor.Manager, w *worker, c *reactor.Conn, _ *peer) {
		c.SetLimits(reactor.Limits{Recv: requestSize}) // handlers have not had the rest yet
		w.all(t, m)
		if len(w.rec.Errs) > 0 {
			t.Error(w.rec.Errs)
		}
	},
}

// all waits until all of 100 requests are delivered, in order.
func (w *worker) all(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for i := 0; i < turns && len(w.asked) < 100; i++ {
		spin(t, m, 1)
	}
	if !slices.Equal(w.asked, numbers(100)) {
		t.Errorf("requests delivered as %v", w.asked)
	}
}

// none waits for EvClose. No request may be delivered.
func (w *worker) none(t *testing.T, m *reactor.Manager) {
	t.Helper()
	before := len(w.asked)
	await(t, m, "EvClose", w.rec.Closed)
	if len(w.asked) != before {
		t.Errorf("%d requests delivered", len(w.asked)-before)
	}
}

func TestWhileYielded(t *testing.T) {
	for name, act := range whileYielded {
		t.Run(name, func(t *testing.T) {
			m, _, w, c, p := halfDone(t, 100)
			act(t, m, w, c, p)
			if w.rec.Count(reactor.EvClose) > 1 || w.rec.Count(reactor.EvError) > 1 {
				w.rec.Want(t, "no event twice")
			}
		})
	}
}

// Handlers that act at some request in the middle of a batch have the same effect whether the
// connection yields or not. The events are the same for all kinds of streams.
func TestEventsDoNotDependOnYields(t *testing.T) {
	acts := map[string]func(c *reactor.Conn){
		"nothing":          func(*reactor.Conn) {},
		"Pause and Resume": func(c *reactor.Conn) { c.Pause(); c.Resume() },
		"Drain":            (*reactor.Conn).Drain,
		"Close":            (*reactor.Conn).Close,
		"Fail":             func(c *reactor.Conn) { c.Fail(io.ErrNoProgress) },
		"nested EvRead":    func(c *reactor.Conn) { n := 0; c.Call(reactor.EvRead, &n) },
		"replace": func(c *reactor.Conn) {
			old, _ := reactor.Find[*requests](c)
			c.Stack().Replace(old, &requests{reactor.EvUserInput})
		},
	}
	for _, way := range ways {
		for name, act := range acts {
			var first []string
			for _, takes := range []time.Duration{0, phaseTime / 5, phaseTime} {
				m, k := timed(t)
				w := &worker{clock: k, takes: takes}
				w.rec.On = hooks{reactor.EvRead: leaveInRecv}
				w.on = func(c *reactor.Conn, n int) {
					w.rec.Note("%d", n)
					if n == 7 || n == 42 {
						act(c)
					}
				}
				_, f := reach(t, m, way, w.handle, pushRequests(reactor.EvUserInput))
				f.say(batchOf(0, 100))
				await(t, m, "the batch", func() bool { return len(w.asked) == 100 || w.rec.Closed() || w.rec.LastErr() != nil })
				f.Close()
				await(t, m, "EvClose", w.rec.Closed)
				lines := append(w.rec.Lines, fmt.Sprint(len(w.rec.Errs), " errors"))
				if takes == 0 {
					first = lines
				} else if m.Stats().Yields == 0 && name != "Close" && name != "Fail" {
					t.Errorf("%s, %s, %v: did not yield", way, name, takes)
				}
				looptest.WantLines(t, fmt.Sprint(way, ", ", name, ", ", takes), lines, first)
			}
		}
	}
}
