package main

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, chaos, "chaos", nil, []looptest.Refusal{
		looptest.Wrong(`-broker "x": want mosquitto or mochi`, "-broker", "x"),
		looptest.Wrong("-qos 3: want 1 or 2", "-qos", "3"),
		looptest.Wrong("-qos -1: want 1 or 2", "-qos", "-1"),
		looptest.Wrong("-version 3: want 4 or 5", "-version", "3"),
		looptest.Wrong("-messages 0 is not positive", "-messages", "0"),
		looptest.Wrong("-cuts -1 is negative", "-cuts", "-1"),
		looptest.Wrong("for flag -seed", "-seed", "-1"),
		looptest.Wrong("-inflight -1: want 1 to 65535", "-inflight", "-1"),
		looptest.Wrong("-inflight 65536: want 1 to 65535", "-inflight", "65536"),
		looptest.Wrong("-limit 0s is not positive", "-limit", "0"),
		looptest.Wrong("-limit -1s is not positive", "-limit", "-1s"),
		looptest.Wrong("for flag -limit", "-limit", "5"),
	})
}

// TestChaos is the short form of the command.
func TestChaos(t *testing.T) {
	for _, sc := range []scenario{
		{broker: "mosquitto", version: 4, qos: 2, messages: 3000, cuts: 15, seed: 1},
		{broker: "mosquitto", version: 5, qos: 1, messages: 3000, cuts: 15, seed: 2},
		{broker: "mochi", version: 5, qos: 2, messages: 3000, cuts: 15, seed: 3},
		{broker: "mochi", version: 4, qos: 1, messages: 3000, cuts: 15, seed: 4},
	} {
		t.Run(sc.String(), func(t *testing.T) {
			res, err := sc.perform(3 * time.Minute)
			switch {
			case errors.Is(err, errNoMosquitto):
				looptest.Missing(t, "%v", err)
			case err != nil:
				t.Error(err)
			}
			if res != nil {
				t.Logf("%+v", *res)
			}
		})
	}
}
