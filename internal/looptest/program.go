package looptest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// runMain makes a test's own binary be the program.
const runMain = "RIKKI_TEST_MAIN"

// raceAtExit keeps the race detector from sleeping for a second at the end of the program.
var raceAtExit = "GORACE=" + strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0")

// Main is for TestMain to begin with. It lets the test's binary be the
// program, and does not return then.
func Main(main func()) {
	if os.Getenv(runMain) != "" {
		main()
		os.Exit(0)
	}
}

// Command is the program with arguments. It is killed when the test ends, or
// after a minute.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), runMain+"=1", raceAtExit)
	return cmd
}

// WantExit runs the program to its end and compares its exit status; stderr is
// part of what it writes there.
func WantExit(t testing.TB, args []string, status int, stderr string) {
	t.Helper()
	cmd := Command(t, args...)
	var got bytes.Buffer
	cmd.Stderr = &got
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
	if !strings.Contains(got.String(), stderr) {
		t.Errorf("stderr %q does not say %q", got.String(), stderr)
	}
}

// UsedAddr returns an address of TCP on which nobody else can listen until
// the test ends.
func UsedAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Dial connects to the program. The connection is closed with the test, and its calls fail
// after a minute.
func Dial(t testing.TB, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// Program is the program while it runs.
type Program struct {
	t      testing.TB
	cmd    *exec.Cmd
	log    *bufio.Scanner
	read   strings.Builder
	stderr bytes.Buffer
}

// Start starts the program.
func Start(t testing.TB, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, cmd: Command(t, args...)}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	p.log = bufio.NewScanner(stdout)
	return p
}

func (p *Program) next() bool {
	more := p.log.Scan()
	if more {
		p.read.WriteString(p.log.Text() + "\n")
	}
	return more
}

// Await reads stdout up to a line that matches and returns its submatches.
func (p *Program) Await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for p.next() {
		if m := re.FindStringSubmatch(p.log.Text()); m != nil {
			return m
		}
	}
	p.t.Fatalf("the log has no line %s", pattern)
	return nil
}

// Signal sends a signal.
func (p *Program) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Wait waits for the end. stdout is all that was read, by Await too.
func (p *Program) Wait() (status int, stdout, stderr string) {
	p.t.Helper()
	for p.next() {
	}
	err := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Error(err)
	}
	return p.cmd.ProcessState.ExitCode(), p.read.String(), p.stderr.String()
}

// WantEnd wants the program to end well, with nothing on stderr.
func (p *Program) WantEnd() {
	p.t.Helper()
	if status, _, stderr := p.Wait(); status != 0 || stderr != "" {
		p.t.Errorf("exit status %d, stderr %q", status, stderr)
	}
}
