package arch_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tables of docs/security.md list settings and their defaults. The rows are compared with the
// code: each constant below has the value of its row, each exported Default… constant is in this
// list, and each field of the types below has a row.

// defaultConstants are the constants that hold the defaults of settings.
var defaultConstants = map[string]string{
	"reactor.Deadlines.Resolve":        "reactor.DefaultResolveDeadline",
	"reactor.Deadlines.Connect":        "reactor.DefaultConnectDeadline",
	"reactor.Deadlines.TLS":            "reactor.DefaultTLSDeadline",
	"reactor.Deadlines.Handshake":      "reactor.DefaultHandshakeDeadline",
	"reactor.Deadlines.Message":        "reactor.DefaultMessageDeadline",
	"reactor.Deadlines.MessageRate":    "reactor.DefaultMessageRate",
	"reactor.Deadlines.NextRequest":    "reactor.DefaultNextRequestDeadline",
	"reactor.Deadlines.Stall":          "reactor.DefaultStallDeadline",
	"reactor.Sockets.KeepAlive":        "reactor.DefaultKeepAlive",
	"reactor.Limits.Backpressure":      "reactor.DefaultMaxBackpressure",
	"reactor.WithDescriptorReserve":    "reactor.defaultReserve",
	"reactor.WithMemoryBudget":         "reactor.DefaultMemoryBudget",
	"reactor.TLSHandshakes.Concurrent": "reactor.defaultConcurrentHandshakes",
	"reactor.TLSHandshakes.PerTurn":    "reactor.defaultHandshakesPerTurn",
	"http.Limits.Head":                 "http.DefaultMaxHead",
	"http.Limits.Headers":              "http.DefaultMaxHeaders",
	"http.Limits.Body":                 "http.DefaultMaxBody",
	"http.MultipartLimits.Head":        "http.DefaultMaxPartHead",
	"http.MultipartLimits.Headers":     "http.DefaultMaxPartHeaders",
	"http.MultipartLimits.Parts":       "http.DefaultMaxParts",
	"nethttp.Options.Workers":          "nethttp.DefaultWorkers",
	"nethttp.Options.Queue":            "nethttp.DefaultQueue",
	"nethttp.Options.Buffer":           "nethttp.DefaultBuffer",
	"netconn.Options.ReadBuffer":       "netconn.DefaultBuffer",
	"netconn.Options.WriteBuffer":      "netconn.DefaultBuffer",
	"metrics.Collector.Wait":           "metrics.DefaultWait",
	"http.ClientOptions.Timeout":       "http.DefaultClientTimeout",
	"http.ClientOptions.ConnsPerHost":  "http.DefaultConnsPerHost",
	"http.ClientOptions.MaxQueued":     "http.DefaultMaxQueued",
	"http.ClientOptions.IdleConns":     "http.DefaultIdleConns",
	"http.ClientOptions.IdleTime":      "http.DefaultIdleTime",
	"ws.Limits.Message":                "ws.DefaultMaxMessage",
	"ws.Deflate.MaxRatio":              "ws.DefaultMaxRatio",
	"ws.Options.CloseWait":             "ws.DefaultCloseWait",
	"ws.Deflate.Budget":                "ws.DefaultDeflateBudget",
	"ws.Deflate.Threshold":             "ws.DefaultDeflateThreshold",
	"mqtt.Options.PingTimeout":         "mqtt.DefaultPingTimeout",
	"mqtt.Limits.Packet":               "mqtt.DefaultMaxPacket",
	"mqtt.Limits.Properties":           "mqtt.DefaultMaxProperties",
	"mqtt.Limits.Filters":              "mqtt.DefaultMaxFilters",
	"mqtt.Limits.Unreleased":           "mqtt.DefaultMaxUnreleased",
	"jsonrpc.Limits.Size":              "jsonrpc.DefaultMaxSize",
	"jsonrpc.Limits.Depth":             "jsonrpc.DefaultMaxDepth",
	"jsonrpc.Limits.Batch":             "jsonrpc.DefaultMaxBatch",
	"jsonrpc.Limits.Calls":             "jsonrpc.DefaultMaxCalls",
	"proxy.AcceptOptions.MaxHeader":    "proxy.DefaultMaxHeader",
	"session.Options.Login":            "session.DefaultKeepAlive",
	"session.Options.Inflight":         "session.DefaultInflight",
	"session.Queue.Messages":           "session.DefaultQueueMessages",
	"session.Queue.Bytes":              "session.DefaultQueueBytes",
	"session.Backoff.Min":              "session.DefaultBackoffMin",
	"session.Backoff.Max":              "session.DefaultBackoffMax",
	"session.Backoff.Stable":           "session.DefaultBackoffStable",
}

// otherDefaults are settings whose default is not a number.
var otherDefaults = map[string]string{
	"reactor.Deadlines.Idle":       "off",
	"reactor.Deadlines.Life":       "off",
	"reactor.Limits.Send":          "off",
	"reactor.Limits.Recv":          "off",
	"reactor.Limits.Conns":         "off",
	"reactor.Limits.WhenFull":      "`EvictIdle`",
	"ws.Options.Ping":              "off",
	"http.ClientOptions.Redirects": "off",
	"mqtt.Options.KeepAlive":       "off",
	"ws.Options.Deflate":           "off",
	"ws.Options.Origins":           "none: pages of this server only",
}

// documentedTypes are the types whose fields all have a row.
var documentedTypes = []string{
	"reactor.Deadlines", "reactor.Limits", "reactor.TLSHandshakes",
	"http.Limits", "http.MultipartLimits",
	"ws.Limits", "mqtt.Limits", "jsonrpc.Limits",
}

var settingForm = regexp.MustCompile("^`((?:reactor|netconn|metrics|http|nethttp|ws|mqtt|session|jsonrpc|proxy)\\.[A-Z][\\w.]*)`$")

func TestDefaultsAreDocumented(t *testing.T) {
	names, values := exportedNames(t), constants(t)
	seen := map[string]bool{}
	for _, row := range rows(t, "security.md") {
		m := settingForm.FindStringSubmatch(row[0])
		if m == nil {
			continue // the head, or another table
		}
		setting := m[1]
		if seen[setting] {
			t.Errorf("docs/security.md: two rows of %s", setting)
		}
		seen[setting] = true
		if full := inFolder(setting); !names[full] {
			t.Errorf("docs/security.md: %s does not exist", setting)
		}
		if len(row) != 4 {
			t.Errorf("docs/security.md: the row of %s has %d cells, want 4", setting, len(row))
			continue
		}
		if want, ok := otherDefaults[setting]; ok {
			if row[1] != want {
				t.Errorf("docs/security.md: the default of %s is %q, want %q", setting, row[1], want)
			}
			continue
		}
		got, err := quantity(row[1])
		value, exists := values[inFolder(defaultConstants[setting])]
		switch {
		case err != nil:
			t.Errorf("docs/security.md: %s: %v", setting, err)
		case !exists:
			t.Errorf("docs/security.md: %s: no constant %q; the test has a list of the constants", setting, defaultConstants[setting])
		case value != got:
			t.Errorf("docs/security.md: the default of %s is %s, %s is %d", setting, row[1], defaultConstants[setting], value)
		}
	}
	for setting := range defaultConstants {
		if !seen[setting] {
			t.Errorf("docs/security.md: no row for %s", setting)
		}
	}
	wantRows(t, names, seen)
}

// wantRows reports the fields and constants that have no row.
func wantRows(t *testing.T, names, seen map[string]bool) {
	t.Helper()
	var listed []string
	for _, name := range defaultConstants {
		listed = append(listed, inFolder(name))
	}
	for name := range names {
		folder, member, _ := strings.Cut(name, ".")
		short := folder[strings.LastIndex(folder, "/")+1:] + "." + member
		owner := short[:strings.LastIndex(short, ".")]
		switch {
		case !token.IsExported(short[len(owner)+1:]):
		case strings.HasPrefix(member, "Default") && !slices.Contains(listed, name):
			t.Errorf("docs/security.md: no setting has the default %s; the test has a list of the constants", short)
		case slices.Contains(documentedTypes, owner) && !seen[short]:
			t.Errorf("docs/security.md: no row for %s", short)
		}
	}
}

// inFolder returns a name like "http.Limits.Head" with the folder of its package.
func inFolder(name string) string {
	if name == "" || strings.HasPrefix(name, "reactor.") {
		return name
	}
	pkg, _, _ := strings.Cut(name, ".")
	switch pkg {
	case "netconn", "metrics":
		return "reactor/" + name
	case "nethttp":
		return "proto/http/" + name
	case "session":
		return "proto/mqtt/" + name
	}
	return "proto/" + name
}

var quantityForm = regexp.MustCompile(`^([\d,]+)(?: (ms|s|min|B|KiB|MiB|B/s))?(?:,|$)`)

// quantity returns the number of a cell that begins with one, such as "10 s" or "1 MiB". A time is
// in nanoseconds.
func quantity(cell string) (int64, error) {
	m := quantityForm.FindStringSubmatch(cell)
	if m == nil {
		return 0, fmt.Errorf("the default %q does not begin with a number and a unit", cell)
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSuffix(m[1], ","), ",", ""), 10, 64)
	unit := map[string]int64{"": 1, "ms": 1e6, "s": 1e9, "min": 60e9, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "B/s": 1}[m[2]]
	return n * unit, err
}

// constants returns the integer constants of the public packages as "folder.name". Their
// expressions may use the units of package time.
func constants(t *testing.T) map[string]int64 {
	all := map[string]int64{}
	for _, s := range sources(t) {
		if !s.public() || s.test() {
			continue
		}
		for _, d := range s.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, expr := range v.Values {
					if n, ok := integer(expr); ok {
						all[s.dir()+"."+v.Names[i].Name] = n
					}
				}
			}
		}
	}
	return all
}

// integer evaluates a constant expression.
func integer(expr ast.Expr) (int64, bool) {
	text := strings.NewReplacer("time.Second", "1000000000", "time.Millisecond", "1000000", "time.Minute", "60000000000").
		Replace(types.ExprString(expr))
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil || v.Value == nil || v.Value.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(v.Value)
}

func TestQuantity(t *testing.T) {
	for cell, want := range map[string]int64{
		"10 s": 10e9, "5 ms": 5e6, "2 min": 120e9, "256 B": 256, "16 KiB": 16 << 10, "500 B/s": 500, "1,024": 1024,
		"64, or an eighth": 64, "1 MiB, of each": 1 << 20, "100": 100,
	} {
		if got, err := quantity(cell); got != want || err != nil {
			t.Errorf("%q is %d, %v, want %d", cell, got, err, want)
		}
	}
	for _, cell := range []string{"", "off", "10 h", "about 10 s", "s"} {
		if got, err := quantity(cell); err == nil {
			t.Errorf("%q is %d, want an error", cell, got)
		}
	}
}
