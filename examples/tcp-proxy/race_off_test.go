//go:build !race

package main

// raceEnabled reports whether the race detector is on. It needs memory of its own.
const raceEnabled = false
