package reactor_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Posts and wake-ups come in the order in which they were made.
func TestOrderOfPostsAndWakeups(t *testing.T) {
	m := newManager(t)
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
		t.Errorf("%d letters came in another order", len(got))
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d letters", len(got), len(want))
	}
}

// The order holds for each of several goroutines, and nothing is lost.
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
	await(t, m, "all letters", func() bool { return total == routines*each })
	wg.Wait()
	for g, list := range got {
		if len(list) != each || !slices.IsSorted(list) {
			t.Errorf("goroutine %d: %d letters, in order: %v", g, len(list), slices.IsSorted(list))
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
				t.Error("appending to the data would reach the next one's")
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

// A wake-up whose connection is unknown, or gone by then, is dropped.
func TestWakeupOfTheUnknown(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	for _, id := range []uint64{0, c.ID() + 1, 1 << 63} {
		if err := m.Wakeup(id, []byte("x")); err != nil {
			t.Errorf("id %d: %v", id, err)
		}
	}
	spin(t, m, 2)
	c.Close()
	m.Wakeup(c.ID(), []byte("x"))
	spin(t, m, 2)
	m.Wakeup(c.ID(), []byte("x"))
	spin(t, m, 2)
	r.want(t, "OPEN CLOSE")
}

// What is posted by something posted waits for the next turn.
func TestPostsCannotStarveTheLoop(t *testing.T) {
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

// A Poll that blocks without limit is woken.
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
			t.Fatal("Poll returned for nothing, again and again")
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
		t.Errorf("Post: %v", err)
	}
	if err := m.Wakeup(c.ID(), []byte("x")); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Wakeup: %v", err)
	}
	if m.Poll(0); called {
		t.Error("a posted function was called after Close")
	}
}

// Close races with everyone who posts: each gets nil or ErrClosed, and
// nobody writes to the wake-up descriptor when it is closed, and perhaps another's.
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
							t.Errorf("round %d: %v", round, err)
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
		var after [8]*peer // whoever gets the numbers that were freed
		for i := 0; i < len(after); i += 2 {
			a, b := socketpair(t)
			after[i], after[i+1] = newPeer(t, a), newPeer(t, b)
		}
		wg.Wait()
		for _, p := range after {
			if p.pump(); len(p.in) > 0 {
				t.Fatalf("round %d: %q was written to another's descriptor", round, p.in)
			}
			p.close()
		}
	}
}
