package mqtt

// maxVarint is the largest value of a variable byte integer, and so the largest
// Remaining Length: four bytes of seven bits. 3.1.1 section 2.2.3, 5.0 section 1.5.5.
const maxVarint = 1<<28 - 1

// parseVarint decodes the variable byte integer at the front of b and reports
// the bytes it takes: 0 when b ends within it, -1 when it has no end after four.
func parseVarint(b []byte) (v uint32, n int) {
	for i, c := range b[:min(len(b), 4)] {
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	if len(b) >= 4 {
		return 0, -1
	}
	return 0, 0
}

// varintLen returns how many bytes appendVarint takes for v.
func varintLen(v uint32) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

// appendVarint appends v, at most maxVarint, in the fewest bytes [MQTT-1.5.5-1].
func appendVarint(dst []byte, v uint32) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}
