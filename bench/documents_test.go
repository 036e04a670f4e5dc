//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The text around the markers stays. Everything between them is replaced, and a second run changes
// nothing more.
func TestDocuments(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, document)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "before\n<!-- bench run -->\nold\n<!-- end of bench run -->\nbetween\n<!-- bench fake -->\n<!-- end of bench fake -->\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := fakeReport(t)
	r.results[0].grids[0].chart = "bench-fake.svg"
	r.results[0].grids[1].aside = true
	var written []string
	for range 2 {
		if err := r.writeDocuments(root); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, string(got))
	}
	got := written[0]
	if got != written[1] {
		t.Errorf("the second run changed\n%s\nto\n%s", got, written[1])
	}
	for _, want := range []string{"before\n<!-- bench run -->\n", "\nbetween\n", "-->\nafter\n", "![Cost](bench-fake.svg)",
		"| Cost, µs | rikki | gnet |\n| --- | --- | --- |\n| row 0 | 5 (5–5) | 4 (4–4) **1.25** |\n", "The command was `make`."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") || strings.Contains(got, "Rate") {
		t.Errorf("an old text or a table that is not for documents:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSpace(line))); n > 100 && !strings.HasPrefix(line, "|") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	svg, err := os.ReadFile(filepath.Join(root, "docs", "bench-fake.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">Cost, µs<", ">row 0<", ">gnet<", ">5<", "relative to rikki; shorter is better"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart has no %q", want)
		}
	}
}

// Without a marker nothing is written.
func TestMarkerMissing(t *testing.T) {
	for _, text := range []string{"", "<!-- bench run -->\n", "<!-- end of bench run -->\n"} {
		if got, err := replaceBlock(text, "run", "new"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// The document of this repository has the markers of all groups.
func TestMarkersOfGroups(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", document))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if _, err := replaceBlock(string(text), g.name, "new"); err != nil {
			t.Error(err)
		}
	}
}
