//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure formats a value with three significant digits, and not fewer digits than its integer
// part has.
func figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) < 999.5:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 {
		return "-" + digits
	}
	return digits
}

// spread formats the median, and if there are several values the lowest and the highest.
func (s series) spread() string {
	all := s.known()
	if len(all) < 2 {
		return figure(all.median())
	}
	return fmt.Sprintf("%s (%s–%s)", figure(all.median()), figure(all[0]), figure(all[len(all)-1]))
}

// cells returns the figures of a grid as text. mark formats a ratio.
func (g *grid) cells(mark func(string) string) (head []string, rows [][]string) {
	head = []string{g.title + ", " + g.unit}
	for _, s := range g.subjects {
		head = append(head, s.name)
	}
	for _, l := range g.lines {
		cells := []string{l.name}
		for i, s := range g.subjects {
			cell := l.values[s].spread()
			if r := ratio(l.values[g.subjects[0]], l.values[s]); i > 0 && g.unit != "%" && !math.IsNaN(r) {
				cell += " " + mark(fmt.Sprintf("%.2f", r))
			}
			cells = append(cells, cell)
		}
		rows = append(rows, cells)
	}
	return head, rows
}

// legend explains the cells of all tables.
func (b *bench) legend() string {
	ratios := "The last number in a cell is the ratio of the first column to this one: below 1, the first " +
		"column needs less, or in a table with \"per second\" does less."
	if b.done == 1 {
		return "There was one round. " + ratios
	}
	return fmt.Sprintf("Each cell has the median of %d rounds and, in parentheses, the lowest and the highest value. ", b.done) +
		ratios + " It is the median of the ratios in the same round."
}

// writeText prints the tables of a result.
func (r *result) writeText(out io.Writer) error {
	for _, g := range r.grids {
		fmt.Fprintf(out, "\n")
		head, rows := g.cells(func(s string) string { return "×" + s })
		w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
		for _, cells := range append([][]string{head}, rows...) {
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if g.note != "" {
			fmt.Fprintln(out, g.note)
		}
	}
	return nil
}
