package arch_test

import (
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

// portRow is a row of a table of docs/porting.md whose second column has Go.
type portRow struct {
	line   int
	group  string // from the heading: "net" for net.h, "mg_mgr" for struct mg_mgr, or ""
	c      string
	golang string
	notes  string
}

var (
	code         = regexp.MustCompile("`[^`]+`")
	groupHeading = regexp.MustCompile(`^#+ (?:([a-z0-9]+)\.h|struct (mg_\w+))$`)
	cName        = regexp.MustCompile(`^(?:\w*->|\w*\.)?(\w+)`)
)

// portRows returns the rows of the tables of docs/porting.md that have Go in the second column.
func portRows(t *testing.T) (all []portRow) {
	t.Helper()
	group, golang := "", false
	for _, b := range markdown.Blocks(readFile(t, "docs/porting.md")) {
		if b.Kind == markdown.Heading {
			group, golang = "", false
			if m := groupHeading.FindStringSubmatch(b.Lines[0]); m != nil {
				group = m[1] + m[2]
			}
		}
		if b.Kind != markdown.Row || strings.HasPrefix(b.Lines[0], "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(b.Lines[0], "| "), " | ")
		if len(cells) > 1 && cells[1] == "Go" {
			golang = true
		} else if golang {
			cells = append(cells, "", "")
			all = append(all, portRow{b.Line, group, cells[0], cells[1], cells[2]})
		}
	}
	return all
}

// names returns the C names of a row: the first name in each piece of code of its first cell.
func (r portRow) names() (all []string) {
	for _, span := range code.FindAllString(r.c, -1) {
		if m := cName.FindStringSubmatch(strings.Trim(span, "`")); m != nil {
			all = append(all, r.group+" "+m[1])
		}
	}
	return all
}

// mongooseNames returns the names that docs/porting.md must have, as "net mg_send" and
// "mg_mgr conns".
func mongooseNames(t *testing.T) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(readFile(t, "internal/arch/testdata/mongoose-names.txt")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			if all[line] {
				t.Errorf("mongoose-names.txt: %s is there twice", line)
			}
			all[line] = true
		}
	}
	return all
}

// What becomes of a C name.
const (
	kindMapped   = "mapped"           // to a name of this repository
	kindStandard = "standard library" // or the language
	kindNone     = "none"             // the row says why
	kindUnknown  = "unknown"          // the Go of the row does not compile
)

// TestPortingHasEveryName compares the tables of docs/porting.md with the names of Mongoose's
// headers: each has one row, under the heading of its header or structure. It prints how many there
// are of each kind.
func TestPortingHasEveryName(t *testing.T) {
	want, seen := mongooseNames(t), map[string]bool{}
	counts := map[string]map[string]int{}
	rows := portRows(t)
	compiled := compileSpans(t, spansOf(rows))
	for i, r := range rows {
		if r.group == "" {
			continue
		}
		for _, name := range r.names() {
			switch {
			case !want[name]:
				t.Errorf("docs/porting.md:%d: %s is not in testdata/mongoose-names.txt", r.line, name)
			case seen[name]:
				t.Errorf("docs/porting.md:%d: %s is there twice", r.line, name)
			}
			seen[name] = true
			kind := r.kind(compiled.uses[i])
			if compiled.failed[i] {
				kind = kindUnknown // TestPortingNamesWhatExists says why
			} else if kind == "" {
				t.Errorf("docs/porting.md:%d: the second cell of %s has no Go, and does not begin with none:", r.line, name)
			}
			set := setOf(name)
			if counts[set] == nil {
				counts[set] = map[string]int{}
			}
			counts[set][kind]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !seen[name] {
			t.Errorf("docs/porting.md: no row for %s", name)
		}
	}
	for _, set := range slices.Sorted(maps.Keys(counts)) {
		c := counts[set]
		t.Logf("%-24s %3d: %3d mapped, %3d standard library, %3d none, %d with an error", set,
			c[kindMapped]+c[kindStandard]+c[kindNone]+c[kindUnknown], c[kindMapped], c[kindStandard], c[kindNone], c[kindUnknown])
	}
}

// setOf returns the set that a name is counted in.
func setOf(name string) string {
	group, name, _ := strings.Cut(name, " ")
	switch {
	case group == "mg_connection" || group == "mg_mgr":
		return "fields of " + group
	case strings.HasPrefix(group, "mg_"):
		return "fields of others"
	case strings.HasPrefix(name, "MG_EV_"):
		return "events"
	case strings.ToUpper(name) == name:
		return "constants"
	}
	return "functions and variables"
}

// kind returns what becomes of the names of a row. used is what its Go uses. It returns "" if the
// row has no Go.
func (r portRow) kind(used []types.Object) string {
	if strings.HasPrefix(r.golang, "none: ") {
		return kindNone
	}
	for _, o := range used {
		if o.Pkg() == nil {
			continue // predeclared
		}
		if _, isOurs := ours(o.Pkg().Path()); isOurs {
			return kindMapped
		}
	}
	if code.MatchString(r.golang) {
		return kindStandard
	}
	return ""
}

// TestPortingNamesWhatExists compiles the Go in the tables of docs/porting.md.
func TestPortingNamesWhatExists(t *testing.T) {
	rows := portRows(t)
	if len(rows) < 200 {
		t.Errorf("docs/porting.md: found only %d rows", len(rows))
	}
	for _, problem := range compileSpans(t, spansOf(rows)).problems {
		t.Error("docs/porting.md:" + problem)
	}
}
