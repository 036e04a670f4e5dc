//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// group is the measurements that one word of the command line selects.
type group struct {
	name  string
	about string // heading of its tables
	long  bool   // measured only with -full, or when the command line names it
	// open prepares the measurements. What must be stopped later is passed to b.atEnd.
	open func(b *bench) ([]*measurement, error)
}

// measurement is the same work done by several subjects.
type measurement struct {
	rows     []row      // a sample has one value for each
	subjects []*subject // the others are compared with the first
	// sample measures a subject once. A value may be NaN, if the subject has no such figure.
	sample func(s *subject) ([]float64, error)
}

// row is a line of a table.
type row struct {
	table *table
	name  string
}

// table describes figures of one kind. Measurements of a group may add rows to the same table.
type table struct {
	title string // what the figures are, without the unit
	unit  string
	note  string // sentences below the table, or empty
	more  bool   // more is better
	aside bool   // not in the documents
	chart string // name of the chart's file, or empty
}

// subject is a library, or a build of rikki.
type subject struct {
	name    string // heading of a column
	about   string // how it works
	path    string // of its module, whose version is printed
	version string // of a program that is no Go module
	long    bool   // measured only with -full
	kind    string // of a server, see kinds
	// serve is the main function of a server's process, and nil for a client. It calls
	// listening with its address when it listens.
	serve func(o *serving, listening func(addr string)) error
	build string // this program built at another commit, which runs instead of this one; or ""
}

const beforePrefix = "before-"

// plain returns the name that the child process knows.
func (s *subject) plain() string { return strings.TrimPrefix(s.name, beforePrefix) }

// moduleVersion returns the version of a subject's code.
func (s *subject) moduleVersion() string {
	switch {
	case s.build != "":
		return "of " + s.build
	case s.version != "":
		return s.version
	}
	if v := moduleVersion(s.path); v != "(devel)" && v != "v0.0.0" {
		return v
	}
	return "of this tree"
}

// compare returns the subjects of this run: not the long ones, unless -full is set. -before adds
// another build of the first. -profile leaves only the first, which is rikki.
func (b *bench) compare(all []*subject) []*subject {
	if b.profile != "" {
		return all[:1]
	}
	var chosen []*subject
	for i, s := range all {
		if !s.long || b.full {
			chosen = append(chosen, s)
		}
		if i == 0 && b.before != "" {
			chosen = append(chosen, b.other(s))
		}
	}
	return chosen
}

// other returns the subject of the build of -before. It is the same one in each call, because a
// table has a column for each subject.
func (b *bench) other(s *subject) *subject {
	o := b.others[s]
	if o == nil {
		other := *s
		other.name, other.build = beforePrefix+s.name, b.before
		if o = &other; b.others == nil {
			b.others = map[*subject]*subject{}
		}
		b.others[s] = o
	}
	return o
}

// series is the values of one figure, one per round. NaN is a round without a value.
type series []float64

// known returns the finite values, in ascending order.
func (s series) known() series {
	var all series
	for _, v := range s {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// median returns the middle value, or the mean of the two middle values. Without a value it
// returns NaN.
func (s series) median() float64 {
	sorted := s.known()
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratio returns the median of the ratios of two series, taken round by round.
func ratio(a, b series) float64 {
	var all series
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	return all.median()
}

// grid is a table with its figures.
type grid struct {
	*table
	subjects []*subject
	lines    []*line
}

// line is one row of a grid.
type line struct {
	name   string
	values map[*subject]series
}

// result is the figures of one group.
type result struct {
	*group
	grids []*grid
}

// add adds the values of one sample.
func (r *result) add(m *measurement, s *subject, values []float64) error {
	if len(values) != len(m.rows) {
		return fmt.Errorf("a sample has %d values, want %d", len(values), len(m.rows))
	}
	for i, row := range m.rows {
		g := r.grid(row.table)
		if !slices.Contains(g.subjects, s) {
			g.subjects = append(g.subjects, s)
		}
		l := g.line(row.name)
		l.values[s] = append(l.values[s], values[i])
	}
	return nil
}

// grid returns the grid of a table, and adds it if it does not exist.
func (r *result) grid(t *table) *grid {
	for _, g := range r.grids {
		if g.table == t {
			return g
		}
	}
	g := &grid{table: t}
	r.grids = append(r.grids, g)
	return g
}

// line returns the row with a name, and adds it if it does not exist.
func (g *grid) line(name string) *line {
	for _, l := range g.lines {
		if l.name == name {
			return l
		}
	}
	l := &line{name, map[*subject]series{}}
	g.lines = append(g.lines, l)
	return l
}

// measure opens the groups and takes the samples. A round has one sample of each subject of each
// measurement. Each round begins with another subject, so that no subject is always the first.
// measure stops early if another round would take longer than b.budget.
func (b *bench) measure(groups []*group, progress io.Writer) ([]*result, error) {
	var results []*result
	var all [][]*measurement
	for _, g := range groups {
		ms, err := g.open(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		all = append(all, ms)
		r := &result{group: g}
		for _, m := range ms { // tables in the order of the measurements, subjects too
			for _, row := range m.rows {
				r.grid(row.table)
			}
		}
		for _, gr := range r.grids {
			gr.subjects = columns(ms, gr.table)
		}
		results = append(results, r)
	}
	began := time.Now()
	for b.done = 0; b.done < b.rounds; b.done++ {
		used := time.Since(began)
		if b.done > 0 && used+used/time.Duration(b.done) > b.budget {
			b.note("%d of %d rounds were made, because more would have taken longer than %v.", b.done, b.rounds, b.budget)
			break
		}
		for i, r := range results {
			for _, m := range all[i] {
				if err := b.round(r, m, progress); err != nil {
					return nil, err
				}
			}
		}
	}
	return results, nil
}

// columns returns the subjects of a table.
func columns(ms []*measurement, t *table) []*subject {
	var all []*subject
	for _, m := range ms {
		if !slices.ContainsFunc(m.rows, func(r row) bool { return r.table == t }) {
			continue
		}
		for _, s := range m.subjects {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// round takes one sample of each subject of a measurement.
func (b *bench) round(r *result, m *measurement, progress io.Writer) error {
	fmt.Fprintf(progress, "round %d of %d, %s, %s:", b.done+1, b.rounds, r.name, m.rows[0].name)
	defer fmt.Fprintln(progress)
	for k := range m.subjects {
		s := m.subjects[(k+b.done)%len(m.subjects)]
		values, err := m.sample(s)
		if err == nil {
			err = r.add(m, s, values)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %s: %w", r.name, m.rows[0].name, s.name, err)
		}
		fmt.Fprintf(progress, "  %s %s %s", s.name, figure(values[0]), m.rows[0].table.unit)
	}
	return nil
}
