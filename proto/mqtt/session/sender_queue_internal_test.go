package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// What Publish does when the queue is full. The packet of each message has 6 bytes at QoS 0 and 8
// bytes at QoS 1.
func TestSenderQueueFull(t *testing.T) {
	for _, tc := range []struct {
		name   string
		queue  Queue
		window int
		script string
	}{
		{"refuse: messages", Queue{Messages: 2}, 0, `
			pub a=1
			pub a=2 q1
			pub! a=3 : session: the queue is full: the message to "a" has 6 bytes; 2 messages with 14 bytes wait or are in flight; the limits are 2 messages and 16777216 bytes
			= -
			up
			> a=1 q0 | 1 a=2 q1
			pub a=4
			pub! a=5 : the queue is full
			< PUBACK 1
			pub a=6
			> a=4 q0 | a=6 q0`},
		{"refuse: bytes", Queue{Bytes: 20}, 0, `
			pub a=1 q1
			pub a=2
			pub a=3
			pub! a=4 : 3 messages with 20 bytes
			= -`},
		{"a message that is larger than the queue", Queue{Bytes: 20, Full: DropOldest}, 0, `
			pub a=1
			pub! a=0123456789ABCDEF : has 21 bytes
			= -`},
		{"drop oldest", Queue{Messages: 3, Full: DropOldest}, 0, `
			pub a=1 q1
			pub a=2
			pub a=3 q2
			pub a=4
			= 1 Dropped
			pub a=5
			pub a=6
			= 2 Dropped | 3 Dropped
			up
			> a=4 q0 | a=5 q0 | a=6 q0`},
		{"drop oldest: several for a large one", Queue{Bytes: 24, Full: DropOldest}, 0, `
			pub a=1
			pub a=2
			pub a=3
			pub a=4
			pub a=567890 exp=1s
			= 1 Dropped | 2 Dropped
			pub a=7
			= 3 Dropped
			after 2s
			= 5 Expired`},
		{"drop oldest: messages in flight are never dropped", Queue{Messages: 2, Full: DropOldest}, 0, `
			up
			pub a=1 q1
			pub a=2 q2
			> 1 a=1 q1 | 2 a=2 q2
			pub! a=3 q1 : the queue is full
			< PUBREC 2
			pub! a=3 : the queue is full
			down
			pub! a=3 : the queue is full
			up lost
			= 2 Dropped
			pub a=3
			> 1 a=1 q1 | a=3 q0`},
		{"drop oldest: messages that wait to be sent for the first time on a connection are in flight", Queue{Messages: 1, Full: DropOldest}, 0, `
			up
			pub a=1 q1
			pub! a=2 q1 : the queue is full
			= -`},
		{"drop QoS 0", Queue{Messages: 3, Full: DropQoS0}, 0, `
			pub a=1 q1
			pub a=2
			pub a=3
			pub a=4 q1
			= 2 Dropped
			pub a=5
			= 3 Dropped
			pub a=6 q2
			= 5 Dropped
			pub! a=7 : the queue is full
			pub! a=7 q1 : the queue is full
			= -
			up
			> 1 a=1 q1 | 2 a=4 q1 | 3 a=6 q2`},
		{"drop QoS 0: nothing is dropped for a message that does not fit in the end", Queue{Bytes: 14, Full: DropQoS0}, 0, `
			pub a=1 q1
			pub a=2
			pub! a=345 q1 : the queue is full
			= -`},
		{"a dropped message leaves its place in the window to others", Queue{Messages: 2, Full: DropOldest}, 1, `
			up
			pub a=1 q1
			pub a=2 q1
			pub a=3 q1
			= 2 Dropped
			> 1 a=1 q1
			< PUBACK 1
			> 2 a=3 q1`},
	} {
		for _, durable := range []bool{false, true} {
			t.Run(tc.name+map[bool]string{true: ", with a store"}[durable], func(t *testing.T) {
				var store *senderStore
				if durable {
					store = newSenderStore()
				}
				b := newSenderBench(t, 4, tc.queue, tc.window, store)
				b.run(tc.script)
				if !durable {
					return
				}
				b.run("close") // what has no outcome is in the store, and nothing else
				stored := strings.Count(strings.Join(b.outcomes(), "|"), "stored")
				if n := len(store.pending) - 1; n != stored {
					t.Errorf("%d messages are Stored, the store has %d", stored, n)
				}
			})
		}
	}
}

func TestSenderQueueFullError(t *testing.T) {
	b := newSenderBench(t, 4, Queue{Messages: 1, Full: DropOldest}, 0, nil)
	b.run("pub a=1 q1\npub a=2")
	if o, _ := b.s.outcome(); o == nil || !errors.Is(o.Err, ErrQueueFull) || string(o.Message.Data) != "1" || o.Message.ID != 0 {
		t.Errorf("outcome %+v, want Dropped with ErrQueueFull and the message", o)
	}
	b.run("up\n> a=2 q0\npub a=3 q1")
	if _, err := b.s.publish(b.now, senderMessage("a=4 q1")); !errors.Is(err, ErrQueueFull) {
		t.Errorf("error %v, want ErrQueueFull", err)
	}
}

// Outcomes that are not taken have limits too.
func TestSenderQueueUntaken(t *testing.T) {
	b := newSenderBench(t, 4, Queue{Messages: 1, Full: DropOldest}, 0, nil)
	n := 0
	for ; n < 3*DefaultQueueMessages; n++ {
		if _, err := b.s.publish(b.now, senderMessage("a=x")); err != nil {
			if !errors.Is(err, ErrQueueFull) || !strings.Contains(err.Error(), "have an outcome that was not taken") {
				t.Fatal(err)
			}
			break
		}
	}
	if n != DefaultQueueMessages+1 {
		t.Errorf("%d messages are accepted", n)
	}
	if got := len(b.outcomes()); got != n-1 {
		t.Errorf("%d outcomes, want %d", got, n-1)
	}
	b.run("pub a=y")
}

// Zero is the default and a negative value means no limit.
func TestQueueResolved(t *testing.T) {
	if got, want := (Queue{Full: DropQoS0}).resolved(), (bounds{DefaultQueueMessages, DefaultQueueBytes, DropQoS0}); got != want {
		t.Errorf("the zero value: %+v, want %+v", got, want)
	}
	s := newSender(4, nil, &journal{}, Queue{Messages: -1, Bytes: -1}, 0)
	for range 2 * DefaultQueueMessages {
		if _, err := s.publish(senderTime, &Message{Topic: "a", Data: make([]byte, 1000), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for inflight, want := range map[int]int{0: DefaultInflight, 1: 1, -1: 65535} {
		if s := newSender(4, nil, &journal{}, Queue{}, inflight); s.window != want {
			t.Errorf("Inflight %d is a window of %d, want %d", inflight, s.window, want)
		}
	}
}

// When all packet identifiers are in use, messages wait.
func TestSenderNoPacketID(t *testing.T) {
	b := newSenderBench(t, 4, Queue{Messages: -1}, -1, nil)
	for range 65534 { // of subscriptions
		b.ids.Next()
	}
	step := func(script string) { // the check of run counts the identifiers
		t.Helper()
		for line := range strings.Lines(script) {
			if msg := b.step(strings.TrimSpace(line)); msg != "" {
				t.Fatal(line, msg)
			}
			senderCheck(t, b.s)
		}
	}
	step("up\npub a=1 q1\npub a=2 q2\npub a=3")
	step("> 65535 a=1 q1")
	step("> -")
	step("< PUBACK 65535\n> 65535 a=2 q2 | a=3 q0")
	step("pub a=4 q1")
	step("> -")
	b.ids.Release(7)
	step("> 7 a=4 q1")
}

// The heap of deadlines against a plain search.
func TestExpiries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h expiries
	var all []*record
	for range 20000 {
		if len(all) == 0 || r.IntN(2) == 0 {
			x := &record{deadline: senderTime.Add(time.Duration(r.IntN(1000)))}
			all = append(all, x)
			h.add(x)
		} else {
			i := r.IntN(len(all))
			h.remove(all[i])
			if all[i].place != -1 {
				t.Fatal("a removed record has a place")
			}
			all[i] = all[len(all)-1]
			all = all[:len(all)-1]
		}
		for _, x := range all {
			if x.deadline.Before(h[0].deadline) || h[x.place] != x {
				t.Fatal("the heap is broken")
			}
		}
		if len(all) > 60 {
			for _, x := range all {
				h.remove(x)
			}
			all = nil
		}
	}
}

// The table of identifiers against a map.
func TestIDTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var table idTable
	model := map[uint16]*record{}
	for i := range 200000 {
		id := uint16(1 + r.IntN(600))
		if i%1000 < 300 {
			id *= 64 // collisions
		}
		if x := table.get(id); x != model[id] {
			t.Fatalf("get(%d) returns %v, want %v", id, x, model[id])
		} else if x == nil {
			x = &record{id: id}
			table.add(x)
			model[id] = x
		} else {
			table.remove(x)
			delete(model, id)
		}
		if table.n != len(model) {
			t.Fatalf("n is %d, want %d", table.n, len(model))
		}
	}
	for _, x := range model {
		table.remove(x)
	}
	if len(table.buckets) != 0 {
		t.Errorf("the empty table keeps %d buckets", len(table.buckets))
	}
}

// A sender at rest keeps little memory, also after a burst.
func TestSenderAtRest(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, -1, nil)
	b.run("up")
	for i := range 5000 {
		if _, err := b.s.publish(b.now, &Message{Topic: "a", QoS: 1, Expiry: time.Second, Props: make([]mqtt.Property, 0, 99)}); err != nil {
			t.Fatal(err)
		}
		if i < 300 {
			b.receive(fmt.Sprint("PUBREC ", i+9000))
		}
	}
	b.append(1 << 30)
	for i := range 5000 {
		if err := b.receive(fmt.Sprint("PUBACK ", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.outcomes()); n != 5000 {
		t.Fatalf("%d outcomes", n)
	}
	s := b.s
	if s.pending() != 0 || cap(s.byID.buckets) > 256 || cap(s.queue.expiries) > 256 || cap(s.replies) > 256 || cap(s.props) > 16 || cap(s.value) > maxScratch {
		t.Errorf("buckets %d, expiries %d, replies %d, props %d, value %d", cap(s.byID.buckets), cap(s.queue.expiries), cap(s.replies), cap(s.props), cap(s.value))
	}
}
