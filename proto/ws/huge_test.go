package ws_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// What is set to the most, or the least, that its type holds is as good as no
// bound: nothing overflows, and messages come and go, compressed too.
func TestHugeOptions(t *testing.T) {
	const most, ever = math.MaxInt, time.Duration(math.MaxInt64)
	for name, o := range map[string]ws.Options{
		"Message":          {Limits: ws.Limits{Message: most}},
		"Message less one": {Limits: ws.Limits{Message: most - 1}},
		"Message of half":  {Limits: ws.Limits{Message: most/2 + 1}},
		"Message, least":   {Limits: ws.Limits{Message: math.MinInt}},
		"Ping":             {Ping: ever},
		"Ping and Pong":    {Ping: ever, Pong: ever},
		"Pong":             {Ping: time.Hour, Pong: ever},
		"CloseWait":        {CloseWait: ever},
		"Threshold":        {Deflate: &ws.Deflate{Threshold: most}},
		"Threshold, least": {Deflate: &ws.Deflate{Threshold: math.MinInt}},
		"MaxRatio":         {Deflate: &ws.Deflate{MaxRatio: most}},
		"MaxRatio less":    {Deflate: &ws.Deflate{MaxRatio: most / 100}},
		"Budget":           {Deflate: &ws.Deflate{Budget: most}},
		"Budget, least":    {Deflate: &ws.Deflate{Budget: math.MinInt}},
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			for _, r := range roles {
				t.Run(fmt.Sprintf("%s, %s, delivery %d", name, r, how), func(t *testing.T) {
					w, now := timedWorld(t, reactor.Deadlines{})
					if o.Delivery = how; o.Deflate == nil {
						o.Deflate = &ws.Deflate{}
					}
					w.opts, w.ext = &o, "permessage-deflate"
					if o.Deflate.Budget < 0 {
						w.ext += "; server_no_context_takeover" // which is asked for
					}
					got := 0
					e := w.open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
						if ev == reactor.EvWSMsg {
							got += len(data.(*ws.Message).Data)
						}
					})
					if name == "Message" {
						must(t, ws.SetLimits(e.c, ws.Limits{Message: most}))
					}
					*now = now.Add(time.Second)
					text20 := strings.Repeat("a", 20)
					long := strings.Repeat("0123456789", 10_000)
					z := deflated(long)
					for _, in := range []string{
						e.frame(fin|text, text20),
						e.frame(text, text20[:5]) + e.frame(fin|cont, text20[5:]),
						e.frame(fin|rsv1|text, deflated(text20)),
					} {
						e.feed(in)
					}
					e.feed(e.frame(rsv1|text, z[:len(z)/2]) + e.frame(fin|cont, z[len(z)/2:]))
					spin(t, w.m)
					if want := 3*len(text20) + len(long); got != want || e.rec.err != nil {
						t.Fatalf("%d bytes, want %d; %v", got, want, e.rec.err)
					}
					wr, err := ws.NewWriter(e.c, ws.OpText, most)
					must(t, err)
					wr.Write([]byte("a"))
					must(t, wr.Close())
					must(t, ws.Send(e.c, []byte(long), ws.OpText))
					must(t, ws.Close(e.c, ws.CloseNormal, ""))
					if n := len(e.sent()); n != 3 {
						t.Errorf("%d frames", n)
					}
					*now = now.Add(time.Second)
					e.feed(e.frame(fin|closs, closing(1000, "")))
					e.ends()
					if e.rec.err != nil {
						t.Error(e.rec.err)
					}
				})
			}
		}
	}
}
