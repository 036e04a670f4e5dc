//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// document is the file with the tables, and the folder of the charts is its folder.
const document = "docs/performance.md"

// writeDocuments replaces the tables in the documents of a repository, and the charts. The text
// around the tables stays.
func (r *report) writeDocuments(root string) error {
	path := filepath.Join(root, document)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out := string(text)
	for name, block := range r.blocks() {
		if out, err = replaceBlock(out, name, block); err != nil {
			return fmt.Errorf("%s: %w", document, err)
		}
	}
	for _, one := range r.results {
		for _, g := range one.grids {
			if g.chart == "" {
				continue
			}
			if err := g.draw(filepath.Join(root, "docs", g.chart)); err != nil {
				return fmt.Errorf("%s: %w", g.chart, err)
			}
		}
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

// replaceBlock replaces what is between the markers of a name.
func replaceBlock(text, name, block string) (string, error) {
	begin, end := fmt.Sprintf("<!-- bench %s -->\n", name), fmt.Sprintf("<!-- end of bench %s -->\n", name)
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(end))
	}
	return before + begin + "\n" + block + "\n" + end + after, nil
}

// blocks returns the text for each pair of markers: one for each group, and "run" for what the
// figures depend on.
func (r *report) blocks() map[string]string {
	all := map[string]string{"run": r.runBlock()}
	known := map[string]bool{}
	for _, one := range r.results {
		all[one.name] = one.block(known)
	}
	return all
}

// runBlock describes the run.
func (r *report) runBlock() string {
	var modules []string
	for _, one := range r.results {
		for _, s := range one.subjects() {
			if m := strings.TrimSpace(s.path + " " + s.moduleVersion()); s.path != "" && !slices.Contains(modules, m) {
				modules = append(modules, m)
			}
		}
	}
	paragraphs := append([]string{r.b.m.String() + " The modules are " + strings.Join(modules, ", ") + "."}, r.remarks()...)
	for i, text := range paragraphs {
		paragraphs[i] = wrap(text)
	}
	return strings.Join(paragraphs, "\n\n") + "\n"
}

// block returns the tables of a group in Markdown, and a list of the subjects. It leaves out the
// subjects that are known from other groups.
func (r *result) block(known map[string]bool) string {
	var parts []string
	for _, g := range r.grids {
		if g.aside {
			continue
		}
		if g.chart != "" {
			parts = append(parts, fmt.Sprintf("![%s](%s)\n", g.title, g.chart))
		}
		parts = append(parts, g.markdown())
		if g.note != "" {
			parts = append(parts, wrap(g.note)+"\n")
		}
	}
	if len(parts) == 0 {
		return "This was not measured in the last run.\n"
	}
	var list strings.Builder
	for _, s := range r.subjects() {
		if item := fmt.Sprintf("%s: %s", s.name, s.about); !known[item] {
			known[item] = true
			fmt.Fprintf(&list, "- %s\n", indent(wrapTo(item, 98)))
		}
	}
	if list.Len() > 0 {
		parts = append(parts, list.String())
	}
	return strings.Join(parts, "\n")
}

// markdown returns the table.
func (g *grid) markdown() string {
	var out strings.Builder
	head, rows := g.cells(func(s string) string { return "**" + s + "**" })
	fmt.Fprintf(&out, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, cells := range rows {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
	}
	return out.String()
}

// wrap breaks text into lines of at most 100 columns.
func wrap(text string) string { return wrapTo(text, 100) }

func wrapTo(text string, columns int) string {
	var lines []string
	at := ""
	for _, word := range strings.Fields(text) {
		if at != "" && len([]rune(at))+1+len([]rune(word)) > columns {
			lines = append(lines, at)
			at = word
			continue
		}
		at = strings.TrimSpace(at + " " + word)
	}
	return strings.Join(append(lines, at), "\n")
}

// indent indents all lines but the first, as an item of a list.
func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }
