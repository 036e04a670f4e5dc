package ws_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// hearOnce has the peer write in and polls until it was read.
func (e *end) hearOnce(in []byte) {
	read := e.m.Stats().BytesIn
	if n, err := unix.Write(e.p.fd, in); err != nil || n != len(in) {
		e.Fatalf("wrote %d of %d bytes: %v", n, len(in), err)
	}
	for e.m.Stats().BytesIn-read < uint64(len(in)) {
		if err := e.m.Poll(5 * time.Millisecond); err != nil {
			e.Fatal(err)
		}
	}
}

// Whatever the delivery, and whatever the messages come in, receiving them
// allocates nothing once memory is warm.
func TestReceivingAllocatesNothing(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, _ *world, r role) {
			e := delivering(t, how).open(r, nil)
			pieces := 0
			e.c.Fn = func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvWSMsg {
					pieces++
				}
			}
			long := strings.Repeat("€", 10_000)
			for _, tt := range []struct {
				name string
				in   []string // segments
			}{
				{"whole", []string{e.frame(fin|text, "hello")}},
				{"in frames", []string{e.frame(text, "€"[:1]) + e.frame(fin|ping, "p") + e.frame(cont, "€"[1:]) + e.frame(fin|cont, "")}},
				{"in two segments", []string{e.frame(fin|text, long)[:20_000], e.frame(fin|text, long)[20_000:]}},
				{"cut in the header", []string{e.frame(fin|text, long)[:3], e.frame(fin|text, long)[3:]}},
			} {
				var in [][]byte
				for _, s := range tt.in {
					in = append(in, []byte(s))
				}
				pieces = 0
				looptest.WantNoAllocs(t, tt.name, func() {
					for _, b := range in {
						e.hearOnce(b)
					}
				})
				if pieces < 200 {
					t.Errorf("%s: %d messages", tt.name, pieces)
				}
			}
			e.c.Close()
		})
	}
}

// Nor does sending, in frames or prepared.
func TestSendingAllocatesNothing(t *testing.T) {
	payload := []byte(strings.Repeat("some words, ", 500))
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		p, err := ws.Prepare(payload, ws.OpText)
		must(t, err)
		for name, send := range map[string]func(){
			"Send":          func() { must(t, ws.Send(e.c, payload, ws.OpText)) },
			"Ping":          func() { must(t, ws.Ping(e.c, payload[:125])) },
			"Prepared.Send": func() { must(t, p.Send(e.c)) },
			"Writer": func() {
				w, err := ws.NewWriter(e.c, ws.OpText, 1000)
				must(t, err)
				for i := 0; i < len(payload); i += 600 {
					w.Write(payload[i : i+600])
				}
				must(t, w.Flush())
				must(t, w.Close())
			},
		} {
			looptest.WantNoAllocs(t, name, func() {
				send()
				e.c.Send.Reset()
			})
		}
		e.drop()
	})
}

// With compression only what compress/flate itself allocates is allocated.
func TestCompressionAllocatesLittle(t *testing.T) {
	payload := []byte(strings.Repeat("some words, ", 500) + strings.Repeat("others; ", 500))
	coded := []byte(deflated(string(payload)))
	src := bytes.NewReader(coded)
	fr := flate.NewReader(src)
	own := testing.AllocsPerRun(100, func() {
		src.Reset(coded)
		fr.(flate.Resetter).Reset(src, nil)
		io.Copy(io.Discard, fr)
	})
	for _, d := range []*ws.Deflate{{}, {NoContextTakeover: true, PeerNoContextTakeover: true}, {WindowBits: 9, PeerWindowBits: 9}, {WindowBits: 8}} {
		for _, how := range []ws.Delivery{ws.Whole, ws.Chunks} {
			eachRole(t, func(t *testing.T, _ *world, r role) {
				e := agreed(t, ws.Options{Deflate: d, Delivery: how}).open(r, nil)
				e.c.Fn = nil
				in := []byte(e.frame(fin|rsv1|text, string(coded)))
				p, err := ws.Prepare(payload, ws.OpText)
				must(t, err)
				for _, tt := range []struct {
					name string
					most float64
					run  func()
				}{
					{"receiving", own, func() { e.hearOnce(in) }},
					{"Send", 0, func() { must(t, ws.Send(e.c, payload, ws.OpText)) }},
					{"Printf", 1, func() { must(t, ws.Printf(e.c, ws.OpText, "%s", payload)) }}, // the argument
					{"Prepared.Send", 0, func() { must(t, p.Send(e.c)) }},
					{"Writer", 0, func() {
						w, err := ws.NewWriter(e.c, ws.OpText, 100)
						must(t, err)
						w.Write(payload)
						must(t, w.Close())
					}},
				} {
					run := func() {
						tt.run()
						e.c.Send.Reset()
					}
					for range 10 {
						run()
					}
					if n := testing.AllocsPerRun(100, run); n > tt.most {
						t.Errorf("%s with %+v: %v allocations, want at most %v", tt.name, *d, n, tt.most)
					}
				}
				e.c.Close()
			})
		}
	}
	t.Logf("compress/flate's own: %v per message", own)
}
