package main

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	m.Run()
}

// The program has no -store, and its name is in its messages.
func TestExitStatus(t *testing.T) {
	looptest.WantExit(t, []string{"-h"}, 0, "Usage of mqtt-client")
	looptest.WantExit(t, []string{"-store", "f"}, 2, "mqtt-client: flag provided but not defined: -store")
	looptest.WantExit(t, []string{"-n", "1", "-url", "mqtt://" + looptest.UsedAddr(t), "-timeout", "1ms"}, 1, "within 1ms")
}
