package interop

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test. It keeps the program's output.
type process struct {
	transcript
	cmd   *exec.Cmd
	stdin io.WriteCloser
	err   error // when done is closed: the error of Wait

	bySignal bool // SIGTERM ends the program without a status
	told     bool // the program had a signal that makes it end; a second one could end it at once
}

// signal sends SIGTERM or SIGINT.
func (p *process) signal(sig syscall.Signal) {
	p.told = true
	p.cmd.Process.Signal(sig)
}

// launch starts a program. If it still runs when the test ends, it gets SIGTERM and must
// end with status 0.
func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{transcript: newTranscript(t, name), cmd: exec.Command(name, args...)}
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
		p.add(s.Text())
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop ends the program with SIGTERM, unless it has ended.
func (p *process) stop() {
	select {
	case <-p.done:
	default:
		if !p.told {
			p.signal(syscall.SIGTERM)
		}
		if err := p.wait(); err != nil && !(p.bySignal && p.cmd.ProcessState.ExitCode() == -1) {
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
