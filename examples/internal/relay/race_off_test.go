//go:build !race

package relay

// raceEnabled reports whether the race detector is on. It needs memory of its own.
const raceEnabled = false
