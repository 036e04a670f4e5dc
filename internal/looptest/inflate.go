package looptest

import (
	"errors"
	"slices"
)

// reference is a decoder of DEFLATE [RFC 1951] for tests of compression. It is independent of
// compress/flate: it reads bit by bit. It also measures how far back the data refers.
type reference struct {
	in       []byte
	bit      int // index in in[0] of the next bit
	out      []byte
	furthest int // the longest distance of a reference
	err      error
}

var errReference = errors.New("reference: corrupt")

// Inflate inflates the streams in in, of which the last one must end where in
// ends. The data may refer back into history. furthest is the longest distance of a reference in
// bytes.
func Inflate(in, history []byte) (out []byte, furthest int, err error) {
	r := &reference{in: in, out: slices.Clone(history)}
	for r.err == nil && len(r.in) > 0 {
		for final := false; r.err == nil && !final; {
			final = r.block()
		}
		r.align()
	}
	return r.out[len(history):], r.furthest, r.err
}

// bits returns the next n bits.
func (r *reference) bits(n int) (v int) {
	for i := range n {
		if len(r.in) == 0 {
			r.err = errReference
			return 0
		}
		v |= int(r.in[0]>>r.bit&1) << i
		if r.bit++; r.bit == 8 {
			r.in, r.bit = r.in[1:], 0
		}
	}
	return v
}

// align skips the rest of a byte.
func (r *reference) align() {
	if r.bit > 0 {
		r.in, r.bit = r.in[1:], 0
	}
}

// code is a canonical prefix code: the number of symbols of each length, and the symbols in
// the order of their codes [RFC 1951 3.2.2].
type code struct {
	count   [16]int
	symbols []int
}

// newCode returns the code with these lengths. An incomplete code is an error, unless it
// has no symbol or one symbol of one bit.
func (r *reference) newCode(lengths []int) (c code) {
	used := 0
	for n := 1; n <= 15; n++ {
		for symbol, length := range lengths {
			if length == n {
				c.count[n]++
				c.symbols = append(c.symbols, symbol)
				used += 1 << (15 - n)
			}
		}
	}
	if used != 1<<15 && len(c.symbols) > 0 && !(c.count[1] == 1 && len(c.symbols) == 1) {
		r.err = errReference
	}
	return c
}

// symbol returns the next symbol.
func (r *reference) symbol(c code) int {
	v, first, before := 0, 0, 0 // first code of a length; number of symbols with shorter codes
	for n := 1; n <= 15 && r.err == nil; n++ {
		v += r.bits(1)
		if v-first < c.count[n] && r.err == nil {
			return c.symbols[before+v-first]
		}
		before += c.count[n]
		first = (first + c.count[n]) << 1
		v <<= 1
	}
	r.err = errReference
	return -1
}

// block reads a block [RFC 1951 3.2.3].
func (r *reference) block() (final bool) {
	final = r.bits(1) == 1
	switch r.bits(2) {
	case 0:
		r.align()
		n, complement := r.bits(16), r.bits(16)
		if r.err != nil || n^complement != 0xffff || n > len(r.in) {
			r.err = errReference
			return final
		}
		r.out, r.in = append(r.out, r.in[:n]...), r.in[n:]
	case 1:
		r.symbols(r.newCode(slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))),
			r.newCode(slices.Repeat([]int{5}, 32)))
	case 2:
		r.dynamic()
	default:
		r.err = errReference
	}
	return final
}

// dynamic reads the codes and the data of a dynamic block [RFC 1951 3.2.7].
func (r *reference) dynamic() {
	literals, distances, n := 257+r.bits(5), 1+r.bits(5), 4+r.bits(4)
	if literals > 286 || distances > 30 {
		r.err = errReference
		return
	}
	var first [19]int
	for _, i := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:n] {
		first[i] = r.bits(3)
	}
	c := r.newCode(first[:])
	var lengths []int
	for r.err == nil && len(lengths) < literals+distances {
		switch s := r.symbol(c); {
		case s == 16 && len(lengths) == 0:
			r.err = errReference
		case s == 16:
			lengths = append(lengths, slices.Repeat(lengths[len(lengths)-1:], 3+r.bits(2))...)
		case s == 17:
			lengths = append(lengths, make([]int, 3+r.bits(3))...)
		case s == 18:
			lengths = append(lengths, make([]int, 11+r.bits(7))...)
		default:
			lengths = append(lengths, s)
		}
	}
	if r.err != nil || len(lengths) != literals+distances {
		r.err = errReference
		return
	}
	r.symbols(r.newCode(lengths[:literals]), r.newCode(lengths[literals:]))
}

// symbols reads literals and references until the end of the block [RFC 1951 3.2.5].
func (r *reference) symbols(literal, distance code) {
	for r.err == nil {
		s := r.symbol(literal)
		switch {
		case r.err != nil || s == 256:
			return
		case s < 256:
			r.out = append(r.out, byte(s))
			continue
		case s > 285:
			r.err = errReference
			return
		}
		length := 258
		switch {
		case s < 265:
			length = s - 254
		case s < 285:
			extra := (s - 261) / 4
			length = (4+(s-261)%4)<<extra + 3 + r.bits(extra)
		}
		back := r.symbol(distance)
		if r.err != nil || back > 29 {
			r.err = errReference
			return
		}
		if back >= 4 {
			extra := back/2 - 1
			back = (2+back%2)<<extra + r.bits(extra)
		}
		if back++; r.err != nil || back > len(r.out) {
			r.err = errReference
			return
		}
		r.furthest = max(r.furthest, back)
		for range length {
			r.out = append(r.out, r.out[len(r.out)-back])
		}
	}
}
