package reactor_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

func TestEventNames(t *testing.T) {
	// Mongoose's names and order, without the prefix.
	want := []string{
		"ERROR", "OPEN", "POLL", "RESOLVE", "CONNECT", "ACCEPT", "TLS_HS", "READ", "WRITE", "CLOSE",
		"HTTP_HDRS", "HTTP_MSG", "WS_OPEN", "WS_MSG", "WS_CTL", "MQTT_CMD", "MQTT_MSG", "MQTT_OPEN",
		"WAKEUP", "HIGH_WATER", "LOW_WATER", "END", "USER", "USER+1",
	}
	for i, name := range want {
		if got := reactor.Event(i).String(); got != name {
			t.Errorf("event %d: %s, want %s", i, got, name)
		}
	}
	if reactor.EvUser != 22 || reactor.EvClose != 9 || reactor.EvMQTTOpen != 17 {
		t.Errorf("EvClose %d, EvMQTTOpen %d, EvUser %d", reactor.EvClose, reactor.EvMQTTOpen, reactor.EvUser)
	}
	if got := reactor.Event(-1).String(); got != "Event(-1)" {
		t.Errorf("event -1: %s", got)
	}
}

// dataType says whether data has the type that the event table gives ev.
func dataType(ev reactor.Event, data any) bool {
	ok := data == nil
	switch ev {
	case reactor.EvError:
		_, ok = data.(error)
	case reactor.EvPoll:
		_, ok = data.(*time.Time)
	case reactor.EvRead, reactor.EvWrite:
		_, ok = data.(*int)
	case reactor.EvWakeup:
		_, ok = data.(*[]byte)
	}
	return ok
}

// TestEventTable raises every event that the reactor raises by itself, and checks
// the dynamic type of its data.
func TestEventTable(t *testing.T) {
	m := newManager(t)
	seen := map[reactor.Event]bool{}
	watch := func(fn reactor.Handler) reactor.Handler {
		return func(c *reactor.Conn, ev reactor.Event, data any) {
			seen[ev] = true
			if !dataType(ev, data) {
				t.Errorf("%v has data of type %T", ev, data)
			}
			if fn != nil {
				fn(c, ev, data)
			}
		}
	}
	l := listen(t, m, "tcp://127.0.0.1:0", watch(func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Recv.Reset()
		}
	}))
	done := false
	c := dial(t, m, urlOf(l.LocalAddr().String()), watch(func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			c.Write(make([]byte, 8<<20)) // more than the kernel takes at once
		case reactor.EvLowWater:
			c.Fail(errors.New("enough"))
		case reactor.EvClose:
			done = true
		}
	}))
	c.SetPoll(true)
	c.SetWater(0, 1)
	if err := m.Wakeup(c.ID(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	await(t, m, "EvClose", func() bool { return done })
	for _, ev := range []reactor.Event{
		reactor.EvError, reactor.EvOpen, reactor.EvPoll, reactor.EvResolve, reactor.EvConnect, reactor.EvAccept,
		reactor.EvRead, reactor.EvWrite, reactor.EvClose, reactor.EvWakeup, reactor.EvHighWater, reactor.EvLowWater,
	} {
		if !seen[ev] {
			t.Errorf("%v was not raised", ev)
		}
	}
}

// The counts of EvRead and EvWrite are what happened since the last one.
func TestReadAndWriteCounts(t *testing.T) {
	m := newManager(t)
	var reads, writes, lens []int
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvRead:
			reads, lens = append(reads, *data.(*int)), append(lens, c.Recv.Len())
		case reactor.EvWrite:
			writes = append(writes, *data.(*int))
		}
	})
	c.Write([]byte("12345"))
	for i, s := range []string{"abc", "de"} {
		p.write(s)
		await(t, m, "EvRead", func() bool { return len(reads) == i+1 })
	}
	await(t, m, "EvWrite", func() bool { return len(writes) == 1 })
	if reads[0] != 3 || reads[1] != 2 || lens[0] != 3 || lens[1] != 5 || writes[0] != 5 {
		t.Errorf("reads %v of Recv %v, writes %v", reads, lens, writes)
	}
}

func TestErrClosedIsNetErrClosed(t *testing.T) {
	if !errors.Is(reactor.ErrClosed, net.ErrClosed) {
		t.Error("ErrClosed does not wrap net.ErrClosed")
	}
}
