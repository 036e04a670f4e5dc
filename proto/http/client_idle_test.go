package http_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Idle connections are kept for IdleTime, and not more than IdleConns of them.
func TestClientIdleTime(t *testing.T) {
	clock := looptest.NewClock()
	ct := newClientTest(t, &http.ClientOptions{IdleTime: time.Minute}, reactor.WithClock(clock.Now))
	s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
	ct.get(s.url, "a")
	clock.Advance(59 * time.Second)
	ct.idle()
	ct.get(s.url, "a") // the time begins again
	clock.Advance(59 * time.Second)
	ct.idle()
	if len(s.conns) != 1 || s.conns[0].ended {
		t.Fatalf("%d connections", len(s.conns))
	}
	clock.Advance(time.Second)
	ct.until("the end of the idle connection", func() bool { return s.conns[0].ended })
	ct.get(s.url, "a")
	if len(s.conns) != 2 {
		t.Errorf("%d connections, want 2", len(s.conns))
	}
}

func TestClientIdleConns(t *testing.T) {
	for most, want := range map[int]int{-1: 4, 1: 3, 2: 2} {
		ct := newClientTest(t, &http.ClientOptions{IdleConns: most})
		var held []*rawConn
		s := ct.listenRaw(func(p *rawConn) { held = append(held, p) })
		var calls []*call
		for range 4 {
			calls = append(calls, ct.start(&http.Request{URL: s.url}))
		}
		ct.until("the requests", func() bool { return len(held) == 4 })
		for _, p := range held {
			p.say(ok("", "a"))
		}
		ct.await(calls...)
		ended := func() (n int) {
			for _, p := range held {
				if p.ended {
					n++
				}
			}
			return n
		}
		ct.until(fmt.Sprint(want, " ends"), func() bool { return ended() == want })
		ct.idle()
		if n := ended(); n != want {
			t.Errorf("IdleConns %d: %d connections have ended, want %d", most, n, want)
		}
	}
}
