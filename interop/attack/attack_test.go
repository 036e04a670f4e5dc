//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// built is the folder with the programs that the rows run.
var built string

// TestMain builds the programs without the race detector, which takes a multiple of the memory.
func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	flag.Parse()
	var err error
	if built, err = os.MkdirTemp("", "rikki-attack-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	if err = build(built, "."); err == nil {
		err = buildExamples(built)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestAttacks runs the short form of each row. Times do not count: the rows run beside each other.
func TestAttacks(t *testing.T) {
	s := &suite{
		programs:   programs{self: filepath.Join(built, "attack"), examples: built},
		serverCore: -1, loadCore: -1,
		span: 700 * time.Millisecond, quiet: 50 * time.Millisecond, short: true,
		late: 30 * time.Second, leave: 30 * time.Second, kill: 2 << 30, dir: built,
	}
	for _, r := range rows {
		if r.slow {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			res, err := s.run(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if res.attacker.Dials == 0 {
				t.Error("the attacker has not connected")
			}
			for _, what := range r.exceeded(res) {
				t.Error(what)
			}
			t.Logf("%s of memory, %d connections, %s sent, %s of log, %d requests of the bystander",
				size(res.memory), res.peak, size(int(res.attacker.Sent)), size(res.log), res.attacked.Requests)
		})
	}
}
