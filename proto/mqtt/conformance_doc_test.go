package mqtt_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite-conformance", false, "write the tables of docs/conformance.md")

const conformanceDoc = "../../docs/conformance.md"

// The tables of docs/conformance.md list the statements and the rows of the suite. Their counts
// are printed with -v.
func TestConformanceDocument(t *testing.T) {
	text, err := os.ReadFile(conformanceDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, version := range bothVersions {
		name := "MQTT " + versionName(version)
		from, to := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(doc, from)
		table, after, ok2 := strings.Cut(rest, to)
		if !ok || !ok2 {
			t.Fatalf("docs/conformance.md has no comments that mark the tables of %s", name)
		}
		want := tables(version)
		if table != want && !*rewrite {
			t.Errorf("docs/conformance.md is out of date: %s: %s. Run: go test ./proto/mqtt -run TestConformanceDocument -rewrite-conformance", name, difference(table, want))
		}
		t.Log(strings.ReplaceAll(count(version), "\n", " "))
		doc = before + from + want + to + after
	}
	if *rewrite {
		if err := os.WriteFile(conformanceDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// difference describes the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			return fmt.Sprintf("line %d should be %.200q", i+1, w[i])
		}
	}
	return "there are more lines than in the suite"
}

// count returns the numbers of statements and rows of a version.
func count(version uint8) string {
	all, rows := conformance()
	total, not, servers := 0, 0, 0
	for _, s := range all {
		for _, n := range s.numbers(version) {
			if isTrap(n) {
				continue
			}
			total++
			if s.why != "" {
				not++
			}
			if s.binds == server {
				servers++
			}
		}
	}
	played, cases := 0, 0
	for _, r := range rows {
		if !slices.Contains(r.versions(), version) {
			continue
		}
		switch r := r.(type) {
		case test:
		case row:
			played, cases = played+1, cases+len(r.sides())
		default:
			played, cases = played+1, cases+1
		}
	}
	return fmt.Sprintf("MQTT %s: %d statements: %d tested, %d do not apply. %d of them bind servers only.\n"+
		"%d rows, %d cases (a row that is for both sides makes two).", versionName(version), total, total-not, not, servers, played, cases)
}

// tables returns the tables of a version in Markdown.
func tables(version uint8) string {
	all, _ := conformance()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", count(version))
	b.WriteString("| statement | binds | it says | shown by |\n| --- | --- | --- | --- |\n")
	var servers, traps []string
	lines := map[string]string{}
	for _, s := range all {
		for _, n := range s.numbers(version) {
			switch {
			case isTrap(n):
				traps = append(traps, fmt.Sprintf("| %s | %s |\n", s.says, evidence(&s, n, version)))
			case s.binds == server:
				lines[n] = fmt.Sprintf("| %s | %s | %s |\n", n, s.says, evidence(&s, n, version))
			default:
				lines[n] = fmt.Sprintf("| %s | %s | %s | %s |\n", n, s.binds, s.says, evidence(&s, n, version))
			}
		}
	}
	for _, n := range allNumbers(version) {
		if strings.Count(lines[n], " | ") == 2 {
			servers = append(servers, lines[n])
		} else {
			b.WriteString(lines[n])
		}
	}
	b.WriteString("\nStatements that bind servers only:\n\n| statement | it says | shown by |\n| --- | --- | --- |\n")
	b.WriteString(strings.Join(servers, ""))
	b.WriteString("\nMistakes that implementations often make:\n\n| what | shown by |\n| --- | --- |\n")
	b.WriteString(strings.Join(traps, ""))
	b.WriteString("\n")
	return b.String()
}

// evidence lists what shows a statement, or why nothing does.
func evidence(s *statement, n string, version uint8) string {
	if s.why != "" {
		return "does not apply: " + s.why
	}
	var list []string
	for _, title := range showing(version)[n] {
		name, dir, other := strings.Cut(title, " of ")
		switch {
		case !other || !strings.HasPrefix(name, "Test"):
			list = append(list, "`"+title+"`")
		case dir == here:
			list = append(list, "`"+name+"`")
		default:
			list = append(list, "`"+name+"` ("+dir+")")
		}
	}
	return strings.Join(list, ", ")
}
