//go:build race

package interop

// buildFlags make the examples be watched as the tests are.
var buildFlags = []string{"-race"}
