package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The chart has a row for each second with attempts or reconnects.
func TestBars(t *testing.T) {
	var attempts, reconnects perSecond
	for second, n := range []int{3, 0, 9, 1} {
		for range n {
			attempts.add(time.Duration(second)*time.Second + 999*time.Millisecond)
			if second > 0 {
				reconnects.add(time.Duration(second) * time.Second)
			}
		}
	}
	want := "     0       3       0\n" +
		"     2       9       9 " + strings.Repeat("#", 50) + "\n" +
		"     3       1       1 " + strings.Repeat("#", 6) + "\n"
	if got := bars(attempts, reconnects); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := bars(nil, perSecond{1}); got != "     0       0       1 "+strings.Repeat("#", 50)+"\n" {
		t.Errorf("got\n%s", got)
	}
	long := make(perSecond, 100)
	for i := range long {
		long[i] = 1
	}
	if got := bars(long, long); strings.Count(got, "\n") != maxRows+1 || !strings.HasSuffix(got, "\n  ...\n") {
		t.Errorf("got\n%s", got)
	}
}

// What happens after the last second counts for it: the memory is bounded.
func TestPerSecondIsBounded(t *testing.T) {
	var p perSecond
	p.add(1000 * time.Hour)
	p.add((maxSeconds - 1) * time.Second)
	if len(p) != maxSeconds || p[maxSeconds-1] != 2 {
		t.Errorf("%d seconds", len(p))
	}
}

// Errors are counted by their text. The number of texts is bounded, and so is their length.
func TestErrorCounts(t *testing.T) {
	e := errorCounts{}
	for i := range 2 * maxTexts {
		for range 1 + i%2 {
			e.add(fmt.Errorf("error %03d", i))
		}
	}
	lines := e.sorted()
	if len(lines) != maxTexts+1 || lines[0] != fmt.Sprintf("%d %s", maxTexts*3/2, others) || lines[1] != "2 error 001" || lines[maxTexts] != "1 error 048" {
		t.Errorf("%q", lines)
	}
	e = errorCounts{}
	e.add(errors.New("a\x1b[2J\n" + strings.Repeat("x", 1<<20)))
	if line := e.sorted()[0]; len(line) > 1000 || strings.ContainsAny(line, "\x1b\n") {
		t.Errorf("%q", line)
	}
}

// The text has the errors last.
func TestWriteText(t *testing.T) {
	var b strings.Builder
	s := &summary{Devices: 2, Reconnects: 1, ReconnectsPerSecond: perSecond{1}, AttemptsPerSecond: perSecond{2}, Errors: errorCounts{"x": 2, "y": 3}}
	if err := s.writeText(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), "#\nerrors\n  3 y\n  2 x\n") || !strings.HasPrefix(b.String(), "devices       2, ") {
		t.Errorf("%s", b.String())
	}
}
