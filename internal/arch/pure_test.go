package arch_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// isCodec reports whether a file is part of a codec, which turns bytes into values and values into
// bytes. Such a file declares an exported Parse… or Append…, or is called frame*.go, packet_*.go or
// property*.go. It imports nothing that does input or output, so it cannot use a connection.
func isCodec(s *source) bool {
	for _, pattern := range []string{"frame*.go", "packet_*.go", "property*.go"} {
		if ok, _ := path.Match(pattern, path.Base(s.path)); ok {
			return true
		}
	}
	return slices.ContainsFunc(s.ast.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		return ok && (strings.HasPrefix(f.Name.Name, "Parse") || strings.HasPrefix(f.Name.Name, "Append"))
	})
}

var doesIO = []string{"golang.org/x/sys", "net", "os", "syscall", module}

func TestCodecsArePure(t *testing.T) {
	codecs := map[string]int{}
	for _, s := range sources(t) {
		if !within(s.path, "proto") || s.test() {
			continue
		}
		codecs[s.dir()] += 0
		if !isCodec(s) {
			continue
		}
		codecs[s.dir()]++
		for _, imp := range s.imports() {
			for _, io := range doesIO {
				if within(imp, io) && imp != "net/netip" {
					t.Errorf("%s is part of a codec and imports %s", s.path, imp)
				}
			}
		}
	}
	for _, dir := range []string{"proto/http", "proto/ws", "proto/mqtt"} {
		if n, exists := codecs[dir]; exists && n == 0 {
			t.Errorf("%s: no file is recognised as its codec", dir)
		}
	}
}
