package mqtt

// maxVarint is the largest value of a variable byte integer: four bytes of seven bits. It is
// also the largest Remaining Length. 3.1.1 section 2.2.3, 5.0 section 1.5.5.
const maxVarint = 1<<28 - 1

// parseVarint decodes the variable byte integer at the front of b. n is its size in bytes. n
// is 0 if b ends inside the integer, and -1 if the integer has more than four bytes.
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

// varintLen returns the number of bytes that appendVarint appends for v.
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

// appendVarint appends v in as few bytes as possible [MQTT-1.5.5-1]. v is at most maxVarint.
func appendVarint(dst []byte, v uint32) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}
