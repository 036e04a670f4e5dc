package bolt_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// TestMain lets the test binary run as a program that is killed, or that holds a file.
func TestMain(m *testing.M) {
	looptest.Main(program)
	m.Run()
}
