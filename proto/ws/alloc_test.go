package ws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// echo answers messages as they are.
func echo(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvWSMsg {
		m := data.(*ws.Message)
		if err := ws.Send(c, m.Data, m.Op); err != nil {
			panic(err)
		}
	}
}

// loopOnce has the peer write in and polls until as many bytes as out came
// back.
func (e *end) loopOnce(in, buf []byte, out int) {
	if n, err := unix.Write(e.p.fd, in); err != nil || n != len(in) {
		e.Fatalf("wrote %d of %d bytes: %v", n, len(in), err)
	}
	for turn := 0; out > 0; turn++ {
		if turn == 2000 {
			e.Fatalf("%d bytes never came back", out)
		}
		if err := e.m.Poll(5 * time.Millisecond); err != nil {
			e.Fatal(err)
		}
		if n, err := unix.Read(e.p.fd, buf); err == nil {
			out -= n
		} else if err != unix.EAGAIN {
			e.Fatal(err)
		}
	}
}

// Frame in, EvWSMsg, ws.Send, bytes out: nothing is allocated once memory is
// warm, whether frames come alone, together, or in two pieces.
func TestEchoAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		e.c.Fn = echo
		header := 2
		if r == asClient {
			header += 4
		}
		buf := make([]byte, 1<<16)
		one := []byte(e.frame(fin|text, strings.Repeat("x", 64)))
		many := []byte(strings.Repeat(e.frame(fin|bin, "abc")+e.frame(fin|ping, "p")+e.frame(fin|pong, ""), 20))
		fragments := []byte(e.frame(text, "abc") + e.frame(fin|pong, "") + e.frame(cont, "d") + e.frame(fin|cont, "ef"))
		for _, tt := range []struct {
			name string
			run  func()
		}{
			{"alone", func() { e.loopOnce(one, buf, header+64) }},
			{"together, with control frames", func() { e.loopOnce(many, buf, 20*(header+3+header+1)) }},
			{"in two pieces", func() {
				e.loopOnce(one[:5], buf, 0)
				read := e.m.Stats().BytesIn
				if err := e.m.Poll(5 * time.Millisecond); err != nil || e.m.Stats().BytesIn-read != 5 {
					t.Fatalf("%d bytes were read: %v", e.m.Stats().BytesIn-read, err)
				}
				e.loopOnce(one[5:], buf, header+64)
			}},
			{"in fragments", func() { e.loopOnce(fragments, buf, header+6) }},
		} {
			tt.run() // warms the memory
			if n := testing.AllocsPerRun(200, tt.run); n != 0 {
				t.Errorf("%s: %v allocations", tt.name, n)
			}
		}
	})
}

// Nor do Wrap, Send and Ping on a connection whose Send has been used.
func TestWrapAllocatesNothing(t *testing.T) {
	payload := []byte(strings.Repeat("p", 200))
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, nil)
		c := e.c
		if n := testing.AllocsPerRun(200, func() {
			start := c.Send.Len()
			c.Send.Append(payload)
			ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
			if ws.Send(c, payload, ws.OpText) != nil || ws.Ready(c) != nil {
				t.Fatal("refused")
			}
			c.Send.Reset()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkEcho(b *testing.B) {
	for _, r := range roles {
		b.Run(string(r), func(b *testing.B) {
			w := newWorld(b)
			e := w.open(r, nil)
			e.c.Fn = echo
			in := []byte(e.frame(fin|bin, strings.Repeat("x", 64)))
			buf := make([]byte, 1<<16)
			out := 66
			if r == asClient {
				out += 4
			}
			b.ReportAllocs()
			for b.Loop() {
				e.loopOnce(in, buf, out)
			}
		})
	}
}
