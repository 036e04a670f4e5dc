package arch_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rows returns the cells of every table row of a document.
func rows(t *testing.T, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !ok || strings.HasPrefix(line, "---") || strings.HasPrefix(line, " ---") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	if len(all) == 0 {
		t.Fatalf("docs/%s has no table", name)
	}
	return all
}

// events returns the constants of reactor/event.go, each with the type of its data. The type is the
// part of the constant's comment after the last ": ".
func events(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, s := range sources(t) {
		if s.path != "reactor/event.go" {
			continue
		}
		for _, d := range s.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if name := v.Names[0].Name; strings.HasPrefix(name, "Ev") {
					all[name] = dataType(v.Comment.Text())
				}
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("found only %d events in reactor/event.go", len(all))
	}
	return all
}

func dataType(comment string) string {
	i := strings.LastIndex(comment, ": ")
	if i < 0 {
		return ""
	}
	typ, _, _ := strings.Cut(strings.TrimSpace(comment[i+2:]), ",")
	return typ
}

// TestEventsAreDocumented compares docs/events.md with reactor/event.go.
func TestEventsAreDocumented(t *testing.T) {
	want := events(t)
	seen := map[string]bool{}
	for _, row := range rows(t, "events.md") {
		if !strings.HasPrefix(row[0], "`Ev") { // the head, or another table
			continue
		}
		name := strings.Trim(row[0], "`")
		typ, exists := want[name]
		switch {
		case !exists:
			t.Errorf("docs/events.md: %s is not an event", name)
		case len(row) < 5:
			t.Errorf("docs/events.md: the row of %s has %d cells, want 5", name, len(row))
		case typ != "" && strings.Trim(row[2], "`") != typ:
			t.Errorf("docs/events.md: data of %s is %s, reactor/event.go says %s", name, row[2], typ)
		}
		seen[name] = true
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("docs/events.md: no row for %s", name)
		}
	}
}

// exportedNames returns "folder.Name" and "folder.Type.Member" for everything that the public
// packages export.
func exportedNames(t *testing.T) map[string]bool {
	all := map[string]bool{}
	for _, s := range sources(t) {
		if !s.public() || s.test() {
			continue
		}
		prefix := s.dir() + "."
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if r := receiver(d); r != "" {
					all[prefix+r+"."+d.Name.Name] = true
				} else {
					all[prefix+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					addSpec(all, prefix, spec)
				}
			}
		}
	}
	return all
}

func addSpec(all map[string]bool, prefix string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, id := range spec.Names {
			all[prefix+id.Name] = true
		}
	case *ast.TypeSpec:
		all[prefix+spec.Name.Name] = true
		if st, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range st.Fields.List {
				for _, id := range field.Names {
					all[prefix+spec.Name.Name+"."+id.Name] = true
				}
			}
		}
	}
}
