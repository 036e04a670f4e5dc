package arch_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines = 400
	maxFuncLines = 80
)

// mayUseUnsafe lists the files outside reactor that import unsafe.
var mayUseUnsafe = []string{}

func TestUnsafe(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range s.imports() {
			if imp == "unsafe" && !within(s.path, "reactor") && !slices.Contains(mayUseUnsafe, s.path) {
				t.Errorf("%s imports unsafe", s.path)
			}
			if imp == "C" {
				t.Errorf("%s uses cgo", s.path)
			}
		}
	}
}

// TestNoNorace checks that no code, tests included, is hidden from the race detector.
func TestNoNorace(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:norace") {
					t.Errorf("%s: go:norace", where(c))
				}
			}
		}
	}
}

// mayRecover are the only files that recover panics: for programs that ask for it, and for handlers
// of net/http, which may rely on it. They recover those of the program's handler only, log them
// with their stack, and end the connection.
var mayRecover = []string{"reactor/recover.go", "proto/http/nethttp/worker.go"}

// TestNoRecover checks that no other code recovers a panic. A panic is a defect and must stay
// visible.
func TestNoRecover(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || slices.Contains(mayRecover, s.path) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "recover" {
					t.Errorf("%s: recover", where(n))
				}
			}
			return true
		})
	}
}

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if n := s.lines(); n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: one idea per file", s.path, n, maxFileLines)
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, more than %d", where(f), f.Name.Name, n, maxFuncLines)
			}
		}
	}
}

// TestDocComments checks that everything that the public packages and looptest export has a
// comment.
func TestDocComments(t *testing.T) {
	packages := map[string]bool{} // folder: has a package comment
	for _, s := range sources(t) {
		if !s.public() && s.dir() != "internal/looptest" || s.test() {
			continue
		}
		packages[s.dir()] = packages[s.dir()] || s.ast.Doc != nil
		for _, d := range s.ast.Decls {
			for _, id := range undocumented(d) {
				t.Errorf("%s: %s has no doc comment", where(id), id.Name)
			}
		}
	}
	for dir, ok := range packages {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

// undocumented returns the exported names of a declaration that have no comment. In a group the
// group's comment or one at the end of the line is enough. Error and Unwrap need none.
func undocumented(d ast.Decl) []*ast.Ident {
	var bare []*ast.Ident
	check := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		if id.IsExported() && !slices.ContainsFunc(docs, func(g *ast.CommentGroup) bool { return strings.TrimSpace(g.Text()) != "" }) {
			bare = append(bare, id)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		plain := d.Name.Name == "Error" || d.Name.Name == "Unwrap"
		if d.Recv == nil || ast.IsExported(receiver(d)) && !plain {
			check(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				docs := []*ast.CommentGroup{spec.Doc, spec.Comment}
				if d.Lparen == token.NoPos {
					docs = append(docs, d.Doc)
				}
				check(spec.Name, docs...)
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					check(id, d.Doc, spec.Doc, spec.Comment)
				}
			}
		}
	}
	return bare
}

// receiver returns the name of a method's type, or "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	e := f.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
