package main

import (
	"errors"
	"os"
	"testing"
	"time"
)

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
			case errors.Is(err, errNoMosquitto) && os.Getenv("RIKKI_REQUIRE_MOSQUITTO") == "":
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
			if res != nil {
				t.Logf("%+v", *res)
			}
		})
	}
}
