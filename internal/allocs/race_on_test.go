//go:build race

package allocs_test

// raced: the race detector makes sync.Pool drop values at random.
const raced = true
