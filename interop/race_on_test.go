//go:build race

package interop

// buildFlags turn the race detector on in the examples, because it is on in the tests.
var buildFlags = []string{"-race"}

// The race detector slows copying and compressing down, and all libraries at both ends with
// them. Therefore the large messages are smaller. They are still much larger than one read
// and than a window of permessage-deflate.
const (
	largeSize = 96 << 10
	hugeSize  = 256 << 10
)
