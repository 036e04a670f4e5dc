//go:build linux

package main

import (
	"bufio"
	"io"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMeasure(t *testing.T) {
	eachServer(t, func(t *testing.T, p *process, to netip.AddrPort) {
		for _, w := range []work{{3, 64, 1}, {3, 64, 16}, {3, 16 << 10, 1}, {2, 300 << 10, 8}} {
			l, err := newLoad(w, to)
			if err != nil {
				t.Fatal(w, err)
			}
			got, err := measure(l, p, 20*time.Millisecond, 80*time.Millisecond)
			if err != nil || got.perMessage <= 0 || got.rate <= 0 || got.busy <= 0 {
				t.Errorf("%v: %+v, %v", w, got, err)
			}
			if l.replies < w.conns*w.depth {
				t.Errorf("%v: %d replies", w, l.replies)
			}
			l.close()
		}
	})
}

// lateLoad is the load on a server that the system does not run at first. The first run after the
// warm-up only counts replies that the server has sent before.
type lateLoad struct {
	t    *testing.T
	p    *process
	runs int
}

func (*lateLoad) start() error { return nil }
func (*lateLoad) stop() error  { return nil }

func (l *lateLoad) run(time.Duration) (int, error) {
	pid := l.p.cmd.Process.Pid
	switch l.runs++; l.runs {
	case 1:
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			l.t.Fatal(err)
		}
		if _, err := unix.Wait4(pid, nil, unix.WUNTRACED, nil); err != nil {
			l.t.Fatal(err)
		}
	case 3:
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			l.t.Fatal(err)
		}
		io.WriteString(l.p.stdin, "x\n")
		if _, err := l.p.line(); err != nil {
			l.t.Fatal(err)
		}
	}
	return 1, nil
}

// A sample lasts until the server has used CPU. Otherwise messages would cost nothing.
func TestMeasureWaitsForCPU(t *testing.T) {
	p := &process{cmd: exec.Command("cat")}
	p.stdin, _ = p.cmd.StdinPipe()
	stdout, _ := p.cmd.StdoutPipe()
	p.stdout = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	got, err := measure(&lateLoad{t: t, p: p}, p, 0, 0)
	if err != nil || got.perMessage <= 0 || got.busy <= 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
