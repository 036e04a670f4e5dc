package arch_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// kind is what a block of a Markdown file is.
type kind int

const (
	paragraph kind = iota // prose, also in a list
	heading
	row      // one line of a table
	fenced   // between ``` lines
	indented // code by indentation
)

// block is a part of a Markdown file. Its lines do not include the ``` lines.
type block struct {
	kind  kind
	lang  string // of a fenced block, as behind the first ```
	line  int    // of lines[0], from 1
	lines []string
}

// document is one Markdown file.
type document struct {
	path   string // slash-separated, from the root
	blocks []block
}

// documents returns all Markdown files of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipFolder(name, d):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		all = append(all, document{fromRoot(name), blocks(readFile(t, fromRoot(name)))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Fatalf("found only %d Markdown files", len(all))
	}
	return all
}

// skipFolder reports whether a folder holds nothing of the repository's own.
func skipFolder(name string, d fs.DirEntry) bool {
	base := d.Name()
	return name != root && (base[0] == '.' || base == "testdata" || base == "bin" || base == "node_modules")
}

// fromRoot returns the slash-separated path of a file as seen from the root.
func fromRoot(name string) string {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		panic(err)
	}
	return filepath.ToSlash(rel)
}

// readFile returns the text of a file whose path is given from the root.
func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var listItem = regexp.MustCompile(`^\s*([-*]|\d+\.) `)

// blocks splits a Markdown text. It knows the forms that this repository uses: headings with
// #, tables with a | at the beginning of the line, ``` fences, and code by indentation of four
// columns after an empty line. An item of a list is a paragraph.
func blocks(text string) []block {
	var all []block
	open := false  // the last block may get another line
	empty := true  // the line before is empty
	list := false  // a list has begun: indentation continues its item
	fence := false // between two ``` lines
	add := func(k kind, n int, line string) {
		if open && all[len(all)-1].kind == k && k != heading && k != row {
			all[len(all)-1].lines = append(all[len(all)-1].lines, line)
			return
		}
		all = append(all, block{kind: k, line: n, lines: []string{line}})
		open = true
	}
	for i, line := range strings.Split(text, "\n") {
		n, trimmed := i+1, strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			if fence = !fence; fence {
				all = append(all, block{kind: fenced, lang: trimmed[3:], line: n + 1})
			}
			open = false
		case fence:
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		case trimmed == "":
			if open && all[len(all)-1].kind == indented {
				break // an empty line in the code, or the end of it
			}
			open = false
		case strings.HasPrefix(line, "#"):
			add(heading, n, line)
			open, list = false, false
		case strings.HasPrefix(trimmed, "|"):
			add(row, n, line)
		case strings.HasPrefix(line, "    ") && !list && (empty || open && all[len(all)-1].kind == indented):
			add(indented, n, line)
		default:
			if listItem.MatchString(line) {
				list, open = true, false
			} else if empty && line[0] != ' ' {
				list = false
			}
			if open && all[len(all)-1].kind == indented {
				open = false
			}
			add(paragraph, n, line)
		}
		empty = trimmed == ""
	}
	return all
}

// anchors returns what a link may name behind #, as GitHub makes it of headings.
func (d document) anchors() map[string]bool {
	all := map[string]bool{}
	for _, b := range d.blocks {
		if b.kind != heading {
			continue
		}
		name := slug(strings.TrimLeft(b.lines[0], "# "))
		for i := 1; all[name]; i++ {
			name = fmt.Sprintf("%s-%d", slug(strings.TrimLeft(b.lines[0], "# ")), i)
		}
		all[name] = true
	}
	return all
}

// slug returns the anchor of a heading.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

func TestBlocks(t *testing.T) {
	const text = "# A title: one, two\n\nProse\nof two lines.\n- item one\n  goes on\n- item two\n\n" +
		"    no code, but item two\n\nProse.\n\n    make test\n\n    make run\n\n```go\nx := 1\n\n\ty()\n```\n| a | b |\n| --- | --- |\n"
	want := []block{
		{heading, "", 1, []string{"# A title: one, two"}},
		{paragraph, "", 3, []string{"Prose", "of two lines."}},
		{paragraph, "", 5, []string{"- item one", "  goes on"}},
		{paragraph, "", 7, []string{"- item two"}},
		{paragraph, "", 9, []string{"    no code, but item two"}},
		{paragraph, "", 11, []string{"Prose."}},
		{indented, "", 13, []string{"    make test", "    make run"}},
		{fenced, "go", 18, []string{"x := 1", "", "\ty()"}},
		{row, "", 22, []string{"| a | b |"}},
		{row, "", 23, []string{"| --- | --- |"}},
	}
	got := blocks(text)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Fatalf("block %d of\n%v\nis not that of\n%v", i, got, want)
		}
	}
	if a := (document{"", got}).anchors(); !a["a-title-one-two"] || len(a) != 1 {
		t.Errorf("anchors are %v", a)
	}
}
