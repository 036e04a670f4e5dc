//go:build !race

package interop

var buildFlags []string

// The sizes of the large messages.
const (
	largeSize = 1 << 20
	hugeSize  = 16_000_000
)
