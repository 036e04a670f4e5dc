//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poll

import "testing"

// delayAcks does nothing, like QuickAck.
func delayAcks(*testing.T, int) (quick func() bool) { return func() bool { return true } }
