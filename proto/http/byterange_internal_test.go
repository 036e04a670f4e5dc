package http

import (
	"fmt"
	"math"
	"testing"
)

var ranges = []struct {
	value string
	size  int64
	want  string // "ignored", "unsatisfiable", or start+length
}{
	{"bytes=0-0", 10, "0+1"},
	{"bytes=0-9", 10, "0+10"},
	{"bytes=0-10", 10, "0+10"},
	{"bytes=9-", 10, "9+1"},
	{"bytes=-1", 10, "9+1"},
	{"bytes=-10", 10, "0+10"},
	{"bytes=-11", 10, "0+10"},
	{"BYTES= ,3-4, ", 10, "3+2"},
	{"bytes=1-99999999999999999999", 10, "1+9"},
	{"bytes=0-9223372036854775807", math.MaxInt64, "0+9223372036854775807"},
	{"bytes=10-", 10, "unsatisfiable"},
	{"bytes=10-12", 10, "unsatisfiable"},
	{"bytes=99999999999999999999-", 10, "unsatisfiable"},
	{"bytes=-0", 10, "unsatisfiable"},
	{"bytes=0-", 0, "ignored"},
	{"bytes=0-1,3-4", 10, "ignored"},
	{"bytes=4-3", 10, "ignored"},
	{"bytes=-", 10, "ignored"},
	{"bytes=", 10, "ignored"},
	{"bytes", 10, "ignored"},
	{"", 10, "ignored"},
	{"bytes=--1", 10, "ignored"},
	{"bytes=1--2", 10, "ignored"},
	{"bytes=+1-2", 10, "ignored"},
	{"bytes=1 - 2", 10, "ignored"},
	{"bytes=0x1-2", 10, "ignored"},
	{"lines=1-2", 10, "ignored"},
}

func TestChooseRange(t *testing.T) {
	for _, tt := range ranges {
		part, result := chooseRange([]byte(tt.value), tt.size)
		got := [...]string{"ignored", fmt.Sprintf("%d+%d", part.start, part.length), "unsatisfiable"}[result]
		if got != tt.want {
			t.Errorf("%q of %d: %s, want %s", tt.value, tt.size, got, tt.want)
		}
	}
}

// FuzzChooseRange checks that a range lies in the file and is not empty.
func FuzzChooseRange(f *testing.F) {
	for _, tt := range ranges {
		f.Add(tt.value, tt.size)
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		size &= math.MaxInt64
		r, result := chooseRange([]byte(value), size)
		if result == rangeOK && (r.start < 0 || r.length <= 0 || r.length > size || r.start > size-r.length) {
			t.Errorf("%q of %d: %+v", value, size, r)
		}
	})
}
