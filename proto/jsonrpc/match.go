package jsonrpc

// match reports whether a pattern matches the whole name of a method, as mg_match does: ?
// stands for one byte, * for any bytes except /, and # for any bytes. It takes time proportional
// to the product of both lengths.
func match(pattern, name string) bool {
	var scratch [64]bool
	at := scratch[:0] // at[i]: pattern[:i] matches what was read of name
	at = append(at, make([]bool, len(pattern)+1)...)
	at[0] = true
	pass(at, pattern)
	for j := range len(name) {
		step(at, pattern, name[j])
		pass(at, pattern)
	}
	return at[len(pattern)]
}

// step reads one byte.
func step(at []bool, pattern string, b byte) {
	for i := len(pattern); i >= 0; i-- { // at[i-1] is not changed yet
		stays := i < len(pattern) && at[i] && (pattern[i] == '#' || pattern[i] == '*' && b != '/')
		moves := i > 0 && at[i-1] && (pattern[i-1] == '?' || pattern[i-1] == b)
		at[i] = stays || moves
	}
}

// pass lets each wildcard stand for nothing.
func pass(at []bool, pattern string) {
	for i := range len(pattern) {
		if at[i] && (pattern[i] == '#' || pattern[i] == '*') {
			at[i+1] = true
		}
	}
}
