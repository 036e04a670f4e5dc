package reactor_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

func TestEventNames(t *testing.T) {
	// Mongoose's names and order, without the prefix.
	want := []string{
		"ERROR", "OPEN", "POLL", "RESOLVE", "CONNECT", "ACCEPT", "TLS_HS", "READ", "WRITE", "CLOSE",
		"HTTP_HDRS", "HTTP_MSG", "WS_OPEN", "WS_MSG", "WS_CTL", "MQTT_CMD", "MQTT_MSG", "MQTT_OPEN",
		"WAKEUP", "HIGH_WATER", "LOW_WATER", "END",
		"SESSION_UP", "SESSION_DOWN", "SESSION_RETRY", "SESSION_PUB", "SESSION_SUB",
		"HTTP_BODY", "SNTP_TIME", "MDNS_RESP", "USER", "USER+1",
	}
	for i, name := range want {
		if got := reactor.Event(i).String(); got != name {
			t.Errorf("event %d: %s, want %s", i, got, name)
		}
	}
	if reactor.EvUser != 30 || reactor.EvClose != 9 || reactor.EvMQTTOpen != 17 {
		t.Errorf("numbers of events: EvClose %d, EvMQTTOpen %d, EvUser %d", reactor.EvClose, reactor.EvMQTTOpen, reactor.EvUser)
	}
	if got := reactor.Event(-1).String(); got != "Event(-1)" {
		t.Errorf("event -1: %s", got)
	}
}

// dataType reports whether data has the type that the table of events gives for ev.
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

// Every event that the loop raises has data of the type that the table of events gives.
func TestEventDataTypes(t *testing.T) {
	m := newManager(t)
	seen := map[reactor.Event]bool{}
	check := func(fn reactor.Handler) reactor.Handler {
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
	l := listen(t, m, "tcp://127.0.0.1:0", check(func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Recv.Reset()
		}
	}))
	done := false
	c := dial(t, m, urlOf(l.LocalAddr().String()), check(func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			c.Write(make([]byte, 8<<20)) // more than the socket takes at once
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

// The data of EvRead and EvWrite is the number of bytes since the last such event.
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
		p.WriteString(s)
		await(t, m, "EvRead", func() bool { return len(reads) == i+1 })
	}
	await(t, m, "EvWrite", func() bool { return len(writes) == 1 })
	if reads[0] != 3 || reads[1] != 2 || lens[0] != 3 || lens[1] != 5 || writes[0] != 5 {
		t.Errorf("EvRead counts %v with Recv of %v bytes, EvWrite counts %v", reads, lens, writes)
	}
}

func TestUserEventNames(t *testing.T) {
	if reactor.EvEnd != reactor.EvLowWater+1 || reactor.EvUser != reactor.EvMDNSResp+1 || reactor.EvUserInput != 1<<16 {
		t.Errorf("EvLowWater %d, EvEnd %d, EvUser %d, EvUserInput %d", reactor.EvLowWater, reactor.EvEnd, reactor.EvUser, reactor.EvUserInput)
	}
	for ev, want := range map[reactor.Event]string{
		reactor.EvLowWater:          "LOW_WATER",
		reactor.EvEnd:               "END",
		reactor.EvUser:              "USER",
		reactor.EvUser + 1:          "USER+1",
		reactor.EvUser + 1000:       "USER+1000",
		reactor.EvUserInput - 1:     fmt.Sprintf("USER+%d", 1<<16-1-int(reactor.EvUser)),
		reactor.EvUserInput:         "USER_INPUT",
		reactor.EvUserInput + 1:     "USER_INPUT+1",
		reactor.EvUserInput + 1<<16: "USER_INPUT+65536",
	} {
		if got := ev.String(); got != want {
			t.Errorf("event %d: %s, want %s", int(ev), got, want)
		}
	}
}
