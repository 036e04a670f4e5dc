//go:build linux

package main

import (
	"slices"
	"testing"
)

// The output of a benchmark becomes rows.
func TestSuiteResults(t *testing.T) {
	s := &suite{benchmark: "Receive", names: []string{"(server|client)", ".", "%s"}, counts: "B"}
	out := `goos: linux
BenchmarkReceive/server/125/paho.golang         	     100	        14.5 ns/op	 8620.69 MB/s	       0 B/op
BenchmarkReceive/client/16384/paho.golang       	       1	      3000 ns/op	       3.25 ns/call	       0 allocs/op
PASS
`
	got, err := s.results("paho.golang", out)
	want := []benchmarked{{"server, 125 B", 14.5}, {"client, 16,384 B", 3.25}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := s.results("paho", "PASS\n"); err == nil {
		t.Error("no error without a line")
	}
	pattern := `^BenchmarkReceive$/^(server|client)$/./^paho\.golang$`
	if p := s.pattern("paho.golang"); p != pattern {
		t.Errorf("pattern %q, want %q", p, pattern)
	}
}
