//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// series is the values of one figure, one per round.
type series []float64

// median returns the middle value, or the mean of the two middle values.
func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (s series) lowest() float64  { return slices.Min(s) }
func (s series) highest() float64 { return slices.Max(s) }

// newGrid makes a series for each row and server.
func newGrid(rows int) [][]series {
	g := make([][]series, rows)
	for i := range g {
		g[i] = make([]series, len(servers))
	}
	return g
}

func names() []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.name)
	}
	return all
}

// mainRatio returns the head of the column with the ratio to the first of the other servers.
func mainRatio() string { return servers[0].name + "/" + servers[1].name }

// writeGrid prints a row for each work: the figure of each server, with the best peer
// marked, and the ratios of rikki's median to the others'.
func writeGrid(out io.Writer, rows []work, g [][]series, format func(series) string) {
	head := append([]string{""}, names()...)
	for _, s := range servers[1:] {
		head = append(head, servers[0].name+"/"+s.name)
	}
	t := newTable(out, head...)
	for i, w := range rows {
		row := []string{w.String()}
		best := bestPeer(g[i])
		for j := range servers {
			cell := format(g[i][j])
			if j == best {
				cell += " *"
			}
			row = append(row, cell)
		}
		for j := range servers[1:] {
			row = append(row, fmt.Sprintf("%.2f", g[i][0].median()/g[i][j+1].median()))
		}
		t.row(row...)
	}
	t.flush()
	fmt.Fprintln(out, "* the best of the peers; a ratio below 1 means that rikki needs less. plain is not a peer: it is the same echo without anything that a library needs")
}

// bestPeer returns the index of the peer with the lowest median.
func bestPeer(row []series) int {
	best := -1
	for j, s := range servers {
		if s.peer && (best < 0 || row[j].median() < row[best].median()) {
			best = j
		}
	}
	return best
}

// table writes aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, head ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)}
	t.row(head...)
	return t
}

func (t table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

func (t table) flush() error { return t.w.Flush() }
