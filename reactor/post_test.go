package reactor_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Posted functions and wake-ups run in the order of the calls.
func TestOrderOfPostsAndWakeups(t *testing.T) {
	m := looptest.NewStillManager(t)
	var got []string
	c, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			got = append(got, string(*data.(*[]byte)))
		}
	})
	var want []string
	for i := range 3000 {
		s := fmt.Sprint(i)
		want = append(want, s)
		var err error
		if i%3 == 0 {
			err = m.Post(func() { got = append(got, s) })
		} else {
			err = m.Wakeup(c.ID(), []byte(s))
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%1000 == 999 {
			spin(t, m, 1)
		}
	}
	if len(got) > 0 && !slices.Equal(got, want) {
		t.Errorf("%d calls ran in another order", len(got))
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d calls ran", len(got), len(want))
	}
}

// Several goroutines post. The calls of each run in order, and no call is lost.
func TestPostsFromManyGoroutines(t *testing.T) {
	m := newManager(t)
	const routines, each = 8, 500
	got := make([][]int, routines)
	total := 0
	c, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			p := *data.(*[]byte)
			got[p[0]] = append(got[p[0]], int(p[1])<<8|int(p[2]))
			total++
		}
	})
	id := c.ID()
	var wg sync.WaitGroup
	for g := range routines {
		wg.Go(func() {
			for i := range each {
				if i%2 == 0 {
					m.Post(func() { got[g] = append(got[g], i); total++ })
				} else {
					m.Wakeup(id, []byte{byte(g), byte(i >> 8), byte(i)})
				}
			}
		})
	}
	await(t, m, "all calls", func() bool { return total == routines*each })
	wg.Wait()
	for g, list := range got {
		if len(list) != each || !slices.IsSorted(list) {
			t.Errorf("goroutine %d: %d calls ran, in order: %v", g, len(list), slices.IsSorted(list))
		}
	}
}

func TestWakeupCopiesItsData(t *testing.T) {
	m := newManager(t)
	var got []string
	c, _ := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			p := *data.(*[]byte)
			got = append(got, string(p))
			if len(p) != cap(p) {
				t.Error("the capacity of the data reaches into the data of the next wake-up")
			}
		}
	})
	p := []byte("one")
	m.Wakeup(c.ID(), p)
	copy(p, "two")
	m.Wakeup(c.ID(), p)
	clear(p)
	m.Wakeup(c.ID(), nil)
	spin(t, m, 1)
	if want := []string{"one", "two", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A wake-up for a connection that does not exist, or has closed meanwhile, is dropped.
func TestWakeupOfAnUnknownConnection(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	for _, id := range []uint64{0, c.ID() + 1, 1 << 63} {
		if err := m.Wakeup(id, []byte("x")); err != nil {
			t.Errorf("Wakeup of connection %d: %v", id, err)
		}
	}
	spin(t, m, 2)
	c.Close()
	m.Wakeup(c.ID(), []byte("x"))
	spin(t, m, 2)
	m.Wakeup(c.ID(), []byte("x"))
	spin(t, m, 2)
	r.Want(t, "OPEN CLOSE")
}

// A function that a posted function posts runs in the next turn.
func TestPostWithinAPostWaitsForTheNextTurn(t *testing.T) {
	m := newManager(t)
	n := 0
	var again func()
	again = func() { n++; m.Post(again) }
	m.Post(again)
	for turn := 1; turn <= 5; turn++ {
		if spin(t, m, 1); n != turn {
			t.Fatalf("%d calls after %d turns", n, turn)
		}
	}
}

// Post wakes a Poll that blocks without limit.
func TestPostWakesPoll(t *testing.T) {
	m := newManager(t)
	for range 20 {
		called := false
		go m.Post(func() { called = true })
		for range turns {
			if m.Poll(-1); called {
				break
			}
		}
		if !called {
			t.Fatal("the posted function was not called")
		}
	}
}

func TestPostAfterClose(t *testing.T) {
	m := newManager(t)
	c, _ := wrap(t, m, nil)
	called := false
	m.Post(func() { called = true })
	m.Close()
	if err := m.Post(func() { called = true }); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Post: error %v, want ErrClosed", err)
	}
	if err := m.Wakeup(c.ID(), []byte("x")); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Wakeup: error %v, want ErrClosed", err)
	}
	if m.Poll(0); called {
		t.Error("a posted function was called after Close")
	}
}

// Close races with goroutines that post. Each call returns nil or ErrClosed. No call
// writes to the wake-up descriptor after it was closed: its number may belong to another
// socket.
func TestPostsRaceWithClose(t *testing.T) {
	for round := range 50 {
		m := newManager(t)
		c, _ := wrap(t, m, nil)
		id := c.ID()
		var wg sync.WaitGroup
		start := make(chan struct{})
		for g := range 6 {
			wg.Go(func() {
				<-start
				for i := 0; ; i++ {
					var err error
					if (i+g)%2 == 0 {
						err = m.Post(func() {})
					} else {
						err = m.Wakeup(id, []byte("data"))
					}
					if err != nil {
						if !errors.Is(err, reactor.ErrClosed) {
							t.Errorf("round %d: error %v, want ErrClosed", round, err)
						}
						return
					}
				}
			})
		}
		close(start)
		for range round % 5 {
			m.Poll(0)
		}
		m.Close()
		var after [8]*peer // get the numbers of the closed descriptors
		for i := 0; i < len(after); i += 2 {
			a, b := looptest.Socketpair(t)
			after[i], after[i+1] = looptest.NewSocket(t, a), looptest.NewSocket(t, b)
		}
		wg.Wait()
		for _, p := range after {
			if p.Receive(); len(p.In) > 0 {
				t.Fatalf("round %d: %q was written to another descriptor", round, p.In)
			}
			p.Close()
		}
	}
}
