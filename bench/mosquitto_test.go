//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// If mosquitto ends before it listens, the error says so at once, with what mosquitto has printed.
func TestMosquittoEnds(t *testing.T) {
	program := findMosquitto()
	if program == "" {
		looptest.Missing(t, "mosquitto is not installed")
	}
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	stop, err := testBench(t).runMosquitto(program, []string{listenerLine(addr), "no_such_option true"}, addr)
	if err == nil {
		stop()
		t.Fatal("no error")
	}
	for _, part := range []string{"has ended: exit status", "no_such_option"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q in it", err, part)
		}
	}
}
