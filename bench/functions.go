//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suite is a Go benchmark of this module. It measures calls of libraries within one process.
type suite struct {
	title     string
	benchmark string // name of the function, without "Benchmark"
	// names is the levels of sub-benchmarks. "%s" is the name of the subject. The others are
	// regular expressions.
	names    []string
	counts   string // what the numbers in the names of sub-benchmarks count
	subjects []*subject
	note     string
}

var frameLibraries = []*subject{
	{name: "rikki", path: rikkiPath, about: "the bytes are copied into Recv and EvRead is raised; ws.Send; what is in Send is dropped"},
	{name: "gobwas", path: "github.com/gobwas/ws", about: "wsutil, with the connection in memory"},
	{name: "gws", path: "github.com/lxzan/gws", about: "its reading loop and WriteMessage, with the connection in memory"},
	{name: "gorilla", path: "github.com/gorilla/websocket", about: "ReadMessage and WriteMessage, with the connection in memory"},
}

var packetLibs = []*subject{
	{name: "rikki", path: rikkiPath, about: "mqtt.Parse and mqtt.AppendPublish, MQTT 3.1.1"},
	{name: "rikki-v5", path: rikkiPath, about: "the same, MQTT 5.0"},
	{name: "mochi", path: "github.com/mochi-mqtt/server/v2", about: "its package packets, MQTT 3.1.1"},
	{name: "paho", path: "github.com/eclipse/paho.mqtt.golang", about: "its package packets, MQTT 3.1.1"},
	{name: "paho.golang", path: "github.com/eclipse/paho.golang", about: "its package packets, MQTT 5.0"},
}

var timerLibraries = []*subject{
	{name: "rikki", path: rikkiPath, about: "Manager.AddTimer"},
	{name: "AfterFunc", about: "time.AfterFunc; its functions run on goroutines of their own"},
}

var wakeupCalls = []*subject{
	{name: "post", path: rikkiPath, about: "Manager.Post"},
	{name: "wakeup", path: rikkiPath, about: "Manager.Wakeup of a connection, with seven bytes"},
	{name: "channel", about: "a Go channel and a goroutine that calls functions"},
	{name: "gnet", path: "github.com/panjf2000/gnet/v2", about: "Wake of a connection"},
}

var (
	frameNames  = []string{"(server|client)", "(125|16384)", "%s"}
	packetNames = []string{".", "%s"}
)

const frameNote = "One binary message in one frame, without system calls. Frames to the server are masked."

var codecSuites = []suite{
	{"Receive a WebSocket message", "Receive", frameNames, "B", frameLibraries, frameNote},
	{"Send a WebSocket message", "Send", frameNames, "B", frameLibraries, "Frames of the client are masked."},
	{"Parse a PUBLISH", "ParsePublish", packetNames, "B", packetLibs, "QoS 1, without properties."},
	{"Make a PUBLISH", "AppendPublish", packetNames, "B", packetLibs, ""},
}

var timerSuites = []suite{
	{"Add a timer and stop it", "TimerAddStop", packetNames, "timers", timerLibraries, ""},
	{"Reset one timer", "TimerReset", packetNames, "timers", timerLibraries, ""},
	{"Reset each timer in turn", "TimerResetEach", packetNames, "timers", timerLibraries, "Each is reset to a later time."},
	{"Add a timer that is due and run its function", "TimerFire", packetNames, "timers", timerLibraries, "Other timers are not due."},
}

var wakeupSuites = []suite{
	{"Call a loop from another goroutine", "Wakeup", []string{"%s", "."}, "", wakeupCalls,
		"one: the loop sleeps, and the call waits for its answer. many: 1,000 calls follow each other. " +
			"This is elapsed time, with one processor of Go."},
}

func openCodecs(b *bench) ([]*measurement, error)  { return b.openSuites(codecSuites) }
func openTimers(b *bench) ([]*measurement, error)  { return b.openSuites(timerSuites) }
func openWakeups(b *bench) ([]*measurement, error) { return b.openSuites(wakeupSuites) }

// openSuites compiles the benchmarks and finds their rows.
func (b *bench) openSuites(suites []suite) ([]*measurement, error) {
	program, err := b.benchmarks()
	if err != nil {
		return nil, err
	}
	var all []*measurement
	for i := range suites {
		s := &suites[i]
		for _, who := range s.subjects {
			if who.path != "" && who.moduleVersion() == unknownVersion { // only tests use the module
				out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", who.path).Output()
				if err != nil {
					return nil, fmt.Errorf("go list -m %s: %w", who.path, err)
				}
				who.version = strings.TrimSpace(string(out))
			}
		}
		first, err := b.runSuite(program, s, s.subjects[0], "1x")
		if err != nil {
			return nil, err
		}
		m := &measurement{subjects: s.subjects}
		t := &table{title: s.title, unit: "ns", note: s.note}
		for _, f := range first {
			m.rows = append(m.rows, row{t, f.name})
		}
		m.sample = func(who *subject) ([]float64, error) {
			found, err := b.runSuite(program, s, who, (b.span / 5).String())
			if err != nil {
				return nil, err
			}
			values := make([]float64, len(m.rows))
			for i, r := range m.rows {
				k := slices.IndexFunc(found, func(f benchmarked) bool { return f.name == r.name })
				if k < 0 {
					return nil, fmt.Errorf("benchmark %s has not printed %q", s.benchmark, r.name)
				}
				values[i] = found[k].ns
			}
			return values, nil
		}
		all = append(all, m)
	}
	return all, nil
}

// benchmarks compiles the tests of this module, which is the working directory, and returns the
// path of the program.
func (b *bench) benchmarks() (string, error) {
	if b.tests != "" {
		return b.tests, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	b.atEnd(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "bench.test")
	if out, err := exec.Command("go", "test", "-c", "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go test -c, in the folder bench: %w: %s", err, out)
	}
	b.tests = program
	return program, nil
}

// benchmarked is a line of a benchmark's output.
type benchmarked struct {
	name string // of the row
	ns   float64
}

// runSuite runs the benchmarks of a subject, on the core of the servers and on one processor of Go.
func (b *bench) runSuite(program string, s *suite, who *subject, duration string) ([]benchmarked, error) {
	cmd := exec.Command(program, "-test.run", "^$", "-test.cpu", "1", "-test.benchtime", duration,
		"-test.timeout", time.Minute.String(), "-test.bench", s.pattern(who.name))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := startOn([]int{b.m.serverCore}, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w: %s", s.benchmark, err, out.Bytes())
	}
	return s.results(who.name, out.String())
}

// pattern returns the expression that selects the benchmarks of a subject.
func (s *suite) pattern(subject string) string {
	levels := []string{"^Benchmark" + s.benchmark + "$"}
	for _, name := range s.names {
		if name == "%s" {
			name = "^" + strings.ReplaceAll(subject, ".", `\.`) + "$"
		} else if name != "." {
			name = "^" + name + "$"
		}
		levels = append(levels, name)
	}
	return strings.Join(levels, "/")
}

// results reads the output of benchmarks.
func (s *suite) results(subject, out string) ([]benchmarked, error) {
	var all []benchmarked
	for line := range strings.Lines(out) {
		name, isLine := strings.CutPrefix(line, "Benchmark"+s.benchmark+"/")
		if !isLine {
			continue
		}
		f := benchmarked{name: s.rowName(subject, strings.Fields(name)[0])}
		fields := strings.Fields(line)
		for i, unit := range fields {
			if unit == "ns/call" || unit == "ns/op" && f.ns == 0 {
				var err error
				if f.ns, err = strconv.ParseFloat(fields[i-1], 64); err != nil {
					return nil, err
				}
			}
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("benchmark %s has printed nothing for %s: %s", s.benchmark, subject, out)
	}
	return all, nil
}

// rowName returns the name of a row for the name of a sub-benchmark.
func (s *suite) rowName(subject, name string) string {
	var words []string
	for word := range strings.SplitSeq(name, "/") {
		if n, err := strconv.Atoi(word); err == nil {
			words = append(words, figure(float64(n))+" "+s.counts)
		} else if word != subject {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}
