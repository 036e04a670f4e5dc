package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

const (
	root   = "../.." // the repository's root, as seen from this package
	module = "github.com/rikki-go/rikki"
)

// source is one Go file of the repository, of any module and for any system.
type source struct {
	path string // slash-separated, from the root
	ast  *ast.File
}

func (s *source) dir() string { return path.Dir(s.path) }
func (s *source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) lines() int  { return files.File(s.ast.Pos()).LineCount() }

// public reports whether other modules may import the package. Programs are not public.
func (s *source) public() bool {
	return within(s.path, "reactor") || within(s.path, "proto") || within(s.path, "store") && s.ast.Name.Name != "main"
}

// imports returns the paths that the file imports.
func (s *source) imports() []string {
	var paths []string
	for _, i := range s.ast.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// where returns the file and line of a node, for error messages.
func where(n ast.Node) string {
	p := files.Position(n.Pos())
	p.Column = 0
	p.Filename = fromRoot(p.Filename)
	return p.String()
}

var files = token.NewFileSet()

var parseAll = sync.OnceValues(func() ([]*source, error) {
	var all []*source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && markdown.SkipFolder(root, name, d):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		f, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, &source{fromRoot(name), f})
		return nil
	})
	return all, err
})

// sources returns every Go file of the repository.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.path == "reactor/manager.go" {
			return all
		}
	}
	t.Fatalf("found %d Go files, but not the reactor's: is %s the root?", len(all), root)
	return nil
}

// within reports whether a path is prefix or lies below it.
func within(p, prefix string) bool {
	rest, ok := strings.CutPrefix(p, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// goTool runs the go command in the root.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// parse makes a source of a text, for tests of the tests.
func parse(t *testing.T, name, code string) *source {
	t.Helper()
	f, err := parser.ParseFile(files, name, code, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return &source{name, f}
}

// documents returns all Markdown files of the repository.
func documents(t *testing.T) []markdown.Document {
	t.Helper()
	all, err := markdown.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Fatalf("found only %d Markdown files", len(all))
	}
	return all
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
