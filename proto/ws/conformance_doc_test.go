package ws_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var rewrite = flag.Bool("rewrite-conformance", false, "write the tables of docs/conformance.md")

const conformanceDoc = "../../docs/conformance.md"

// The tables of docs/conformance.md list the rules and rows of the suite.
func TestConformanceDocument(t *testing.T) {
	text, err := os.ReadFile(conformanceDoc)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range conformance() {
		for _, row := range r.rows {
			if name := row.title(); seen[name] || strings.ContainsAny(name, "`|\n") {
				t.Errorf("the name %q is used twice, or has a character that a table cannot contain", name)
			} else {
				seen[name] = true
			}
		}
	}
	doc := string(text)
	for _, part := range parts(conformance()) {
		from, to := "<!-- "+part.name+" -->\n", "<!-- end of "+part.name+" -->\n"
		before, rest, ok := strings.Cut(doc, from)
		table, after, ok2 := strings.Cut(rest, to)
		if !ok || !ok2 {
			t.Fatalf("docs/conformance.md has no comments that mark the table of %s", part.name)
		}
		want := part.table()
		if table != want && !*rewrite {
			t.Errorf("docs/conformance.md is out of date: %s: %s. Run: go test ./proto/ws -run TestConformanceDocument -rewrite-conformance", part.name, difference(table, want))
		}
		doc = before + from + want + to + after
	}
	if *rewrite {
		must(t, os.WriteFile(conformanceDoc, []byte(doc), 0o644))
	}
}

// difference describes the first line in which two tables differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			return fmt.Sprintf("line %d should be %q", i+1, w[i])
		}
	}
	return "there are more lines than in the suite"
}

// document has the rules of one RFC.
type document struct {
	name  string
	rules []rule
}

// parts sorts rules by RFC. The section "7692 7.1" belongs to RFC 7692, "7.1" to RFC 6455.
func parts(rules []rule) (all []document) {
	for _, r := range rules {
		name := "RFC 6455"
		if rfc, section, other := strings.Cut(r.section, " "); other {
			name, r.section = "RFC "+rfc, section
		}
		i := slices.IndexFunc(all, func(d document) bool { return d.name == name })
		if i < 0 {
			i = len(all)
			all = append(all, document{name: name})
		}
		all[i].rules = append(all[i].rules, r)
	}
	return all
}

// table returns the table in Markdown.
func (d document) table() string {
	var b strings.Builder
	rows, cases := 0, 0
	for _, r := range d.rules {
		for _, row := range r.rows {
			rows, cases = rows+1, cases+len(row.sides())
		}
	}
	fmt.Fprintf(&b, "\n%d rules, %d rows, %d cases (a row that is for both roles makes two).\n\n", len(d.rules), rows, cases)
	b.WriteString("| section | rule | rows |\n| --- | --- | --- |\n")
	for _, r := range d.rules {
		fmt.Fprintf(&b, "| %s | %s |", r.section, r.says)
		for i, row := range r.rows {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " `%s`", row.title())
			if s := row.sides(); len(s) == 1 {
				fmt.Fprintf(&b, " (%s)", s[0])
			}
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n")
	return b.String()
}

// The tables of texts are correct. A prefix proves that a text is not UTF-8 if no bytes can
// complete it. With one byte less it can be completed.
func TestTextTables(t *testing.T) {
	for _, x := range goodText {
		if !utf8.ValidString(x.text) {
			t.Errorf("%s is not UTF-8", x.name)
		}
	}
	for _, x := range badText {
		if utf8.ValidString(x.text) {
			t.Errorf("%s is UTF-8", x.name)
		}
		if x.at == 0 && !completable(x.text) {
			t.Errorf("%s cannot be completed to UTF-8", x.name)
		}
		if x.at > 0 && (completable(x.text[:x.at]) || !completable(x.text[:x.at-1])) {
			t.Errorf("%s: byte %d is not the first one that proves the error", x.name, x.at)
		}
	}
}

// completable reports whether s is UTF-8 or the beginning of it.
func completable(s string) bool {
	for _, first := range []string{"", "\x80", "\x90", "\xa0", "\xbf"} {
		for _, rest := range []string{"", "\x80", "\x80\x80"} {
			if utf8.ValidString(s + first + rest) {
				return true
			}
		}
	}
	return false
}
