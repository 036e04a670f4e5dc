package arch_test

import (
	"go/ast"
	"slices"
	"testing"
)

// knowNoTransport are the files of reactor that use the contract in transport.go and none of its
// implementations.
var knowNoTransport = []string{
	"catchup.go", "close.go", "conn.go", "deadline.go", "dispatch.go", "flow.go", "input.go", "layer.go",
	"life.go", "manager.go", "output.go", "register.go", "report.go", "run.go", "watchdog.go",
}

// transports are the implementations.
var transports = []string{"datagrams", "stream", "tlsTransport"}

// TestTransportsAreNotNamed looks for the names of the types. Other files must use the contract, or
// a method that is declared in the file of the transport.
func TestTransportsAreNotNamed(t *testing.T) {
	var seen, declared []string
	for _, s := range sources(t) {
		if s.dir() != "reactor" || s.test() {
			continue
		}
		for _, d := range s.ast.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				declared = append(declared, typesOf(g, transports)...)
			}
		}
		base := s.path[len("reactor/"):]
		if !slices.Contains(knowNoTransport, base) {
			continue
		}
		seen = append(seen, base)
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && slices.Contains(transports, id.Name) {
				t.Errorf("%s: names the transport %s", where(id), id.Name)
			}
			return true
		})
	}
	slices.Sort(seen)
	slices.Sort(declared)
	if !slices.Equal(seen, knowNoTransport) {
		t.Errorf("looked at %v, want %v", seen, knowNoTransport)
	}
	if !slices.Equal(declared, transports) {
		t.Errorf("reactor declares the transports %v, want %v: has one got another name?", declared, transports)
	}
}

// typesOf returns the names, out of the given ones, that a declaration declares as types.
func typesOf(g *ast.GenDecl, names []string) []string {
	var found []string
	for _, spec := range g.Specs {
		if ts, ok := spec.(*ast.TypeSpec); ok && slices.Contains(names, ts.Name.Name) {
			found = append(found, ts.Name.Name)
		}
	}
	return found
}
