package arch_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/markdown"
)

// importable says what a fragment may use without an import: by the package's name.
var importable = map[string]string{
	"bufio": "bufio", "bytes": "bytes", "context": "context", "errors": "errors", "fmt": "fmt", "io": "io", "log": "log",
	"net": "net", "netip": "net/netip", "os": "os", "slog": "log/slog", "strings": "strings",
	"time": "time", "tls": "crypto/tls", "x509": "crypto/x509",
	"gws":     "github.com/gobwas/ws",
	"unix":    "golang.org/x/sys/unix",
	"stdhttp": "net/http",
	"reactor": module + "/reactor",
	"http":    module + "/proto/http",
	"mghttp":  module + "/proto/http",
	"ws":      module + "/proto/ws",
	"mqtt":    module + "/proto/mqtt",
	"session": module + "/proto/mqtt/session",
	"netconn": module + "/reactor/netconn",
	"proxy":   module + "/proto/proxy",
}

// prelude declares what a fragment of statements may use without declaring it. A fragment may
// declare the same names itself.
const prelude = `m *reactor.Manager, c, l *reactor.Conn, handler reactor.Handler, ev reactor.Event, data any,
	fnData any, ctx context.Context, url string, p []byte, err error, pool *x509.CertPool, pair tls.Certificate,
	s *session.Session`

// goFile makes a Go file of a ```go block that begins at the given place. There are six
// kinds of blocks:
//
//	package …      a whole program: it is compiled as it is
//	import …       the imports of a program: each exists
//	func f, type   declarations
//	case …         clauses of a handler's switch statement
//	func(…) …      without a body: a type
//	anything else  statements
//
// All but whole programs may use the packages of importable, and the names of prelude if they are
// statements or clauses. Variables that a fragment declares need not be used.
func goFile(code, place string) (string, error) {
	here := "\n//line " + place + "\n"
	first, _, _ := strings.Cut(strings.TrimSpace(leadingComment.ReplaceAllString(code, "")), " ")
	switch {
	case first == "package":
		return here[1:] + code, nil
	case first == "import":
		return blankImports(code, here)
	case topLevel.MatchString(code):
		return withImports("package fragment\n", here+code+"\n")
	case first == "case" || first == "default:":
		return withImports("package fragment\n", "func _("+prelude+") {\nswitch ev {"+here+code+"\n}\n}\n")
	}
	if x, err := parser.ParseExpr(code); err == nil && isFuncType(x) {
		return withImports("package fragment\n", "type _ ="+here+code+"\n")
	}
	begin, end := "func _("+prelude+") {\n{"+here+code+"\n", "}\n}\n"
	f, err := parser.ParseFile(token.NewFileSet(), "", "package fragment\n"+begin+end, 0)
	if err != nil {
		return "", err
	}
	return withImports("package fragment\n", begin+uses(f)+end)
}

var leadingComment = regexp.MustCompile(`^(//[^\n]*\n)+`)

var topLevel = regexp.MustCompile(`^(//[^\n]*\n)*(func \w|func \(\w+ |type |const |var )`)

func isFuncType(x ast.Expr) bool {
	_, ok := x.(*ast.FuncType)
	return ok
}

// uses returns statements that use the variables that a fragment declares in its outermost block.
func uses(f *ast.File) string {
	var b strings.Builder
	outer := f.Decls[0].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt)
	for _, s := range outer.List {
		switch s := s.(type) {
		case *ast.AssignStmt:
			for _, x := range s.Lhs {
				if id, ok := x.(*ast.Ident); ok && s.Tok == token.DEFINE && id.Name != "_" {
					fmt.Fprintf(&b, "_ = %s\n", id.Name)
				}
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, id := range v.Names {
						fmt.Fprintf(&b, "_ = %s\n", id.Name)
					}
				}
			}
		}
	}
	return b.String()
}

// withImports puts the imports between a package clause and declarations that need them.
func withImports(clause, decls string) (string, error) {
	return withImportsOf(clause, decls, importable)
}

// withImportsOf is withImports for other packages, by their names.
func withImportsOf(clause, decls string, importable map[string]string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", clause+decls, 0)
	if err != nil {
		return "", err
	}
	var imports []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && id.Obj == nil && importable[id.Name] != "" {
				imports = append(imports, fmt.Sprintf("import %s %q\n", id.Name, importable[id.Name]))
			}
		}
		return true
	})
	slices.Sort(imports)
	return clause + strings.Join(slices.Compact(imports), "") + decls, nil
}

// blankImports makes a file that imports the same packages and uses none.
func blankImports(code, here string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package fragment\n"+code, parser.ImportsOnly)
	if err != nil {
		return "", err
	}
	all := "package fragment\n" + here
	for _, i := range f.Imports {
		all += "import _ " + i.Path.Value + "\n"
	}
	return all, nil
}

// TestDocumentedCode compiles every ```go block of every document, with the root module as it
// is. go vet reports errors with the document's name and line.
func TestDocumentedCode(t *testing.T) {
	dir, n := t.TempDir(), 0
	for _, d := range documents(t) {
		for _, b := range d.Blocks {
			if b.Kind != markdown.Fenced || b.Lang != "go" {
				continue
			}
			n++
			place := fmt.Sprintf("%s:%d", absolute(t, d.Path), b.Line)
			code, err := goFile(strings.Join(b.Lines, "\n"), place)
			if err != nil {
				t.Errorf("%s:%d: %v", d.Path, b.Line, err)
				continue
			}
			writeFile(t, filepath.Join(dir, fmt.Sprintf("block%d", n), "code.go"), code)
		}
	}
	if n < 8 {
		t.Errorf("found only %d blocks of Go", n)
	}
	vet(t, dir)
}

// writeModule makes a folder a module whose packages import the root module. It needs no network.
func writeModule(t *testing.T, dir string) {
	t.Helper()
	var mod struct {
		Go      string
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("module documents\n\ngo %s\n\nrequire %s v0.0.0\n\nreplace %s => %s\n",
		mod.Go, module, module, absolute(t, "."))
	for _, r := range mod.Require {
		text += fmt.Sprintf("\nrequire %s %s\n", r.Path, r.Version)
	}
	writeFile(t, filepath.Join(dir, "go.mod"), text)
	writeFile(t, filepath.Join(dir, "go.sum"), readFile(t, "go.sum"))
}

// vet runs go vet for a folder of packages that import the root module.
func vet(t *testing.T, dir string) {
	t.Helper()
	writeModule(t, dir)
	inModule(t, dir, "vet", "./...")
}

// inModule runs the go command in a folder of writeModule.
func inModule(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", args[0], err, strings.ReplaceAll(string(out), absolute(t, ".")+"/", ""))
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestGoFile(t *testing.T) {
	for _, x := range []struct{ code, want string }{ // want is a part of the file
		{"package main\n", "//line a.md:1\npackage main\n"},
		{"// Command a.\npackage main\n", "//line a.md:1\n// Command a.\npackage main\n"},
		{"import (\n\tgws \"github.com/gobwas/ws\"\n)", `import _ "github.com/gobwas/ws"`},
		{"func f() { fmt.Println(1) }", "import fmt \"fmt\"\n\n//line a.md:1\nfunc f()"},
		{"case reactor.EvRead:\n\tc.Drain()", "switch ev {\n//line a.md:1\ncase reactor.EvRead:"},
		{"func(c *reactor.Conn)", "type _ =\n//line a.md:1\nfunc(c *reactor.Conn)\n"},
		{"c, err := m.Connect(url, handler, nil)\n// ...", "// ...\n_ = c\n_ = err\n}"},
		{"var b reactor.Buffer", "\nvar b reactor.Buffer\n"},
	} {
		got, err := goFile(x.code, "a.md:1")
		if err != nil || !strings.Contains(got, x.want) {
			t.Errorf("%q: %v, %q", x.code, err, got)
		}
	}
	if _, err := goFile("if x {", "a.md:1"); err == nil {
		t.Error("no error for code that does not parse")
	}
}

var (
	pathInText = regexp.MustCompile(`(?:^|[\s"'(` + "`" + `])\./((?:examples|reactor|proto|internal|bench|interop)[\w/.-]*)`)
	makeCall   = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// TestDocumentedCommands looks up the folders and the targets of make that commands name.
func TestDocumentedCommands(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(readFile(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.Blocks {
			for i, line := range b.Lines {
				commands := []string{line}
				if b.Kind != markdown.Fenced && b.Kind != markdown.Indented {
					commands = codeSpan.FindAllString(line, -1)
				}
				for _, command := range commands {
					for _, m := range pathInText.FindAllStringSubmatch(command, -1) {
						found++
						path := strings.TrimSuffix(m[1], "/...")
						if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path))); err != nil {
							t.Errorf("%s:%d: ./%s does not exist", d.Path, b.Line+i, path)
						}
					}
					for _, m := range makeCall.FindAllStringSubmatch(command, -1) {
						found++
						if !targets[m[1]] {
							t.Errorf("%s:%d: the Makefile has no target %s", d.Path, b.Line+i, m[1])
						}
					}
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d folders and targets", found)
	}
}
