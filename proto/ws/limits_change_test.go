package ws_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// changedKinds are kinds of messages in the middle of which the limits change. Each message has
// 12 bytes.
var changedKinds = []struct {
	name     string
	deflated bool
	frames   func(f func(byte, string) string) string
}{
	{"one frame", false, func(f func(byte, string) string) string { return f(fin|text, "123456789012") }},
	{"fragments", false, func(f func(byte, string) string) string {
		return f(text, "1234") + f(fin|ping, "p") + f(cont, "5678") + f(cont, "") + f(fin|cont, "9012")
	}},
	{"empty last fragment", false, func(f func(byte, string) string) string {
		return f(text, "123456789012") + f(fin|cont, "")
	}},
	{"compressed", true, func(f func(byte, string) string) string {
		return f(fin|rsv1|text, deflated("123456789012"))
	}},
	{"compressed fragments", true, func(f func(byte, string) string) string {
		c := deflated("123456789012")
		return f(rsv1|text, c[:5]) + f(cont, c[5:6]) + f(fin|cont, c[6:])
	}},
}

// changed is what a connection has received in the middle of which the limits changed.
type changed struct {
	data     string // delivered
	before   int    // number of bytes of data that were delivered before the change
	complete bool
	code     ws.StatusCode // of the error; 0 is none
}

// receiveChanged sends in to a connection and sets new limits before the byte at change.
func receiveChanged(t *testing.T, env *testEnv, r role, in string, change, limit int) (got changed) {
	t.Helper()
	tc := env.open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			m := data.(*ws.Message)
			got.data, got.complete = got.data+string(m.Data), m.Fin
		}
	})
	defer tc.closeBoth()
	tc.peerSends(in[:change])
	got.before = len(got.data)
	must(t, ws.SetLimits(tc.conn, ws.Limits{Message: limit}))
	tc.peerSends(strings.Split(in[change:], "")...)
	var e *ws.ProtocolError
	if errors.As(tc.events.LastErr(), &e) {
		got.code = e.Code
	} else if err := tc.events.LastErr(); err != nil {
		t.Errorf("error %v, want a *ws.ProtocolError", err)
	}
	return got
}

// Limits may change at every byte of a message. A message that is not complete is then treated
// as if the new limits had been there from its beginning. What was delivered before stays
// delivered, and nothing beyond the limit follows.
func TestLimitsChangeInMessage(t *testing.T) {
	const size = 12
	for _, kind := range changedKinds {
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			t.Run(fmt.Sprint(kind.name, " ", how), func(t *testing.T) {
				env := newEnv(t)
				if env.opts = (&ws.Options{Delivery: how}); kind.deflated {
					env = newEnvDeflating(t, ws.Options{Delivery: how})
				}
				for _, r := range roles {
					in := kind.frames((&testConn{role: r}).frame)
					limits := []int{0, 1, size - 1, size}
					switch { // the parts that depend on the delivery, on the role and on the value are separate
					case how == ws.Whole && r == asServer:
						limits = append(limits, -1, 4, size+1, math.MaxInt, math.MinInt)
					case how != ws.Whole && r == asClient:
						continue
					}
					for _, limit := range limits {
						fits := limit <= 0 || limit >= size
						for change := range len(in) {
							got := receiveChanged(t, env, r, in, change, limit)
							switch {
							case fits && (got.code != 0 || !got.complete || got.data != "123456789012"):
								t.Fatalf("%s: limit %d at byte %d: got %+v, want the message", r, limit, change, got)
							case !fits && (got.code != ws.StatusMessageTooBig || got.complete || len(got.data) > max(limit, got.before)):
								t.Fatalf("%s: limit %d at byte %d: got %+v, want code 1009", r, limit, change, got)
							}
						}
					}
				}
			})
		}
	}
}

// A frame that has partly arrived is refused at the next byte.
func TestLimitsChangeInFrame(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for n := range 12 { // so many bytes of the payload arrive before
			tc := env.open(r, nil)
			in := tc.frame(fin|text, "123456789012")
			head := len(in) - 12
			tc.peerSends(in[:head+n])
			must(t, ws.SetLimits(tc.conn, ws.Limits{Message: 11}))
			tc.peerSends(in[head+n : head+n+1])
			tc.wantRefused(ws.StatusMessageTooBig, "more than 11 bytes")
		}
	})
}

// The limits may change between the pieces of a compressed message that is being inflated.
func TestLimitsChangeWhileInflating(t *testing.T) {
	const piece = 16 << 10
	message := strings.Repeat("0123456789abcdef", 4*piece/16)
	for _, pause := range []bool{false, true} {
		for _, tt := range []struct{ limit, pieces int }{
			{0, 4}, {-1, 4}, {math.MaxInt, 4}, {math.MinInt, 4}, {4 * piece, 4},
			{4*piece - 1, 3}, {2 * piece, 2}, {2*piece - 1, 1}, {piece, 1}, {piece - 1, 1}, {1, 1},
		} {
			env := newEnvDeflating(t, ws.Options{Delivery: ws.Frames})
			n, ended := 0, false
			tc := env.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev != reactor.EvWSMsg {
					return
				}
				if n, ended = n+len(data.(*ws.Message).Data), data.(*ws.Message).Fin; n == piece {
					if pause {
						c.Pause()
						return
					}
					must(t, ws.SetLimits(c, ws.Limits{Message: tt.limit}))
				}
			})
			tc.peerSends(tc.frame(fin|rsv1|text, deflated(message)))
			if pause {
				must(t, ws.SetLimits(tc.conn, ws.Limits{Message: tt.limit}))
				tc.conn.Resume()
			}
			looptest.Settle(t, env.manager)
			if n != tt.pieces*piece || ended != (tt.pieces == 4) {
				t.Errorf("limit %d, pause %v: %d bytes, fin %v, want %d pieces", tt.limit, pause, n, ended, tt.pieces)
			}
			if tt.pieces < 4 {
				tc.wantRefused(ws.StatusMessageTooBig, fmt.Sprint("more than ", tt.limit, " bytes"))
			}
		}
	}
}
