package arch_test

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mirrored are the folders, with those below them, whose tests lie beside what they test.
var mirrored = []string{"reactor", "proto", "internal", "examples", "store"}

// otherTestFiles are the names of test files that belong to no source file: what several of them
// share, and tests of a whole package.
var otherTestFiles = []string{
	"helpers*", "export", "fuzz", "bench", "alloc", "example", "main", "race_on", "race_off",
	"torture*", "conformance*",
}

// untested are the source files, and folders of them, that have functions and no test files of
// their own, each with the reason.
var untested = map[string]string{
	"internal/frames":                          "helps tests, which use all of it",
	"internal/looptest":                        "helps tests, which use all of it",
	"reactor/internal/poll/message_bsd.go":     "for macOS and the BSDs; message_test.go tests it there",
	"reactor/internal/poll/message_dstaddr.go": "for the BSDs; message_test.go tests it there",
	"reactor/internal/poll/multicast_bsd.go":   "for macOS and the BSDs; multicast_test.go tests it there",
	"reactor/internal/poll/wakeup_bsd.go":      "for macOS and the BSDs; wakeup_test.go tests it there",
}

// system is the end of a file's name that go build understands.
var system = regexp.MustCompile(`_(linux|darwin|freebsd|netbsd|openbsd|dragonfly|amd64|arm64|386)$`)

// sourceName returns what a source file is called without the system that it is for.
func sourceName(p string) string {
	return system.ReplaceAllString(strings.TrimSuffix(path.Base(p), ".go"), "")
}

// tests reports whether a test file belongs to a source file of that name: foo_test.go and
// foo_topic_test.go belong to foo.go.
func tests(testFile, name string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(path.Base(testFile), "_test.go"), name)
	return ok && (rest == "" || rest[0] == '_')
}

// folder is a package: its source files, those of them that declare functions, and its test files.
type folder struct {
	names     []string
	functions []string // paths
	tests     []string // paths
}

func folders(t *testing.T) map[string]*folder {
	all := map[string]*folder{}
	for _, s := range sources(t) {
		if !slices.ContainsFunc(mirrored, func(m string) bool { return within(s.path, m) }) {
			continue
		}
		f := all[s.dir()]
		if f == nil {
			f = &folder{}
			all[s.dir()] = f
		}
		if s.test() {
			f.tests = append(f.tests, s.path)
			continue
		}
		f.names = append(f.names, sourceName(s.path))
		if declaresFunctions(s) {
			f.functions = append(f.functions, s.path)
		}
	}
	return all
}

func declaresFunctions(s *source) bool {
	return slices.ContainsFunc(s.ast.Decls, func(d ast.Decl) bool {
		_, ok := d.(*ast.FuncDecl)
		return ok
	})
}

// TestTestsMirrorSources: the name of a test file begins with the name of the file that it tests,
// and each file with functions has a test file. A folder of tests alone is free to choose.
func TestTestsMirrorSources(t *testing.T) {
	for _, f := range folders(t) {
		if len(f.functions) == 0 {
			continue
		}
		for _, file := range f.tests {
			if !belongs(file, f.names) {
				t.Errorf("%s: its folder has no source file that it is named after", file)
			}
		}
		for _, file := range f.functions {
			switch has := tested(file, f.tests); {
			case untested[path.Dir(file)] != "": // a few of its files may have tests
			case has && untested[file] != "":
				t.Errorf("%s has a test file: delete it from the list of untested files", file)
			case !has && untested[file] == "":
				t.Errorf("%s has no test file %s_test.go or %[2]s_…_test.go", file, sourceName(file))
			}
		}
	}
	for name := range untested {
		if !slices.ContainsFunc(sources(t), func(s *source) bool { return s.path == name || s.dir() == name }) {
			t.Errorf("the list of untested files has %s, which does not exist", name)
		}
	}
}

// belongs reports whether a test file is named after one of the source files, or after none.
func belongs(file string, names []string) bool {
	if slices.ContainsFunc(names, func(n string) bool { return tests(file, n) }) {
		return true
	}
	base := strings.TrimSuffix(path.Base(file), "_test.go")
	return slices.ContainsFunc(otherTestFiles, func(pattern string) bool {
		ok, err := path.Match(pattern, base)
		return ok && err == nil
	})
}

// tested reports whether one of the test files belongs to a source file.
func tested(file string, testFiles []string) bool {
	return slices.ContainsFunc(testFiles, func(f string) bool { return tests(f, sourceName(file)) })
}

func TestBelongs(t *testing.T) {
	names := []string{"conn", "dial", "epoll_parked", sourceName("reactor/accept_linux.go")}
	for file, good := range map[string]bool{
		"reactor/conn_test.go":                true,
		"reactor/conn_pause_test.go":          true,
		"reactor/dial_order_internal_test.go": true,
		"reactor/epoll_parked_test.go":        true,
		"reactor/accept_linux_test.go":        true,
		"reactor/accept_test.go":              true,
		"reactor/helpers_test.go":             true,
		"reactor/torture_tls_test.go":         true,
		"reactor/race_on_test.go":             true,
		"reactor/connect_test.go":             false,
		"reactor/epoll_test.go":               false,
		"reactor/pause_test.go":               false,
		"reactor/helper_test.go":              false,
	} {
		if belongs(file, names) != good {
			t.Errorf("%s: belongs is %v", file, !good)
		}
	}
	if !tested("reactor/conn.go", []string{"reactor/conn_pause_test.go"}) || tested("reactor/co.go", []string{"reactor/conn_test.go"}) {
		t.Error("tested is wrong")
	}
}
