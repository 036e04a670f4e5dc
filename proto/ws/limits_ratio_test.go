package ws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// These constants are the inflated sizes up to which MaxRatio is not checked, as documented.
const (
	defaultRatioFree = 1 << 20  // if it is the default
	ratioFree        = 64 << 10 // otherwise
)

// inflatesTo makes a message of size compressed bytes that inflates to n bytes. It pads a message
// of zeros with empty blocks.
func inflatesTo(t *testing.T, n, size int) string {
	t.Helper()
	z := deflated(strings.Repeat("\x00", n))
	const block = "\x00\x00\xff\xff" // of 5 bytes, with the one before it
	if (size-len(z))%5 != 0 || size < len(z) {
		t.Fatalf("%d zeros take %d bytes, cannot pad to %d", n, len(z), size)
	}
	return z + strings.Repeat(block+"\x00", (size-len(z))/5)
}

// A message may grow to MaxRatio times its size. By default it may grow to 1 MiB in any case, and
// to 64 KiB if MaxRatio is set. One byte more is refused. The result is the same with each
// Delivery.
func TestRatioLimit(t *testing.T) {
	const large, maxMessage = 1_500_000, 3 << 20
	z := len(deflated(strings.Repeat("\x00", large)))
	padTo := func(least int) int { return least + ((z-least)%5+5)%5 } // sizes that inflatesTo can make
	hundredth := padTo(large / 100)
	for _, tt := range []struct {
		name    string
		ratio   int // Deflate.MaxRatio
		n, size int // inflated and compressed bytes; size 0 is as small as possible
		refused bool
	}{
		{"free by default", 0, defaultRatioFree, 0, false},
		{"a byte more than free by default", 0, defaultRatioFree + 1, 0, true},
		{"at the default", 0, large, hundredth, false},
		{"beyond the default", 0, large, hundredth - 5, true},
		{"free", 1, ratioFree, 0, false},
		{"a byte more than free", 1, ratioFree + 1, 0, true},
		{"at a ratio", (large + z - 1) / z, large, 0, false},
		{"beyond a ratio", (large - 1) / z, large, 0, true},
		{"off", -1, maxMessage, 0, false},
		{"off, beyond the size", -1, maxMessage + 1, 0, true},
	} {
		size := tt.size
		if size == 0 {
			size = len(deflated(strings.Repeat("\x00", tt.n)))
		}
		z := inflatesTo(t, tt.n, size)
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			t.Run(fmt.Sprint(tt.name, ", ", how), func(t *testing.T) {
				eachRole(t, func(t *testing.T, _ *testEnv, r role) {
					got, complete := 0, false
					tc := newEnvDeflating(t, ws.Options{Delivery: how, Limits: ws.Limits{Message: maxMessage}, Deflate: &ws.Deflate{MaxRatio: tt.ratio}}).open(r, func(_ *reactor.Conn, ev reactor.Event, data any) {
						if ev == reactor.EvWSMsg {
							got += len(data.(*ws.Message).Data)
							complete = data.(*ws.Message).Fin
						}
					})
					tc.peerSends(tc.frame(fin|rsv1|bin, z))
					await(t, tc.manager, "the result", func() bool { return complete || tc.events.LastErr() != nil })
					if tt.refused {
						tc.wantRefused(ws.StatusMessageTooBig)
					} else if tc.events.LastErr() != nil || got != tt.n {
						t.Fatalf("%d bytes, %v", got, tc.events.LastErr())
					}
				})
			})
		}
	}
}

// The ratio counts the whole message. So it makes no difference where the message is split, into
// two pieces of the stream or into two fragments.
func TestRatioLimitOfSplitMessages(t *testing.T) {
	for _, over := range []int{0, 1} {
		z := deflated(strings.Repeat("\x00", defaultRatioFree+over))
		for at := 0; at <= len(z); at += max(1, len(z)/20) {
			for name, in := range map[string]func(tc *testConn) []string{
				"fragments": func(tc *testConn) []string { return []string{tc.frame(rsv1|bin, z[:at]) + tc.frame(fin|cont, z[at:])} },
				"byte by byte": func(tc *testConn) []string {
					if at > 0 {
						return []string{tc.frame(fin|rsv1|bin, z)}
					}
					return bytewise(tc.frame(fin|rsv1|bin, z))
				},
				"pieces": func(tc *testConn) []string {
					f := tc.frame(fin|rsv1|bin, z)
					return []string{f[:at+1], f[at+1:]}
				},
			} {
				tc := newEnvDeflating(t, ws.Options{}).open(asServer, nil)
				tc.peerSends(in(tc)...)
				if refused := tc.events.LastErr() != nil; refused != (over > 0) {
					t.Fatalf("%s, split at %d, %d bytes beyond: %v", name, at, over, tc.events.LastErr())
				}
				tc.conn.Close()
				tc.peer.Close()
				spin(t, tc.manager)
			}
		}
	}
}

// A message of blocks without data is refused if it is longer than 64 KiB. compress/flate would
// read all of them before it returns.
func TestBlocksWithoutDataAreBounded(t *testing.T) {
	const fourEmpty = "\x02\x08\x20\x80\x00" // blocks with fixed codes that only end, of 10 bits each
	for _, tt := range []struct {
		name, in string
		refused  bool
	}{
		{"flushed blocks that are followed by data", strings.Repeat("\x00\x00\x00\xff\xff", 6000) + deflated("abc"), false},
		{"at the limit", strings.Repeat(fourEmpty, 13107) + "\x00", false},
		{"beyond the limit", strings.Repeat(fourEmpty, 13108) + "\x00", true},
		{"far beyond", strings.Repeat(fourEmpty, 1_000_000) + "\x00", true},
		{"after data", deflated(strings.Repeat("a", 1000)) + "\x00\x00\xff\xff" + strings.Repeat(fourEmpty, 40_000) + "\x00", true},
	} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Chunks} {
			tc := newEnvDeflating(t, ws.Options{Delivery: how}).open(asServer, nil)
			sent := tc.frame(fin|rsv1|bin, tt.in)
			stop := looptest.EachTurn(tc.manager, func() { sent = sent[tc.peer.WriteSome([]byte(sent)):] })
			await(t, tc.manager, "the message", func() bool { return sent == "" })
			stop()
			await(t, tc.manager, tt.name, func() bool { return len(tc.events.Lines) > 0 })
			if tt.refused {
				tc.wantRefused(ws.StatusInvalidFramePayloadData, "blocks without data")
			} else if tc.events.LastErr() != nil {
				t.Errorf("%s: %v", tt.name, tc.events.LastErr())
			}
		}
	}
}
