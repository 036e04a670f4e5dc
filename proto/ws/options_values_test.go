package ws_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestMoreThanOneOptions: Connect, Upgrade and Listen take at most one Options. Nil means the
// defaults.
func TestMoreThanOneOptions(t *testing.T) {
	env := newEnv(t)
	two := []*ws.Options{{}, nil}
	if _, err := ws.Connect(env.manager, "ws://127.0.0.1:1", nil, nil, "", two...); err == nil || !strings.Contains(err.Error(), "Connect takes one *Options") {
		t.Errorf("Connect: %v", err)
	}
	if _, err := ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil, two...); err == nil || !strings.Contains(err.Error(), "Listen takes one *Options") {
		t.Errorf("Listen: %v", err)
	}
	said := 0
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		said++
		looptest.WantErr(t, ws.Upgrade(c, data.(*http.Message), "", two...), nil, "Upgrade takes one *Options")
		looptest.WantErr(t, ws.Upgrade(c, nil, ""), nil, "Upgrade without the *http.Message")
		if c.Send.Len() > 0 || http.CheckReply(c) != nil {
			t.Error("the request was answered")
		}
		must(t, ws.Upgrade(c, data.(*http.Message), "", nil))
	})
	tc.peerSends(request)
	tc.events.WantLines(t, "HTTP GET", "OPEN")
	if said != 1 {
		t.Errorf("tried %d times", said)
	}
}

// TestNilArguments: a call that gets nil instead of a value panics with its name.
func TestNilArguments(t *testing.T) {
	for call, f := range map[string]func(){
		"ws: Offers of a nil Message":     func() { ws.Offers(nil, "mqtt") },
		"ws: SameOrigin of a nil Message": func() { ws.SameOrigin(nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != call {
					t.Errorf("panic %q, want %q", got, call)
				}
			}()
			f()
		}()
	}
}

// TestDurationsWithoutUnit: a duration below a millisecond is refused. It is a number without
// a unit.
func TestDurationsWithoutUnit(t *testing.T) {
	env := newEnv(t)
	for field, o := range map[string]*ws.Options{
		"Ping": {Ping: 30}, "Pong": {Ping: time.Minute, Pong: 10}, "CloseWait": {CloseWait: 999_999},
	} {
		_, err := ws.Connect(env.manager, "ws://127.0.0.1:1", nil, nil, "", o)
		looptest.WantErr(t, err, nil, "Options."+field)
		_, err = ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil, o)
		looptest.WantErr(t, err, nil, "Options."+field)
	}
}

// TestExtremeOptions: the largest and the smallest value of an option act like no limit. Nothing
// overflows, and messages are received and sent, compressed too.
func TestExtremeOptions(t *testing.T) {
	const most, ever = math.MaxInt, time.Duration(math.MaxInt64)
	text20, long := strings.Repeat("a", 20), strings.Repeat("0123456789", 600)
	text20Deflated, longDeflated := deflated(text20), deflated(long)
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
					env, clock := newTimedEnv(t, reactor.Deadlines{})
					if o.Delivery = how; o.Deflate == nil {
						o.Deflate = &ws.Deflate{}
					}
					env.opts, env.extensions = &o, "permessage-deflate"
					if o.Deflate.Budget < 0 {
						env.extensions += "; server_no_context_takeover" // which the server demands
					}
					got := 0
					tc := env.open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
						if ev == reactor.EvWSMsg {
							got += len(data.(*ws.Message).Data)
						}
					})
					if name == "Message" {
						must(t, ws.SetLimits(tc.conn, ws.Limits{Message: most}))
					}
					clock.Advance(time.Second)
					for _, in := range []string{
						tc.frame(fin|text, text20),
						tc.frame(text, text20[:5]) + tc.frame(fin|cont, text20[5:]),
						tc.frame(fin|rsv1|text, text20Deflated),
					} {
						tc.peerSends(in)
					}
					half := len(longDeflated) / 2
					tc.peerSends(tc.frame(rsv1|text, longDeflated[:half]) + tc.frame(fin|cont, longDeflated[half:]))
					spin(t, env.manager)
					if want := 3*len(text20) + len(long); got != want || tc.events.LastErr() != nil {
						t.Fatalf("%d bytes, want %d; %v", got, want, tc.events.LastErr())
					}
					wr, err := ws.NewWriter(tc.conn, ws.OpText, most)
					must(t, err)
					wr.Write([]byte("a"))
					must(t, wr.Close())
					must(t, ws.Send(tc.conn, []byte(long), ws.OpText))
					must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
					if n := len(tc.sent()); n != 3 {
						t.Errorf("%d frames", n)
					}
					clock.Advance(time.Second)
					tc.peerSends(tc.frame(fin|opClose, closePayload(1000, "")))
					tc.awaitEnd()
					if tc.events.LastErr() != nil {
						t.Error(tc.events.LastErr())
					}
				})
			}
		}
	}
}
