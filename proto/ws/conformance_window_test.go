package ws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// windowRules are about how far back compressed messages that we send refer,
// which package flate does not tell.
func windowRules() []rule {
	near := strings.Repeat("near ", 40)
	a, b := random(400), random(400)
	row := func(name string, deflate ws.Deflate, ext map[role]string, check func(t *testing.T, far int)) deed {
		return deed{name, "", func(t *testing.T, w *world, r role) {
			e := w.openWith(r, &ws.Options{Deflate: &deflate}, ext[r], func(*reactor.Conn, reactor.Event, any) {})
			in, far := new(inflater), 0
			for _, p := range []string{near + a + b + near + a, near, b + near, near + a} {
				must(t, ws.Send(e.c, []byte(p), ws.OpBinary))
				await(t, w.m, "a frame", func() bool { e.p.pump(); return count(e.p.in) == 1 })
				first, payload, rest := cutFrame(t, e.p.in, r == asClient)
				e.p.in = rest
				if first == fin|rsvBin {
					payload = in.message(t, payload)
				}
				if payload != p {
					t.Fatalf("sent %s, want %s", brief(payload), brief(p))
				}
			}
			if far = farthest(in.stream); len(in.stream) == 0 {
				t.Error("nothing was compressed")
			}
			check(t, far)
			e.drop()
		}}
	}
	within := func(limit int) func(*testing.T, int) {
		return func(t *testing.T, far int) {
			if far > limit {
				t.Errorf("refers %d bytes back, the window is %d", far, limit)
			}
		}
	}
	bits := func(n string) map[role]string {
		return map[role]string{asServer: pmd + "; server_max_window_bits=" + n, asClient: pmd + "; client_max_window_bits=" + n}
	}
	return []rule{{"7692 7.1.2", "What is sent refers no farther back than the window that was agreed.", []tester{
		row("window of 32 KiB", ws.Deflate{Threshold: -1}, map[role]string{asServer: pmd, asClient: pmd}, func(t *testing.T, far int) {
			if far < 800 {
				t.Errorf("refers %d bytes back only: the other rows prove nothing", far)
			}
		}),
		row("window of 512 bytes, as asked", ws.Deflate{Threshold: -1, WindowBits: 9}, bits("9"), within(512)),
		row("window of 256 bytes, as asked", ws.Deflate{Threshold: -1, WindowBits: 8}, bits("8"), within(256)),
		row("window of 512 bytes that the peer wants", ws.Deflate{Threshold: -1}, bits("9"), within(512)),
	}}}
}

// farthest is the largest distance in a DEFLATE stream without a final block
// [RFC 1951 3.2].
func farthest(stream []byte) (far int) {
	b := &bitReader{in: stream}
	for b.at < 8*len(stream) {
		b.bits(1)
		switch b.bits(2) {
		case 0:
			b.at = (b.at + 7) &^ 7
			n := b.bits(16)
			b.bits(16)
			b.at += 8 * n
		case 1:
			lengths := slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
			far = max(far, b.block(huffman(lengths), huffman(slices.Repeat([]int{5}, 30))))
		case 2:
			far = max(far, b.block(b.codes()))
		}
	}
	return far
}

type bitReader struct {
	in []byte
	at int // bits
}

func (b *bitReader) bits(n int) (v int) {
	for i := range n {
		if b.at>>3 < len(b.in) {
			v |= int(b.in[b.at>>3]>>(b.at&7)&1) << i
		}
		b.at++
	}
	return v
}

// code is a prefix code: symbols by length and bits.
type code map[[2]int]int

// huffman makes the code of these lengths [RFC 1951 3.2.2].
func huffman(lengths []int) code {
	c, next := code{}, 0
	for n := 1; n <= 15; n++ {
		for symbol, l := range lengths {
			if l == n {
				c[[2]int{n, next}] = symbol
				next++
			}
		}
		next <<= 1
	}
	return c
}

func (b *bitReader) symbol(c code) int {
	v := 0
	for n := 1; n <= 15; n++ {
		v = v<<1 | b.bits(1)
		if symbol, ok := c[[2]int{n, v}]; ok {
			return symbol
		}
	}
	panic("conformance: a code that is none")
}

// codes reads those of a dynamic block [RFC 1951 3.2.7].
func (b *bitReader) codes() (literals, distances code) {
	nl, nd, n := b.bits(5)+257, b.bits(5)+1, b.bits(4)+4
	lengths := make([]int, 19)
	for _, i := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:n] {
		lengths[i] = b.bits(3)
	}
	c := huffman(lengths)
	var all []int
	for len(all) < nl+nd {
		switch s := b.symbol(c); s {
		case 16:
			all = append(all, slices.Repeat(all[len(all)-1:], 3+b.bits(2))...)
		case 17:
			all = append(all, make([]int, 3+b.bits(3))...)
		case 18:
			all = append(all, make([]int, 11+b.bits(7))...)
		default:
			all = append(all, s)
		}
	}
	return huffman(all[:nl]), huffman(all[nl:])
}

// block reads a block's symbols and returns its largest distance
// [RFC 1951 3.2.5].
func (b *bitReader) block(literals, distances code) (far int) {
	for {
		s := b.symbol(literals)
		switch {
		case s == 256:
			return far
		case s < 256:
			continue
		case s >= 265 && s < 285:
			b.bits((s - 261) / 4)
		}
		d, extra := b.symbol(distances), 0
		base := d + 1
		if d >= 4 {
			extra = d/2 - 1
			base = (2+d&1)<<extra + 1
		}
		far = max(far, base+b.bits(extra))
	}
}
