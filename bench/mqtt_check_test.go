//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestCheckerFindsFaults(t *testing.T) {
	messages := newPayloads(8)
	feed := func(order ...int) error {
		var c checker
		for _, n := range order {
			if err := c.check(messages.payload(n)); err != nil {
				return err
			}
		}
		return c.end(len(order))
	}
	for _, tc := range []struct {
		name  string
		order []int
		want  string // of the error
	}{
		{"in order", []int{0, 1, 2, 3}, ""},
		{"mixed up", []int{1, 0, 3, 2}, ""},
		{"twice", []int{0, 1, 1}, "twice"},
		{"twice, early", []int{2, 2}, "twice"},
		{"one lost", []int{0, 2}, "all of the first 1"},
	} {
		err := feed(tc.order...)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	var c checker
	for _, change := range []func([]byte) []byte{
		func(p []byte) []byte { p[20]++; return p },
		func(p []byte) []byte { return p[:len(p)-1] },
	} {
		if err := c.check(change(append([]byte(nil), messages.payload(0)...))); err == nil {
			t.Error("a changed payload: no error")
		}
	}
}
