package arch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

// maxColumns is the longest line of text. A tab counts four columns.
const maxColumns = 100

// text is a piece of prose: a comment, a paragraph or a cell of a table. It may have several lines.
type text struct {
	path  string
	line  int // of lines[0]
	lines []string
}

// complaint is a place in the prose that should be written in another way.
type complaint struct {
	path     string
	line     int
	sentence string
	write    string
}

func (c complaint) String() string {
	return fmt.Sprintf("%s:%d: %q: %s", c.path, c.line, c.sentence, c.write)
}

// matcher finds one phrase.
type matcher struct {
	*regexp.Regexp
	parts []string // each match has one of them; not known if empty
}

var matchers = func() (all []matcher) {
	for _, p := range phrases {
		pattern := `(` + p.pattern + `)($|[^\w-])`
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			panic(err)
		}
		all = append(all, matcher{regexp.MustCompile(pattern), parts(tree)})
	}
	return all
}()

// parts returns strings such that each match has at least one of them, or none if there are no such
// strings. Searching for strings is much faster than matching, above all with the race detector.
func parts(re *syntax.Regexp) (all []string) {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return parts(re.Sub[0])
	case syntax.OpConcat: // the longest is the rarest
		for _, sub := range re.Sub {
			if p := parts(sub); shortest(p) > shortest(all) {
				all = p
			}
		}
		return all
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			p := parts(sub)
			if len(p) == 0 {
				return nil
			}
			all = append(all, p...)
		}
	}
	return all
}

func shortest(parts []string) int {
	n := 0
	for i, p := range parts {
		if i == 0 || len(p) < n {
			n = len(p)
		}
	}
	return n
}

// find returns where a phrase begins in s, as whole words. A pattern in lower case also matches
// upper case; lower is s in lower case.
func (m *matcher) find(s, lower string) (at []int) {
	if pattern := m.String(); strings.ToLower(pattern) == pattern {
		s = lower
	}
	if len(m.parts) > 0 && !slices.ContainsFunc(m.parts, func(p string) bool { return strings.Contains(s, p) }) {
		return nil
	}
	for _, m := range m.FindAllStringIndex(s, -1) {
		if i := m[0]; i == 0 || s[i] == ',' || !partOfWord(s[i-1]) {
			at = append(at, i)
		}
	}
	return at
}

func partOfWord(b byte) bool {
	return b == '-' || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

var quoted = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|“[^”]*”")

// checkWords returns the phrases that the text should not have. A phrase may be spread over two
// lines.
func checkWords(x text) (all []complaint) {
	var joined strings.Builder
	starts := make([]int, len(x.lines)) // of the lines in joined
	for i, line := range x.lines {
		starts[i] = joined.Len()
		joined.WriteString(strings.TrimSpace(line) + " ")
	}
	whole := joined.String()
	plain := whole
	if strings.ContainsAny(whole, "`\"“") {
		plain = quoted.ReplaceAllStringFunc(whole, func(s string) string { return strings.Repeat("~", len(s)) })
	}
	lower := strings.Map(func(r rune) rune { // of the same length
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, plain)
	for i, m := range matchers {
		for _, at := range m.find(plain, lower) {
			line, found := slices.BinarySearch(starts, at)
			if !found {
				line--
			}
			all = append(all, complaint{x.path, x.line + line, sentence(whole, at), "write: " + phrases[i].write})
		}
	}
	return all
}

// sentence returns the sentence of s around a position.
func sentence(s string, at int) string {
	from := 0
	for _, end := range []string{". ", ": ", "; ", "| "} {
		if i := strings.LastIndex(s[:at], end); i >= 0 {
			from = max(from, i+len(end))
		}
	}
	to := len(s)
	for _, end := range []string{". ", "; ", " |"} {
		if i := strings.Index(s[at:], end); i >= 0 {
			to = min(to, at+i+1)
		}
	}
	return strings.TrimSpace(s[from:to])
}

var address = regexp.MustCompile(`\]\([^)]*\)|https?://\S+`)

// checkColumns returns the lines that are too long. Addresses cannot be broken and do not count.
func checkColumns(path string, line int, s string) (all []complaint) {
	if len(s)+3*strings.Count(s, "\t") <= maxColumns { // most lines
		return nil
	}
	n := 0
	for _, r := range address.ReplaceAllString(s, "") {
		if n++; r == '\t' {
			n += 3
		}
	}
	if n > maxColumns {
		all = append(all, complaint{path, line, strings.TrimSpace(s), fmt.Sprintf("%d columns, more than %d", n, maxColumns)})
	}
	return all
}

// prose returns the comments of a Go file, directives excepted, and the lines that hold nothing
// but a comment.
func (s *source) prose(lines []string) (texts []text, whole []int) {
	for _, g := range s.ast.Comments {
		first := files.Position(g.Pos()).Line
		x := text{path: s.path, line: first}
		for _, c := range g.List {
			for i, line := range strings.Split(c.Text, "\n") {
				n := files.Position(c.Pos()).Line + i
				if isDirective(line) {
					line = ""
				}
				for len(x.lines) < n-first { // a comment behind code, then another one
					x.lines = append(x.lines, "")
				}
				x.lines = append(x.lines, strings.Trim(line, "/* \t"))
				if strings.HasPrefix(strings.TrimSpace(lines[n-1]), "/") || i > 0 {
					whole = append(whole, n)
				}
			}
		}
		texts = append(texts, x)
	}
	return texts, whole
}

var directive = regexp.MustCompile(`^//(go:|line |[a-z]+:[a-z])`)

func isDirective(line string) bool {
	return !strings.HasPrefix(line, "// ") && directive.MatchString(line)
}

// complaints reads everything.
func complaints(t *testing.T) (all []complaint) {
	t.Helper()
	for _, s := range sources(t) {
		lines := strings.Split(readFile(t, s.path), "\n")
		texts, whole := s.prose(lines)
		for _, x := range texts {
			all = append(all, checkWords(x)...)
		}
		for _, n := range whole {
			all = append(all, checkColumns(s.path, n, lines[n-1])...)
		}
	}
	for _, d := range documents(t) {
		for _, b := range d.Blocks {
			if b.Kind == markdown.Paragraph || b.Kind == markdown.Heading || b.Kind == markdown.Row {
				all = append(all, checkWords(text{d.Path, b.Line, b.Lines})...)
			}
			// Tables cannot be broken; blocks without a language show output.
			if b.Kind == markdown.Paragraph || b.Kind == markdown.Heading || b.Kind == markdown.Fenced && b.Lang != "" {
				for i, line := range b.Lines {
					all = append(all, checkColumns(d.Path, b.Line+i, line)...)
				}
			}
		}
	}
	for _, path := range scripts(t) {
		all = append(all, checkScript(path, readFile(t, path))...)
	}
	return all
}

// scripts returns the Makefiles and the script of CI.
func scripts(t *testing.T) []string {
	t.Helper()
	all := []string{".ci/run"}
	for _, pattern := range []string{"Makefile", "*/Makefile", "*/*/Makefile"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			all = append(all, fromRoot(name))
		}
	}
	if len(all) < 2 {
		t.Fatal("found no Makefile")
	}
	return all
}

// checkScript reads the comments of a Makefile or shell script: those on lines of their own, and
// the descriptions of targets behind ##.
func checkScript(path, script string) (all []complaint) {
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		x := text{path: path, line: i + 1}
		for ; i < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i]), "#"); i++ {
			x.lines = append(x.lines, strings.Trim(lines[i], "# \t"))
			all = append(all, checkColumns(path, i+1, lines[i])...)
		}
		all = append(all, checkWords(x)...)
		if i < len(lines) {
			if _, help, ok := strings.Cut(lines[i], "## "); ok {
				all = append(all, checkWords(text{path, i + 1, []string{help}})...)
			}
		}
	}
	return all
}

// TestWords reads the comments of all Go files, all documents, the Makefiles and the script of CI.
// With RIKKI_WORDS=count in the environment it also counts what it found, by phrase and folder.
func TestWords(t *testing.T) {
	all := complaints(t)
	for _, c := range all {
		t.Error(c)
	}
	if os.Getenv("RIKKI_WORDS") == "count" {
		t.Log("\n" + countByFolder(all))
	}
}

func countByFolder(all []complaint) string {
	counts := map[string]int{}
	for _, c := range all {
		what := c.write
		if strings.Contains(what, " columns, ") {
			what = "longer than 100 columns"
		}
		kind := ""
		if strings.HasSuffix(c.path, "_test.go") {
			kind = " (tests)"
		}
		counts[what+"\t"+filepath.ToSlash(filepath.Dir(c.path))+kind]++
	}
	var lines []string
	for key, n := range counts {
		lines = append(lines, fmt.Sprintf("%s\t%d", key, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestCheckWords(t *testing.T) {
	for _, x := range []struct{ good, bad string }{
		{"It waits without limit.", "It waits for ever."},
		{"For every connection.", "The loop waits for\never."},
		{"It is closed, so that no event is lost.", "It is closed, lest an event is lost."},
		{"The latest event.", "Whoever wants it, says so."},
		{"A connection that fails.", "A connection who fails."},
		{"A person who writes programs.", "Programs who write."},
		{"It waits, for a second.", "It waits, for it has nothing to do."},
		{"Who reads this? A person.", "Who wants it otherwise says so."},
		{"It is called when the timer fires.", "Is called when the timer fires."},
		{"The handler gets EvClose.", "The handler hears of it."},
		{"It releases the buffer.", "It gives the buffer back."},
		{"It sends the echo back.", "The last word of a peer."},
		{"The message boundary.", "The borders of messages."},
		{"The words `lest` and \"for ever\" are old.", "`lest`, lest"},
		{"A by-the-hence-named word.", "And hence this."},
	} {
		if got := checkWords(text{"good", 1, strings.Split(x.good, "\n")}); len(got) > 0 {
			t.Errorf("found %v", got)
		}
		if got := checkWords(text{"bad", 1, strings.Split(x.bad, "\n")}); len(got) == 0 {
			t.Errorf("found nothing in %q", x.bad)
		}
	}
	got := checkWords(text{"a.md", 7, []string{"One. The loop", "waits for", "ever. Two."}})
	want := complaint{"a.md", 8, "The loop waits for ever.", "write: forever, without limit"}
	if len(got) != 1 || got[0] != want {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestCheckColumns(t *testing.T) {
	x := strings.Repeat("x", maxColumns)
	for line, good := range map[string]bool{
		x:                         true,
		x + "x":                   false,
		"\t" + x[4:]:              true,
		"\t" + x[3:]:              false,
		x[3:] + "äöü":             true,
		"[a](" + x + ")":          true,
		x[1:] + " https://" + x:   true,
		"see https://" + x + " a": true,
	} {
		if got := checkColumns("", 1, line); (len(got) == 0) != good {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestCheckScript(t *testing.T) {
	got := checkScript("Makefile", "# It waits for\n# ever.\na: b ## lest\n\techo lest\n\t# anew\n")
	var lines []int
	for _, c := range got {
		lines = append(lines, c.line)
	}
	if !slices.Equal(lines, []int{1, 3, 5}) {
		t.Errorf("found %v", got)
	}
}

// TestProse reads the comments of a file that it makes up.
func TestProse(t *testing.T) {
	const code = "//go:build linux\n\n// A comment\n// of two lines.\npackage x\n\nvar y int // behind code\n/* a\nblock */\n"
	f := parse(t, "prose.go", code)
	texts, whole := f.prose(strings.Split(code, "\n"))
	var got []string
	for _, x := range texts {
		got = append(got, fmt.Sprintf("%d %s", x.line, strings.Join(x.lines, "|")))
	}
	want := []string{"1 ", "3 A comment|of two lines.", "7 behind code", "8 a|block"}
	if !slices.Equal(got, want) || !slices.Equal(whole, []int{1, 3, 4, 8, 9}) {
		t.Errorf("got %q and lines %v, want %q", got, whole, want)
	}
}
