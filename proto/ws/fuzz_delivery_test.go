package ws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// handedOn offers bytes to an open connection that compresses, and returns the
// messages and control frames that its handler has put together, and the error.
func handedOn(t *testing.T, m *reactor.Manager, r role, how ws.Delivery, pieces ...[]byte) (log []string, err error) {
	t.Helper()
	c := idle(t, m, r)
	a := &assembler{TB: t}
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		a.hear(c, ev, data)
		if ev == reactor.EvError {
			err = data.(error)
		}
	}
	ws.PushDeflating(c, &ws.Options{Delivery: how, Limits: ws.Limits{Message: 100_000}, Deflate: &ws.Deflate{MaxRatio: 50}})
	for _, p := range pieces {
		if c.Stopped() {
			break
		}
		c.Recv.Append(p)
		n := len(p)
		c.Call(reactor.EvRead, &n)
	}
	c.Close()
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
	return a.log, err
}

// FuzzDeliveries offers arbitrary bytes, compressed messages among them: whatever
// the delivery and wherever the bytes are cut, the handler gets the same messages,
// the same bytes are refused, and all memory is given back.
func FuzzDeliveries(f *testing.F) {
	for _, r := range roles {
		masked := r == asServer
		in, _, _ := conversation(r)
		f.Add([]byte(in), masked, uint16(7))
		z := deflated(strings.Repeat("some words, €", 30))
		for _, s := range []string{
			build(fin|rsv1|text, masked, -1, z) + build(fin|rsv1|text, masked, -1, z),
			build(rsv1|text, masked, -1, z[:9]) + build(fin|ping, masked, -1, "p") + build(fin|cont, masked, -1, z[9:]),
			build(fin|rsv1|bin, masked, -1, deflated(strings.Repeat("\x00", 99_999))),
			build(fin|rsv1|text, masked, -1, deflated("ab\xff")), build(fin|rsv1|text, masked, -1, "\xff\xff"),
			build(text, masked, -1, "\xe2\x82") + build(fin|cont, masked, -1, "\xac") + build(fin|rsv1|bin, masked, -1, ""),
		} {
			f.Add([]byte(s), masked, uint16(3))
		}
	}
	m := fuzzManager(f)
	f.Fuzz(func(t *testing.T, in []byte, server bool, cut uint16) {
		r := asClient
		if server {
			r = asServer
		}
		if len(in) > 4096 {
			return
		}
		at := min(int(cut), len(in))
		want, refused := handedOn(t, m, r, ws.Whole, in)
		for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
			for _, pieces := range [][][]byte{{in[:at], in[at:]}, slices.Collect(slices.Chunk(slices.Clone(in), 1))} {
				got, err := handedOn(t, m, r, how, pieces...)
				if !slices.Equal(got, want) || (err == nil) != (refused == nil) {
					t.Fatalf("delivery %d\n     %q, %v\nwant %q, %v", how, got, err, want, refused)
				}
			}
		}
		if _, _, _, spent := ws.Spares(m); spent != 0 {
			t.Fatal(fmt.Sprint(spent, " bytes of the budget are taken"))
		}
	})
}
