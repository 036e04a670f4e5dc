package interop

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test. What it writes is kept.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and all output is there
	err  error         // then: Wait's

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when there is another line
}

// launch starts a program. When the test ends and it still runs, it is told to
// end and must do so with status 0.
func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(), w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	go p.watch(r)
	t.Cleanup(p.stop)
	return p
}

func (p *process) watch(r *os.File) {
	defer r.Close()
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, s.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop ends it by its process id.
func (p *process) stop() {
	select {
	case <-p.done: // by itself; whoever wanted to know how has asked
	default:
		p.cmd.Process.Signal(syscall.SIGTERM)
		if err := p.wait(); err != nil {
			p.t.Errorf("%s: after SIGTERM: %v", p.cmd.Path, err)
		}
	}
	if p.t.Failed() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.lines[max(0, len(p.lines)-40):] {
			p.t.Logf("%s: %s", p.cmd.Path, line)
		}
	}
}

// wait waits until it has ended and returns how.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return errors.New("killed, for it did not end")
	}
}

// match waits for a line that the expression matches and returns its parts.
// It returns nil if the program ends without one.
func (p *process) match(expr string) []string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(patience)
	for next := 0; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for ; next < len(lines); next++ {
			if m := re.FindStringSubmatch(lines[next]); m != nil {
				return m
			}
		}
		select {
		case <-more:
		case <-p.done:
			p.mu.Lock()
			ended := next == len(p.lines)
			p.mu.Unlock()
			if ended {
				return nil
			}
		case <-late:
			p.t.Fatalf("%s wrote no line that matches %q", p.cmd.Path, expr)
		}
	}
}

// output waits for the end and returns all lines.
func (p *process) output() []string {
	p.wait()
	return p.lines
}

// environment is the programs'. One that is built with the race detector
// would otherwise sleep for a second before it exits.
func environment() []string { return append(os.Environ(), "GORACE=atexit_sleep_ms=0") }

// run runs a program to its end.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, diag bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), &out, &diag
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !late.Stop() {
		t.Errorf("%s: killed, for it did not end", name)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), diag.String(), cmd.ProcessState.ExitCode()
}
