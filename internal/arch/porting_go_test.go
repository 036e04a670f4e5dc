package arch_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// portImports are the packages that the tables of docs/porting.md may use, by their names there.
// stdhttp is net/http: http is proto/http.
var portImports = map[string]string{
	"base64": "encoding/base64", "binary": "encoding/binary", "bytes": "bytes", "context": "context", "crc32": "hash/crc32",
	"ecdsa": "crypto/ecdsa", "embed": "embed", "fmt": "fmt", "fs": "io/fs", "hex": "encoding/hex", "html": "html",
	"json": "encoding/json", "mime": "mime", "multipart": "mime/multipart", "net": "net", "netip": "net/netip",
	"os": "os", "rand": "crypto/rand", "slices": "slices", "slog": "log/slog", "stdhttp": "net/http",
	"strconv": "strconv", "strings": "strings", "time": "time", "tls": "crypto/tls", "neturl": "net/url",
	"x509": "crypto/x509", "filepath": "path/filepath",
	"reactor": module + "/reactor",
	"termlog": module + "/reactor/termlog",
	"http":    module + "/proto/http",
	"ws":      module + "/proto/ws",
	"mqtt":    module + "/proto/mqtt",
	"session": module + "/proto/mqtt/session",
	"sntp":    module + "/proto/sntp",
	"mdns":    module + "/proto/mdns",
	"jsonrpc": module + "/proto/jsonrpc",
	"proxy":   module + "/proto/proxy",
}

// portVariables are the variables that the tables use. The page explains those of the repository's
// types.
const portVariables = `
	m *reactor.Manager; c, l *reactor.Conn; b *reactor.Buffer; t *reactor.Timer; u reactor.URL
	hm *http.Message; wm *ws.Message; mm *mqtt.Message; prop mqtt.Property; opts mqtt.Options
	s *session.Session; fn reactor.Handler; fnData any; cfg *tls.Config; r net.Resolver; ctx context.Context
	url, host, headers, format, name, method, file, v, sep, pattern, user, password string
	p, dst, buf, data []byte; i, n, ofs, status, fd int; d time.Duration; id uint64
	addr netip.AddrPort; ip netip.Addr; op ws.OpCode; version uint8; fsys fs.FS; f *os.File; x float64
	log *slog.Logger; level *slog.LevelVar; flags reactor.TimerFlags; err error; value any
	methods *jsonrpc.Methods; part http.Part; typed struct{ Field int }; etc any`

// span is a piece of Go in a table.
type span struct {
	row  int // index
	line int // of the document
	text string
	note bool // in the third cell, which has C too
}

// compiled is what compileSpans has found.
type compiled struct {
	problems []string               // "line: text"
	uses     map[int][]types.Object // by row: what the Go of the second cell names
	failed   map[int]bool           // by row: the Go of the second cell has a problem
}

var goSelector = regexp.MustCompile(`\b([a-z]\w*)\.[A-Z]`)

// spansOf returns the Go of the second and third cells of rows.
func spansOf(rows []portRow) (all []span) {
	known := map[string]bool{}
	for name := range portImports {
		known[name] = true
	}
	for _, name := range regexp.MustCompile(`\b[a-z]\w*\b`).FindAllString(portVariables, -1) {
		known[name] = true
	}
	for i, r := range rows {
		for _, s := range code.FindAllString(r.golang, -1) {
			all = append(all, span{i, r.line, strings.Trim(s, "`"), false})
		}
		for _, s := range code.FindAllString(r.notes, -1) {
			if m := goSelector.FindStringSubmatch(s); m != nil && known[m[1]] && !strings.Contains(s, "->") {
				all = append(all, span{i, r.line, strings.Trim(s, "`"), true})
			}
		}
	}
	return all
}

// harmless are errors of the compiler about pieces that are an expression or a type alone, and
// about the name etc, which stands for "…".
var harmless = regexp.MustCompile(`is not used|declared and not used|is not an expression|without instantiation|` +
	`\betc\b|not enough arguments|too many arguments|must be called`)

// compileSpans checks the types of all pieces, each as the body of a function of its own.
func compileSpans(t *testing.T, spans []span) compiled {
	t.Helper()
	fset, result := token.NewFileSet(), compiled{uses: map[int][]types.Object{}, failed: map[int]bool{}}
	problem := func(s span, text string) {
		result.problems = append(result.problems, fmt.Sprintf("%d: %s: %s", s.line, s.text, text))
		result.failed[s.row] = result.failed[s.row] || !s.note
	}
	decls := "package fragment\n\nvar (" + strings.ReplaceAll(portVariables, ";", "\n") + "\n)\n"
	for i, s := range spans {
		body := strings.ReplaceAll(s.text, "…", "etc")
		if _, err := parser.ParseFile(fset, "", "package p\nfunc _() {\n"+body+"\n}", 0); err != nil {
			problem(s, "this is not Go: "+err.Error())
			body = ""
		}
		decls += fmt.Sprintf("func span%d() {\n//line span:%d\n%s\n}\n", i, i+1, body)
	}
	text, err := withImportsOf("package fragment\n", strings.TrimPrefix(decls, "package fragment\n"), portImports)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(fset, "table.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{
		Importer: exportData(t),
		Error: func(err error) {
			e := err.(types.Error)
			if at := fset.Position(e.Pos); at.Filename != "span" {
				if !e.Soft { // an import; the pieces that use it count as failed
					result.problems = append(result.problems, " "+e.Msg)
				}
			} else if !harmless.MatchString(e.Msg) {
				problem(spans[at.Line-1], e.Msg)
			}
		},
	}
	conf.Check("fragment", fset, []*ast.File{file}, &info)
	next := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if s := spans[next]; !s.note {
			used, whole := usedBy(f, &info)
			result.uses[s.row] = append(result.uses[s.row], used...)
			result.failed[s.row] = result.failed[s.row] || !whole
		}
		next++
	}
	slices.Sort(result.problems)
	return result
}

// usedBy returns what a function names besides local names and the variables of the tables. A
// method or a field belongs to the package of its type. whole is false if a name before a dot is a
// package that does not exist.
func usedBy(f *ast.FuncDecl, info *types.Info) (all []types.Object, whole bool) {
	whole = true
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			switch o := info.Uses[id].(type) {
			case nil:
			case *types.PkgName:
				whole = whole && o.Imported().Complete()
			default:
				if o.Pkg() == nil || o.Pkg().Path() != "fragment" {
					all = append(all, o)
				}
			}
		}
		return true
	})
	return all, whole
}

// exportData returns an importer that reads what the compiler has written about the packages of
// portImports and those that they import.
func exportData(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-e", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"}
	args = append(args, slices.Sorted(maps.Values(portImports))...)
	files := map[string]string{}
	for line := range strings.FieldsSeq(string(goTool(t, args...))) {
		path, file, _ := strings.Cut(line, "=")
		files[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("the package %s does not exist", path)
		}
		return os.Open(files[path])
	})
}
