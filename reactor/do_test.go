package reactor_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Do runs the function inside Poll and returns after it.
func TestDoWaitsForItsFunction(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck())
	spin(t, m, 1)
	var finished atomic.Bool
	count := 0 // no lock: Do must order the accesses
	go func() {
		for i := range 100 {
			if err := m.Do(context.Background(), func() { count++; m.AddTimer(time.Hour, 0, func() {}) }); err != nil || count != i+1 {
				t.Errorf("call %d: error %v, count %d", i, err, count)
			}
		}
		finished.Store(true)
	}()
	await(t, m, "the calls", finished.Load)
}

// Functions of Do and Post run in the order of the calls.
func TestDoKeepsTheOrderOfPost(t *testing.T) {
	m := newManager(t)
	var finished atomic.Bool
	var got, want []string
	go func() {
		defer finished.Store(true)
		for i := range 50 {
			s := fmt.Sprint(i)
			want = append(want, "post "+s, "do "+s)
			m.Post(func() { got = append(got, "post "+s) })
			if err := m.Do(context.Background(), func() { got = append(got, "do "+s) }); err != nil {
				t.Error(err)
			}
		}
	}()
	await(t, m, "the calls", finished.Load)
	if !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}

// If the context is done before the function has begun, it is not called.
func TestDoContext(t *testing.T) {
	m := newManager(t)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	called := false
	if err := m.Do(done, func() { called = true }); err != context.Canceled {
		t.Errorf("context that is done: %v", err)
	}
	late, cancelLate := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- m.Do(late, func() { called = true }) }() // nobody polls
	cancelLate()
	if err := <-result; err != context.Canceled {
		t.Errorf("context that ends while Do waits: %v", err)
	}
	if spin(t, m, 5); called {
		t.Error("the function was called")
	}
}

// If the context ends while the function runs, Do waits for it and returns nil.
func TestDoContextEndsMeanwhile(t *testing.T) {
	m := newManager(t)
	ctx, cancel := context.WithCancel(context.Background())
	var result atomic.Value
	running := true
	go func() {
		err := m.Do(ctx, func() {
			cancel()
			running = false
		})
		result.Store(fmt.Sprint(err, running))
	}()
	await(t, m, "the result", func() bool { return result.Load() != nil })
	if got := result.Load(); got != "<nil> false" {
		t.Errorf("got %v", got)
	}
}

// After Close, and while the manager closes, Do returns. It returns nil exactly if the function was
// called.
func TestDoRacesWithClose(t *testing.T) {
	for range 50 {
		m := newManager(t)
		const routines = 8
		var called, returned atomic.Int32
		var wg sync.WaitGroup
		for range routines {
			wg.Go(func() {
				for {
					err := m.Do(context.Background(), func() { called.Add(1) })
					if err == nil {
						returned.Add(1)
						continue
					}
					if err != reactor.ErrClosed {
						t.Errorf("error %v", err)
					}
					return
				}
			})
		}
		await(t, m, "some calls", func() bool { return called.Load() > routines })
		looptest.Must(t, m.Close())
		wg.Wait()
		if called.Load() != returned.Load() {
			t.Errorf("%d functions were called, %d calls returned nil", called.Load(), returned.Load())
		}
		if err := m.Do(context.Background(), func() {}); err != reactor.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
	}
}

// A function of Do may close the manager. A call that waits behind it returns ErrClosed.
func TestDoCloses(t *testing.T) {
	m := newManager(t)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		first <- m.Do(context.Background(), func() {
			go func() { second <- m.Do(context.Background(), func() { t.Error("called after Close") }) }()
			m.Close()
		})
	}()
	for range turns {
		if m.Poll(5*time.Millisecond) == reactor.ErrClosed {
			break
		}
	}
	if err := <-first; err != nil {
		t.Errorf("the call that closes: %v", err)
	}
	if err := <-second; err != reactor.ErrClosed {
		t.Errorf("the call behind it: %v", err)
	}
}

// Do would wait for itself within a handler, a timer or a posted function.
func TestDoOnTheLoopPanics(t *testing.T) {
	m := newManager(t)
	misuse := func() { wantPanic(t, "call the function directly", func() { m.Do(context.Background(), func() {}) }) }
	calls := 0
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvOpen || ev == reactor.EvUser {
			calls++
			misuse()
		}
	})
	m.Post(func() { calls++; misuse() })
	m.AddTimer(0, reactor.TimerOnce, func() {
		calls++
		misuse()
		elsewhere(func() { // another goroutine may call Do at the same time
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := m.Do(ctx, func() {}); err != context.DeadlineExceeded {
				t.Errorf("another goroutine: %v", err)
			}
		})
	})
	spin(t, m, 3)
	c.Call(reactor.EvUser, nil) // between two Polls
	elsewhere(func() {          // the loop moves to another goroutine
		m.Post(func() { calls++; misuse() })
		m.Poll(0)
		m.Poll(0)
	})
	if calls != 5 {
		t.Errorf("%d calls, want 5", calls)
	}
	other := newManager(t)
	// The handler of another manager may wait for this one.
	end := make(chan struct{})
	go func() {
		defer close(end)
		other.Post(func() { looptest.Must(t, m.Do(context.Background(), func() { calls = 100 })) })
		other.Poll(0)
		other.Poll(0)
	}()
	await(t, m, "the other manager", func() bool { return calls == 100 })
	<-end
	wantPanic(t, "nil function", func() { m.Do(context.Background(), nil) })
}

// If the function panics and the program recovers, Do returns ErrPanicked, and calls that wait
// behind it return ErrClosed.
func TestDoOfAPanic(t *testing.T) {
	m := newManager(t)
	result := make(chan error, 2)
	go func() {
		result <- m.Do(context.Background(), func() { panic("test") })
	}()
	func() {
		defer func() { recover() }()
		await(t, m, "the panic", func() bool { return false })
	}()
	if err := <-result; err != reactor.ErrPanicked {
		t.Errorf("Do returned %v", err)
	}
	if err := m.Do(context.Background(), func() {}); err != reactor.ErrClosed {
		t.Errorf("Do after the panic returned %v", err)
	}
}

// Poll notes its goroutine for Do, and does not allocate for that, also if calls of different depth
// alternate.
func TestPollAtAnyDepthDoesNotAllocate(t *testing.T) {
	m := newManager(t)
	var deeper func(n int)
	deeper = func(n int) {
		if n > 0 {
			deeper(n - 1)
			return
		}
		looptest.Must(t, m.Poll(0))
	}
	depth := 0
	if n := testing.AllocsPerRun(200, func() { depth = 1 - depth; deeper(depth) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// InHandler is true within handlers, timers and posted functions of the manager, on the loop's
// goroutine only.
func TestInHandler(t *testing.T) {
	m, other := newManager(t), newManager(t)
	if m.InHandler() {
		t.Error("InHandler before Poll")
	}
	var posted, foreign, elsewhere bool
	m.Post(func() {
		posted, foreign = m.InHandler(), other.InHandler()
		done := make(chan struct{})
		go func() {
			elsewhere = m.InHandler()
			close(done)
		}()
		<-done
	})
	spin(t, m, 2)
	if !posted || foreign || elsewhere || m.InHandler() {
		t.Errorf("InHandler: posted %v, of another manager %v, on another goroutine %v, after Poll %v", posted, foreign, elsewhere, m.InHandler())
	}
	c, err := other.Listen("tcp://127.0.0.1:0", func(*reactor.Conn, reactor.Event, any) { posted = other.InHandler() }, nil)
	if err != nil {
		t.Fatal(err)
	}
	posted = false
	if c.Call(reactor.EvUser, nil); !posted {
		t.Error("InHandler is false in a handler that was called between two Polls")
	}
}
