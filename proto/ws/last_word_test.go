package ws_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// A peer that says with a Close frame why it leaves, and closes without having read what
// we sent, resets the connection. Its reason is heard although we are the first to write.
func TestCloseFrameBeforeReset(t *testing.T) {
	for _, r := range roles {
		for _, backlog := range []bool{false, true} {
			for name, moment := range looptest.Moments {
				t.Run(fmt.Sprintf("%s, %s, backlog %v", r, name, backlog), func(t *testing.T) {
					w := newWorld(t)
					e := w.open(r, nil)
					if backlog {
						e.fill()
					} else {
						must(t, ws.Send(e.c, []byte("never read"), ws.OpText))
						spin(t, w.m)
					}
					moment(t, w.m, func() {
						e.p.write(e.frame(fin|text, "before") + e.frame(fin|closs, closing(1008, "policy")))
						e.p.close()
						must(t, ws.Send(e.c, []byte("goes on"), ws.OpText))
					})
					await(t, w.m, "the end", func() bool { return e.rec.closed })
					log := e.rec.log
					if len(log) < 3 || len(log) > 4 || len(log) == 4 && log[2] != "ERROR" {
						t.Fatalf("heard %q", log)
					}
					wantLines(t, "first events", log[:2], []string{`MSG text "before"`, `CTL close 1008 "policy"`})
				})
			}
		}
	}
}
