//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// report is the results of a run, and what they depend on.
type report struct {
	b           *bench
	results     []*result
	disturbance string
	took        time.Duration
	command     string
}

// writeText prints everything as text.
func (r *report) writeText(out io.Writer) error {
	fmt.Fprintln(out, r.b.m)
	for _, one := range r.results {
		fmt.Fprintf(out, "\n%s (%s)\n", one.about, one.name)
		for _, s := range one.subjects() {
			fmt.Fprintln(out, "  "+s.String())
		}
		if err := one.writeText(out); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\n%s\n", strings.Join(r.remarks(), "\n"))
	return err
}

// String describes a subject.
func (s *subject) String() string {
	if s.path == "" && s.version == "" {
		return fmt.Sprintf("%s: %s", s.name, s.about)
	}
	name := strings.TrimSpace(s.path + " " + s.moduleVersion())
	return fmt.Sprintf("%s: %s (%s)", s.name, s.about, name)
}

// subjects returns the subjects of all tables.
func (r *result) subjects() []*subject {
	var all []*subject
	seen := map[string]bool{}
	for _, g := range r.grids {
		for _, s := range g.subjects {
			if !seen[s.name] {
				all = append(all, s)
			}
			seen[s.name] = true
		}
	}
	return all
}

// remarks returns the sentences about all tables.
func (r *report) remarks() []string {
	all := append([]string{r.b.legend()}, r.b.notes...)
	return append(all, r.disturbance, fmt.Sprintf("The command was `%s`. It took %v.", r.command, r.took.Round(time.Second)))
}
