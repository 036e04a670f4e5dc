package http

// Match reports whether the whole of s matches pattern, like mg_match. In a pattern these
// bytes are wildcards, and all others stand for themselves:
//
//	?   any one byte
//	*   any run of bytes without '/', which may be empty
//	#   any run of bytes, which may be empty
//
// Match stores what the first wildcard stands for in *caps[0], what the second one stands for
// in *caps[1], and so on. They are slices of s. If there are several ways to match, the
// earlier wildcards are as short as possible. Match sets pointers without a wildcard, and all
// of them if it returns false, to the zero value. It skips nil pointers.
//
//	var device, rest []byte
//	if http.Match(hm.URI, "/api/*/#", &device, &rest) { … }
//
// A URI is matched as it was sent: "%61" is not "a". The time is at most proportional to the
// length of s times the length of pattern. Match does not allocate, except for a long s and a
// pattern with several wildcards.
//
// Mongoose tries only the last wildcard with other lengths, and two wildcards without a byte
// between them share a capture. Here "#a*b" matches "a/ab", and each wildcard has its own.
func Match[T ~string | ~[]byte](s T, pattern string, caps ...*T) bool {
	var space [maxMatchSpace]uint64
	var bounds [maxMatchBounds][2]int
	m := matcher[T]{s: s, pattern: pattern, tried: space[:], bounds: bounds[:]}
	if need := m.triedWords(); need > len(space) {
		m.tried = make([]uint64, need)
	}
	if len(caps) > len(bounds) {
		m.bounds = make([][2]int, len(caps))
	}
	ok := m.match(0, 0, 0, 0)
	for i, p := range caps {
		switch b := m.bounds[i]; {
		case p == nil:
		case ok && i < m.captures:
			*p = s[b[0]:b[1]]
		default:
			var none T
			*p = none
		}
	}
	return ok
}

// What Match can store without an allocation: words of matcher.tried, and captures.
const (
	maxMatchSpace  = 32
	maxMatchBounds = 8
)

// matcher is the state of one call of Match.
type matcher[T ~string | ~[]byte] struct {
	s       T
	pattern string

	bounds   [][2]int // where the captures begin and end in s; the first len(bounds) of them
	captures int      // number of captures, after a match
	// tried has a bit for each run after the first and each offset in s. It is set if the run
	// has ended there before, which failed. So each end is tried once.
	tried []uint64
	steps int // bytes compared and ends of runs tried, for tests
}

// triedWords returns how many words tried needs.
func (m *matcher[T]) triedWords() int {
	runs := 0
	for i := range len(m.pattern) {
		if c := m.pattern[i]; c == '*' || c == '#' {
			runs++
		}
	}
	if runs < 2 {
		return 0
	}
	return ((runs-1)*(len(m.s)+1) + 63) / 64
}

// match matches the pattern from offset p on with s from offset i on. capture is the number of
// wildcards before p, and runs counts only '*' and '#'.
func (m *matcher[T]) match(p, i, capture, runs int) bool {
	for ; p < len(m.pattern); p++ {
		m.steps++
		switch c := m.pattern[p]; {
		case c == '*' || c == '#':
			return m.matchRun(p, i, capture, runs)
		case i == len(m.s):
			return false
		case c == '?':
			m.capture(capture, i, i+1)
			capture++
		case c != m.s[i]:
			return false
		}
		i++
	}
	m.captures = capture
	return i == len(m.s)
}

// matchRun is match for a pattern that begins with '*' or '#'. It tries the shortest run first.
func (m *matcher[T]) matchRun(p, i, capture, runs int) bool {
	c, end := m.pattern[p], i
	if c == '#' && p+1 == len(m.pattern) {
		end = len(m.s) // no shorter run can match
	}
	for ; ; end++ {
		m.steps++
		// If the run has ended here before, all later ends were tried too.
		if !m.try(runs, end) {
			return false
		}
		m.capture(capture, i, end)
		if m.match(p+1, end, capture+1, runs+1) {
			return true
		}
		if end == len(m.s) || c == '*' && m.s[end] == '/' {
			return false
		}
	}
}

// try notes that a run ends at offset end of s. It returns false if that was noted before. The
// first run of a pattern begins only once, so nothing is noted for it.
func (m *matcher[T]) try(run, end int) bool {
	if run == 0 {
		return true
	}
	bit := (run-1)*(len(m.s)+1) + end
	if m.tried[bit/64]&(1<<(bit%64)) != 0 {
		return false
	}
	m.tried[bit/64] |= 1 << (bit % 64)
	return true
}

// capture notes that a wildcard stands for s[from:to].
func (m *matcher[T]) capture(n, from, to int) {
	if n < len(m.bounds) {
		m.bounds[n] = [2]int{from, to}
	}
}
