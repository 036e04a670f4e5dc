package interop

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test. It keeps the program's output.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when the program has ended and all output was read
	err   error         // then: the error of Wait

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when there is another line
	taken int           // number of lines that next has passed
}

// launch starts a program. If it still runs when the test ends, it gets SIGTERM and must
// end with status 0.
func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(), w, w
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	go p.read(r)
	t.Cleanup(p.stop)
	return p
}

// read reads the output to its end.
func (p *process) read(r *os.File) {
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

// stop ends the program with SIGTERM, unless it has ended.
func (p *process) stop() {
	select {
	case <-p.done:
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

// wait waits until the program has ended and returns the error of Wait.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(timeout):
		p.cmd.Process.Kill()
		<-p.done
		return errors.New("killed, because it did not end")
	}
}

// match waits for a line that matches and returns its submatches. It returns nil if the program
// ends without such a line.
func (p *process) match(expr string) []string {
	p.t.Helper()
	m, _ := p.find(0, expr)
	return m
}

// next is match for the lines after the one that the last next returned.
func (p *process) next(expr string) (m []string) {
	p.t.Helper()
	m, p.taken = p.find(p.taken, expr)
	return m
}

// find waits for a line that matches, from line number next on. It returns the number of
// the line behind it.
func (p *process) find(next int, expr string) (m []string, after int) {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(timeout)
	for {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for ; next < len(lines); next++ {
			if m := re.FindStringSubmatch(lines[next]); m != nil {
				return m, next + 1
			}
		}
		select {
		case <-more:
		case <-p.done:
			p.mu.Lock()
			ended := next == len(p.lines)
			p.mu.Unlock()
			if ended {
				return nil, next
			}
		case <-late:
			p.t.Errorf("timeout: %s wrote no line that matches %q", p.cmd.Path, expr)
			return nil, next
		}
	}
}

// output waits until the program has ended and returns all lines.
func (p *process) output() []string {
	p.wait()
	return p.lines
}

// environment returns the environment of the programs. It keeps the race detector from sleeping
// for a second when a program exits.
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
	late := time.AfterFunc(timeout, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !late.Stop() {
		t.Errorf("%s: killed, because it did not end", name)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), diag.String(), cmd.ProcessState.ExitCode()
}
