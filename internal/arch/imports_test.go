package arch_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// layers lists what each public package, with its subpackages, may import besides the standard
// library and itself, and the same for what they import. Names without a dot, such as "reactor",
// are folders of this repository.
var layers = map[string][]string{
	"internal/quote":         {},
	"internal/rate":          {},
	"internal/packetid":      {},
	"internal/topics":        {},
	"internal/blocking":      {},
	"reactor":                {"golang.org/x/sys", "reactor/internal/poll", "reactor/internal/tlsio", "internal/quote", "internal/rate"},
	"reactor/termlog":        {"internal/quote", "internal/rate"},
	"reactor/activation":     {},
	"reactor/internal/poll":  {"golang.org/x/sys"},
	"reactor/internal/tlsio": {},
	"proto/http":             {"reactor", "internal/quote"},
	"proto/sntp":             {"reactor"},
	"proto/mdns":             {"reactor"},
	"reactor/netconn":        {"reactor", "internal/blocking"},
	"reactor/metrics":        {"reactor"},
	"proto/http/nethttp":     {"reactor", "reactor/netconn", "reactor/metrics", "proto/http", "internal/blocking"},
	"proto/ws":               {"github.com/gobwas/ws", "reactor", "proto/http", "internal/quote"},
	"proto/mqtt":             {"reactor", "proto/http", "proto/ws", "internal/packetid", "internal/quote"},
	"proto/mqtt/session":     {"reactor", "proto/http", "proto/ws", "proto/mqtt", "internal/packetid", "internal/topics", "internal/quote"},
	"proto/jsonrpc":          {},
	"proto/proxy":            {"reactor", "proto/http", "internal/quote"},
	"proto/proxy/proxyenv":   {"reactor", "proto/proxy"},
	"proto/ws/klauspost":     {"github.com/klauspost/compress", "proto/ws"},
	"store/bolt":             {"go.etcd.io/bbolt"},
}

// broughtAlong lists what an allowed module imports itself.
var broughtAlong = map[string][]string{
	"github.com/gobwas/ws": {"github.com/gobwas/httphead"},
	"go.etcd.io/bbolt":     {"golang.org/x/sys"},
}

// layerOf returns the innermost layer that a folder belongs to, or "" if there is none.
func layerOf(dir string) string {
	found := ""
	for l := range layers {
		if within(dir, l) && len(l) > len(found) {
			found = l
		}
	}
	return found
}

// ours shortens the import path of a package of this repository.
func ours(imp string) (string, bool) {
	if imp == module {
		return "", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// standard reports whether an import path belongs to the standard library.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

func allowed(imp string, may []string) bool {
	if short, ok := ours(imp); ok {
		// Exactly this layer: permission for proto/mqtt does not include proto/mqtt/session.
		return slices.Contains(may, layerOf(short))
	}
	return slices.ContainsFunc(may, func(m string) bool { return within(imp, m) })
}

// TestLayers reads all files, so it also checks those of other systems.
func TestLayers(t *testing.T) {
	for _, s := range sources(t) {
		if !s.public() || s.test() {
			continue
		}
		layer := layerOf(s.dir())
		if layer == "" {
			t.Errorf("%s: its package stands in no layer of this test", s.path)
			continue
		}
		may := append(slices.Clone(layers[layer]), layer)
		for _, imp := range s.imports() {
			if !standard(imp) && !allowed(imp, may) {
				t.Errorf("%s imports %s; %s may import the standard library and %v", s.path, imp, layer, layers[layer])
			}
		}
	}
}

// TestInternals checks that only the reactor imports the packages in reactor/internal, and that
// they import nothing else of this repository. This includes their tests.
func TestInternals(t *testing.T) {
	const internals = "reactor/internal"
	found := map[string]int{}
	for _, s := range sources(t) {
		inside := within(s.path, internals)
		if inside && !s.test() {
			found[s.dir()]++
		}
		for _, imp := range s.imports() {
			short, isOurs := ours(imp)
			switch {
			case isOurs && within(short, internals) && !within(s.path, "reactor"):
				t.Errorf("%s imports %s", s.path, imp)
			case isOurs && inside && short != s.dir():
				t.Errorf("%s imports %s; %s knows nothing else of this repository", s.path, imp, s.dir())
			}
		}
	}
	for _, dir := range []string{internals + "/poll", internals + "/tlsio"} {
		if found[dir] == 0 {
			t.Errorf("found no file of %s", dir)
		}
	}
}

// TestDependencies checks what an importer of each layer really depends on.
func TestDependencies(t *testing.T) {
	for layer := range layers {
		if !slices.ContainsFunc(sources(t), func(s *source) bool { return !s.test() && s.dir() == layer }) {
			continue
		}
		may := closure(layer)
		list := goTool(t, "list", "-C", layer, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
		for dep := range strings.FieldsSeq(string(list)) {
			if !allowed(dep, may) {
				t.Errorf("%s depends on %s", layer, dep)
			}
		}
	}
}

// closure returns everything that a layer may depend on, including the layer.
func closure(layer string) []string {
	all := map[string]bool{}
	var add func(string)
	add = func(l string) {
		if !all[l] {
			all[l] = true
			for _, next := range append(layers[l], broughtAlong[l]...) {
				add(next)
			}
		}
	}
	add(layer)
	return slices.Collect(maps.Keys(all))
}

// mayImportExamples are programs that are an example with something more.
var mayImportExamples = []string{"store/bolt/mqtt-client"}

func TestNothingImportsExamples(t *testing.T) {
	for _, s := range sources(t) {
		if within(s.path, "examples") || slices.Contains(mayImportExamples, s.dir()) {
			continue
		}
		for _, imp := range s.imports() {
			if short, ok := ours(imp); ok && within(short, "examples") {
				t.Errorf("%s imports %s", s.path, imp)
			}
		}
	}
}

// TestLooptestIsForTests checks that only test files import looptest. Of the packages that it helps
// to test, looptest itself imports only the reactor.
func TestLooptestIsForTests(t *testing.T) {
	const shared = "internal/looptest"
	files := 0
	for _, s := range sources(t) {
		own := s.dir() == shared && !s.test()
		if own {
			files++
		}
		for _, imp := range s.imports() {
			short, isOurs := ours(imp)
			switch {
			case isOurs && within(short, shared) && !s.test():
				t.Errorf("%s imports %s and is no test", s.path, imp)
			case own && !standard(imp) && !allowed(imp, []string{"reactor", "golang.org/x/sys"}):
				t.Errorf("%s imports %s; %s may import the standard library, reactor and golang.org/x/sys", s.path, imp, shared)
			}
		}
	}
	if files == 0 {
		t.Errorf("found no file of %s", shared)
	}
}

// TestRequirements checks that the root module has few dependencies.
func TestRequirements(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	if want := []string{"github.com/gobwas/ws", "golang.org/x/sys"}; !slices.Equal(direct, want) {
		t.Errorf("go.mod requires directly %v, want %v", direct, want)
	}
}
