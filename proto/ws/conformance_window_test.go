package ws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// windowRules are about how far back the compressed messages that we send refer.
// compress/flate does not tell that, so a decoder of its own measures it.
func windowRules() []rule {
	near := strings.Repeat("near ", 40)
	a, b := random(400), random(400)
	row := func(name string, deflate ws.Deflate, ext map[role]string, check func(t *testing.T, far int)) action {
		return action{name, "", func(t *testing.T, env *testEnv, r role) {
			tc := env.openWith(r, &ws.Options{Deflate: &deflate}, ext[r], func(*reactor.Conn, reactor.Event, any) {})
			in, far := new(inflater), 0
			for _, p := range []string{near + a + b + near + a, near, b + near, near + a} {
				must(t, ws.Send(tc.conn, []byte(p), ws.OpBinary))
				await(t, env.manager, "a frame", func() bool { tc.peer.Receive(); return count(tc.peer.In) == 1 })
				first, payload, rest := cutFrame(t, tc.peer.In, r == asClient)
				tc.peer.In = rest
				if first == fin|rsvBin {
					payload = in.message(t, payload)
				}
				if payload != p {
					t.Fatalf("sent %s, want %s", brief(payload), brief(p))
				}
			}
			if far = farthest(in.stream); len(in.stream) == 0 {
				t.Error("no message was compressed")
			}
			check(t, far)
			tc.closeBoth()
		}}
	}
	within := func(limit int) func(*testing.T, int) {
		return func(t *testing.T, far int) {
			if far > limit {
				t.Errorf("a message refers %d bytes back, want at most %d", far, limit)
			}
		}
	}
	bits := func(n string) map[role]string {
		return map[role]string{asServer: pmd + "; server_max_window_bits=" + n, asClient: pmd + "; client_max_window_bits=" + n}
	}
	return []rule{{"7692 7.1.2", "Sent messages refer back no farther than the agreed window.", []tester{
		row("window of 32 KiB", ws.Deflate{Threshold: -1}, map[role]string{asServer: pmd, asClient: pmd}, func(t *testing.T, far int) {
			if far < 800 {
				t.Errorf("the messages refer %d bytes back, want more than the windows of the other rows", far)
			}
		}),
		row("window of 512 bytes, offered and wanted", ws.Deflate{Threshold: -1, WindowBits: 9}, bits("9"), within(512)),
		row("window of 256 bytes, offered and wanted", ws.Deflate{Threshold: -1, WindowBits: 8}, bits("8"), within(256)),
		row("window of 512 bytes, wanted by the peer", ws.Deflate{Threshold: -1}, bits("9"), within(512)),
	}}}
}

// farthest returns the largest distance in a DEFLATE stream that has no final block [RFC
// 1951 3.2].
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

// bitReader reads bits, the lowest of each byte first.
type bitReader struct {
	in []byte
	at int // in bits
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

// code is a prefix code. The keys are length and bits.
type code map[[2]int]int

// huffman returns the code with these lengths [RFC 1951 3.2.2].
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
	panic("conformance: invalid code in a DEFLATE stream")
}

// codes reads the two codes of a dynamic block [RFC 1951 3.2.7].
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

// block reads the symbols of a block and returns the largest distance [RFC 1951 3.2.5].
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
