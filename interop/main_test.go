package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs is the folder for the examples' programs and the certificates.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "rikki-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if !given("test.parallel") {
		flag.Set("test.parallel", "8") // most tests wait for other processes
	}
	status := m.Run()
	os.RemoveAll(programs)
	os.Exit(status)
}

// given reports whether a flag was given on the command line.
func given(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// buildAll builds the examples once. Without debugging information the linker is faster.
var buildAll = sync.OnceValue(func() error {
	args := append([]string{"build", "-ldflags=-s -w", "-o", programs + string(filepath.Separator)}, buildFlags...)
	cmd := exec.Command("go", append(args, "./examples/backplane", "./examples/json-rpc-over-websocket", "./examples/mqtt-bridge", "./examples/mqtt-client",
		"./examples/mqtt-dashboard", "./examples/mqtt-dashboard/device", "./examples/mqtt-over-ws-client", "./examples/mqtt-server",
		"./examples/websocket-client", "./examples/websocket-server")...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
})

// example returns the path of an example's program.
func example(t *testing.T, name string) string {
	t.Helper()
	if err := buildAll(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, name)
}
