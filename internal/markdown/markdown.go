// Package markdown reads the Markdown files of this repository, for the tests of the documents. It
// knows the forms that they use, and no others.
package markdown

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// Kind is what a block of a Markdown file is.
type Kind int

const (
	Paragraph Kind = iota // prose, also in a list
	Heading
	Row      // one line of a table
	Fenced   // between ``` lines
	Indented // code by indentation
)

// Block is a part of a Markdown file. Its lines do not include the ``` lines.
type Block struct {
	Kind  Kind
	Lang  string // of a fenced block, as behind the first ```
	Line  int    // of Lines[0], from 1
	Lines []string
}

// Document is one Markdown file.
type Document struct {
	Path   string // slash-separated, from the root
	Blocks []Block
}

// Documents returns all Markdown files below the root of the repository.
func Documents(root string) ([]Document, error) {
	var all []Document
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && SkipFolder(root, name, d):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, Document{filepath.ToSlash(rel), Blocks(string(text))})
		return err
	})
	return all, err
}

// SkipFolder reports whether a folder holds nothing of the repository's own.
func SkipFolder(root, name string, d fs.DirEntry) bool {
	base := d.Name()
	return name != root && (base[0] == '.' || base == "testdata" || base == "bin" || base == "node_modules")
}

var listItem = regexp.MustCompile(`^\s*([-*]|\d+\.) `)

// Blocks splits a Markdown text. It knows the forms that this repository uses: headings with
// #, tables with a | at the beginning of the line, ``` fences, and code by indentation of four
// columns after an empty line. An item of a list is a paragraph.
func Blocks(text string) []Block {
	var all []Block
	open := false  // the last block may get another line
	empty := true  // the line before is empty
	list := false  // a list has begun: indentation continues its item
	fence := false // between two ``` lines
	add := func(k Kind, n int, line string) {
		if open && all[len(all)-1].Kind == k && k != Heading && k != Row {
			all[len(all)-1].Lines = append(all[len(all)-1].Lines, line)
			return
		}
		all = append(all, Block{Kind: k, Line: n, Lines: []string{line}})
		open = true
	}
	for i, line := range strings.Split(text, "\n") {
		n, trimmed := i+1, strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			if fence = !fence; fence {
				all = append(all, Block{Kind: Fenced, Lang: trimmed[3:], Line: n + 1})
			}
			open = false
		case fence:
			last := &all[len(all)-1]
			last.Lines = append(last.Lines, line)
		case trimmed == "":
			if open && all[len(all)-1].Kind == Indented {
				break // an empty line in the code, or the end of it
			}
			open = false
		case strings.HasPrefix(line, "#"):
			add(Heading, n, line)
			open, list = false, false
		case strings.HasPrefix(trimmed, "|"):
			add(Row, n, line)
		case strings.HasPrefix(line, "    ") && !list && (empty || open && all[len(all)-1].Kind == Indented):
			add(Indented, n, line)
		default:
			if listItem.MatchString(line) {
				list, open = true, false
			} else if empty && line[0] != ' ' {
				list = false
			}
			if open && all[len(all)-1].Kind == Indented {
				open = false
			}
			add(Paragraph, n, line)
		}
		empty = trimmed == ""
	}
	return all
}

// Anchors returns what a link may name behind #, as GitHub makes it of headings.
func (d Document) Anchors() map[string]bool {
	all := map[string]bool{}
	for _, b := range d.Blocks {
		if b.Kind != Heading {
			continue
		}
		name := slug(strings.TrimLeft(b.Lines[0], "# "))
		for i := 1; all[name]; i++ {
			name = fmt.Sprintf("%s-%d", slug(strings.TrimLeft(b.Lines[0], "# ")), i)
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
