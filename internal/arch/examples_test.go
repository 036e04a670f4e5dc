package arch_test

import (
	"go/ast"
	"strings"
	"testing"
)

// withoutExample are public packages that need no example, each with the reason.
var withoutExample = map[string]string{
	"proto/mqtt/session/storetest": "tests for stores: store/bolt shows its use",
}

// TestPackagesHaveExamples checks that each public package has a runnable example, which go doc
// shows.
func TestPackagesHaveExamples(t *testing.T) {
	packages, examples := map[string]bool{}, map[string]int{}
	for _, s := range sources(t) {
		if !s.public() || strings.Contains("/"+s.dir()+"/", "/internal/") {
			continue
		}
		if !s.test() {
			packages[s.dir()] = true
			continue
		}
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Example") && hasOutput(s, f) {
				examples[s.dir()]++
			}
		}
	}
	for dir := range packages {
		switch n := examples[dir]; {
		case n == 0 && withoutExample[dir] == "":
			t.Errorf("%s has no example with an output", dir)
		case n > 0 && withoutExample[dir] != "":
			t.Errorf("%s has an example: delete it from the list", dir)
		}
	}
}

// hasOutput reports whether an example has an // Output: comment. Without it, go test does not run
// the example.
func hasOutput(s *source, f *ast.FuncDecl) bool {
	for _, c := range s.ast.Comments {
		if c.Pos() > f.Body.Pos() && c.End() < f.Body.End() && strings.HasPrefix(strings.ToLower(c.Text()), "output:") {
			return true
		}
	}
	return false
}
