package ws_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// echo sends messages back.
func echo(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSMsg {
		m := data.(*ws.Message)
		if err := ws.Send(c, m.Data, m.Op); err != nil {
			panic(err)
		}
	}
}

// echoOnce lets the peer write in and runs the loop until out bytes have come back.
func (tc *testConn) echoOnce(in, buf []byte, out int) {
	if n, err := unix.Write(tc.peer.FD, in); err != nil || n != len(in) {
		tc.Fatalf("wrote %d of %d bytes: %v", n, len(in), err)
	}
	for turn := 0; out > 0; turn++ {
		if turn == 2000 {
			tc.Fatalf("%d bytes never came back", out)
		}
		if err := tc.manager.Poll(5 * time.Millisecond); err != nil {
			tc.Fatal(err)
		}
		if n, err := unix.Read(tc.peer.FD, buf); err == nil {
			out -= n
		} else if err != unix.EAGAIN {
			tc.Fatal(err)
		}
	}
}

// TestEchoAllocatesNothing: after a warm-up, receiving a message and sending it back allocates
// nothing, with one frame or several in a segment, or one frame in two.
func TestEchoAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		tc.conn.Fn = echo
		header := 2
		if r == asClient {
			header += 4
		}
		buf := make([]byte, 1<<16)
		one := []byte(tc.frame(fin|text, strings.Repeat("x", 64)))
		many := []byte(strings.Repeat(tc.frame(fin|bin, "abc")+tc.frame(fin|ping, "p")+tc.frame(fin|pong, ""), 20))
		fragments := []byte(tc.frame(text, "abc") + tc.frame(fin|pong, "") + tc.frame(cont, "d") + tc.frame(fin|cont, "ef"))
		for _, tt := range []struct {
			name string
			run  func()
		}{
			{"alone", func() { tc.echoOnce(one, buf, header+64) }},
			{"together, with control frames", func() { tc.echoOnce(many, buf, 20*(header+3+header+1)) }},
			{"in two pieces", func() {
				tc.echoOnce(one[:5], buf, 0)
				read := tc.manager.Stats().BytesIn
				if err := tc.manager.Poll(5 * time.Millisecond); err != nil || tc.manager.Stats().BytesIn-read != 5 {
					t.Fatalf("%d bytes were read: %v", tc.manager.Stats().BytesIn-read, err)
				}
				tc.echoOnce(one[5:], buf, header+64)
			}},
			{"in fragments", func() { tc.echoOnce(fragments, buf, header+6) }},
		} {
			tt.run() // warms the memory
			if n := testing.AllocsPerRun(200, tt.run); n != 0 {
				t.Errorf("%s: %v allocations", tt.name, n)
			}
		}
	})
}

// TestWrapAllocatesNothing: after a warm-up, Wrap and Send allocate nothing.
func TestWrapAllocatesNothing(t *testing.T) {
	payload := []byte(strings.Repeat("p", 200))
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		c := tc.conn
		if n := testing.AllocsPerRun(200, func() {
			start := c.Send.Len()
			c.Send.Append(payload)
			ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
			if ws.Send(c, payload, ws.OpText) != nil || ws.CheckSend(c) != nil {
				t.Fatal("Send or Ready failed")
			}
			c.Send.Reset()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// receiveOnce lets the peer write in and runs the loop until it was read.
func (tc *testConn) receiveOnce(in []byte) {
	read := tc.manager.Stats().BytesIn
	if n, err := unix.Write(tc.peer.FD, in); err != nil || n != len(in) {
		tc.Fatalf("wrote %d of %d bytes: %v", n, len(in), err)
	}
	for tc.manager.Stats().BytesIn-read < uint64(len(in)) {
		if err := tc.manager.Poll(5 * time.Millisecond); err != nil {
			tc.Fatal(err)
		}
	}
}

// TestReceivingAllocatesNothing: after a warm-up, receiving messages allocates nothing, with each
// Delivery, in frames, and in several segments.
func TestReceivingAllocatesNothing(t *testing.T) {
	for _, how := range []ws.Delivery{ws.Whole, ws.Frames, ws.Chunks} {
		eachRole(t, func(t *testing.T, _ *testEnv, r role) {
			tc := newEnvDelivering(t, how).open(r, nil)
			pieces := 0
			tc.conn.Fn = func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvWSMsg {
					pieces++
				}
			}
			long := strings.Repeat("€", 2000)
			for _, tt := range []struct {
				name string
				in   []string // segments
			}{
				{"whole", []string{tc.frame(fin|text, "hello")}},
				{"in frames", []string{tc.frame(text, "€"[:1]) + tc.frame(fin|ping, "p") + tc.frame(cont, "€"[1:]) + tc.frame(fin|cont, "")}},
				{"in two segments", []string{tc.frame(fin|text, long)[:4000], tc.frame(fin|text, long)[4000:]}},
				{"cut in the header", []string{tc.frame(fin|text, long)[:3], tc.frame(fin|text, long)[3:]}},
			} {
				var in [][]byte
				for _, s := range tt.in {
					in = append(in, []byte(s))
				}
				pieces = 0
				looptest.WantNoAllocs(t, tt.name, func() {
					for _, b := range in {
						tc.receiveOnce(b)
					}
				})
				if pieces < 200 {
					t.Errorf("%s: %d messages", tt.name, pieces)
				}
			}
			tc.conn.Close()
		})
	}
}

// TestSendingAllocatesNothing: after a warm-up, sending messages allocates nothing.
func TestSendingAllocatesNothing(t *testing.T) {
	payload := []byte(strings.Repeat("some words, ", 500))
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		p, err := ws.Prepare(payload, ws.OpText)
		must(t, err)
		for name, send := range map[string]func(){
			"Send":          func() { must(t, ws.Send(tc.conn, payload, ws.OpText)) },
			"Ping":          func() { must(t, ws.Ping(tc.conn, payload[:125])) },
			"Prepared.Send": func() { must(t, p.Send(tc.conn)) },
			"Writer": func() {
				w, err := ws.NewWriter(tc.conn, ws.OpText, 1000)
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
				tc.conn.Send.Reset()
			})
		}
		tc.closeBoth()
	})
}

// allocRow is a call and the number of its allocations.
type allocRow struct {
	name string
	most float64
	run  func()
}

// TestCompressionAllocatesLittle: with compression only compress/flate itself allocates.
func TestCompressionAllocatesLittle(t *testing.T) {
	payload := []byte(strings.Repeat("some words, ", 150) + strings.Repeat("others; ", 150))
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
			eachRole(t, func(t *testing.T, _ *testEnv, r role) {
				tc := newEnvDeflating(t, ws.Options{Deflate: d, Delivery: how}).open(r, nil)
				tc.conn.Fn = nil
				in := []byte(tc.frame(fin|rsv1|text, string(coded)))
				p, err := ws.Prepare(payload, ws.OpText)
				must(t, err)
				rows := []allocRow{{"receiving", own, func() { tc.receiveOnce(in) }}}
				if how == ws.Whole { // sending is the same with each Delivery
					rows = append(rows, []allocRow{
						{"Send", 0, func() { must(t, ws.Send(tc.conn, payload, ws.OpText)) }},
						// The argument, and buffers of fmt, which the race detector drops at
						// random.
						{"Printf", 3, func() { must(t, ws.Printf(tc.conn, ws.OpText, "%s", payload)) }},
						{"Prepared.Send", 0, func() { must(t, p.Send(tc.conn)) }},
						{"Writer", 0, func() {
							w, err := ws.NewWriter(tc.conn, ws.OpText, 100)
							must(t, err)
							w.Write(payload)
							must(t, w.Close())
						}}}...)
				}
				for _, tt := range rows {
					run := func() {
						tt.run()
						tc.conn.Send.Reset()
					}
					for range 10 {
						run()
					}
					if n := testing.AllocsPerRun(20, run); n > tt.most {
						t.Errorf("%s with %+v: %v allocations, want at most %v", tt.name, *d, n, tt.most)
					}
				}
				tc.conn.Close()
			})
		}
	}
	t.Logf("compress/flate's own: %v per message", own)
}
