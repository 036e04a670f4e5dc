package allocs_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// measurement is a row of docs/allocations.md.
type measurement struct {
	name string // the first cell of the row
	// setup prepares what is measured and returns it. It is called for each measurement.
	setup func(t *testing.T) (run func())
	// pooled means that something below uses a sync.Pool, or that the work of other goroutines
	// counts. With the race detector the number is then not compared.
	pooled bool
	// runs is how often run is called. 0 means 200.
	runs int
}

// all returns the measurements of all files.
func all() []measurement {
	var list []measurement
	for _, of := range [][]measurement{
		loopRows, connectionRows, tlsRows, httpRows, wsRows, mqttRows, sessionRows, bridgeRows, transportRows,
	} {
		list = append(list, of...)
	}
	return list
}

// claim is the second cell of a row: "2", or "at most 40".
type claim struct {
	n      float64
	atMost bool
}

var claimForm = regexp.MustCompile(`^(at most )?(\d+)$`)

func parseClaim(cell string) (claim, error) {
	m := claimForm.FindStringSubmatch(cell)
	if m == nil {
		return claim{}, fmt.Errorf("%q is neither a number nor \"at most\" and a number", cell)
	}
	n, err := strconv.Atoi(m[2])
	return claim{float64(n), m[1] != ""}, err
}

// holds reports whether a result agrees with the claim. A claim "at most" must not be far too high.
func (c claim) holds(n float64) bool {
	if c.atMost {
		return n <= c.n && n >= math.Floor(c.n/2)
	}
	return n == c.n
}

// table returns the rows whose second cell is under the heading "allocations".
func table(t *testing.T, text string) (names []string, claims map[string]claim) {
	t.Helper()
	claims = map[string]claim{}
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) < 2 {
			inside = false
			continue
		}
		name, second := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		if second == "allocations" {
			inside = true
			continue
		}
		if !inside || strings.HasPrefix(name, "---") {
			continue
		}
		c, err := parseClaim(second)
		if _, twice := claims[name]; twice {
			err = fmt.Errorf("there are two rows with this name")
		}
		if err != nil {
			t.Errorf("docs/allocations.md: %s: %v", name, err)
			continue
		}
		names, claims[name] = append(names, name), c
	}
	return names, claims
}

// Each row of docs/allocations.md has a measurement that agrees with it,
// and each measurement has a row.
func TestMemoryDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/allocations.md")
	if err != nil {
		t.Fatal(err)
	}
	names, claims := table(t, string(text))
	measured := map[string]bool{}
	for _, m := range all() {
		if measured[m.name] {
			t.Errorf("two measurements of %s", m.name)
		}
		measured[m.name] = true
		want, ok := claims[m.name]
		if !ok {
			t.Errorf("docs/allocations.md: no row %q", m.name)
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			got := m.measure(t)
			t.Logf("%v", got)
			if m.pooled && raced {
				return
			}
			if !want.holds(got) {
				t.Errorf("%v allocations, docs/allocations.md says %+v", got, want)
			}
		})
	}
	for _, name := range names {
		if !measured[name] {
			t.Errorf("docs/allocations.md: nothing measures %q", name)
		}
	}
	if len(names) < 30 {
		t.Errorf("docs/allocations.md has only %d rows", len(names))
	}
}

// measure returns the number of allocations of one run, after a warm-up. A garbage collection
// empties each sync.Pool, so there is none.
func (m *measurement) measure(t *testing.T) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	run := m.setup(t)
	for range 30 {
		run()
	}
	n := m.runs
	if n == 0 {
		n = 200
	}
	return testing.AllocsPerRun(n, run)
}

func TestClaim(t *testing.T) {
	for _, x := range []struct {
		cell      string
		got       float64
		ok, holds bool
	}{
		{"0", 0, true, true},
		{"0", 1, true, false},
		{"2", 2, true, true},
		{"2", 1, true, false},
		{"at most 40", 40, true, true},
		{"at most 40", 41, true, false},
		{"at most 40", 19, true, false},
		{"at most 1", 0, true, true},
		{"", 0, false, false},
		{"about 3", 3, false, false},
		{"-1", 0, false, false},
	} {
		c, err := parseClaim(x.cell)
		if (err == nil) != x.ok || err == nil && c.holds(x.got) != x.holds {
			t.Errorf("%q and %v: %+v, %v", x.cell, x.got, c, err)
		}
	}
}

func TestTable(t *testing.T) {
	names, claims := table(t, "text\n\n| call | allocations | why |\n| --- | --- | --- |\n| `a` | 2 | x |\n"+
		"| b | at most 9 | |\n\n| other | columns |\n| --- | --- |\n| c | 1 |\n")
	if fmt.Sprint(names, claims) != "[`a` b] map[`a`:{2 false} b:{9 true}]" {
		t.Errorf("%v %v", names, claims)
	}
}
