package relay

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// ShutDown waits until the connections have closed. It resets those that are still open after
// the grace period.
func TestShutDown(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		t.Run(fmt.Sprintf("in time %v", inTime), func(t *testing.T) {
			clock := looptest.NewClock()
			j := newJoined(t, reactor.WithClock(func() time.Time { clock.Advance(time.Millisecond); return clock.Now() }))
			j.say(j.client, j.target, "request")
			j.say(j.target, j.client, "half an ")
			turns := 0
			j.m.AddTimer(time.Millisecond, reactor.TimerRepeat, func() { // due in each turn
				if turns++; turns == 10 && inTime {
					j.target.WriteString("answer")
					j.target.Close()
				}
				if j.client.Ended() && j.client.FD >= 0 {
					j.client.Close()
				}
			})
			if err := ShutDown(j.m, j.l); err != nil {
				t.Fatal(err)
			}
			if n := j.m.Stats().Conns; n > 0 {
				t.Errorf("%d connections are left", n)
			}
			if !inTime {
				j.wantReset(j.client)
				j.wantReset(j.target)
				return
			}
			if string(j.client.In) != "half an answer" || j.client.Err != nil || !j.client.EOF {
				t.Errorf("the client reads %q, %v", j.client.In, j.client.Err)
			}
		})
	}
}
