//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a child process: this program as a server or as a client. It ends when its
// standard input ends. Therefore it ends at the latest when this process ends.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// launchBuild starts a build of this program on some cores. The empty build is this program itself.
func launchBuild(exe string, cores []int, procs int, args ...string) (p *process, err error) {
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	p = &process{cmd: exec.Command(exe, args...)}
	p.cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", procs), childMark+"=1")
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(stdout)
	if err := startOn(cores, p.cmd); err != nil {
		return nil, err
	}
	return p, nil
}

// childMark is the environment variable that marks a child process. It also makes the test
// binary run as this program.
const childMark = "RIKKI_BENCH_CHILD"

// startOn starts a command and keeps all its threads on some cores. A child inherits the
// affinity of the thread that starts it.
func startOn(cores []int, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for _, core := range cores {
		only.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); err == nil && back != nil {
		return os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// line reads a line of the child's standard output.
func (p *process) line() (string, error) {
	s, err := p.stdout.ReadString('\n')
	if err == nil {
		return strings.TrimSuffix(s, "\n"), nil
	}
	p.stop()
	return "", fmt.Errorf("%s ended: %v", strings.Join(p.cmd.Args[1:], " "), p.cmd.ProcessState)
}

// stop ends the child by closing its standard input. It kills a child that does not end.
func (p *process) stop() {
	p.stdin.Close()
	kill := time.AfterFunc(timeout, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	kill.Stop()
}

// cpu returns the CPU time of all threads of the child, including those that have ended. It
// reads the clock that clock_getcpuclockid(3) returns for the process ID.
func (p *process) cpu() (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED of the kernel
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|scheduler), &ts); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(ts.Nano()), nil
}

// ticks returns the CPU time of all threads of the child in user mode and in the kernel. The unit
// is 10 ms, and the kernel may estimate the parts.
func (p *process) ticks() (user, kernel int, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // after the name
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", p.cmd.Process.Pid, len(fields))
	}
	if user, err = strconv.Atoi(fields[11]); err == nil {
		kernel, err = strconv.Atoi(fields[12])
	}
	return user, kernel, err
}

// resident returns how many bytes of the child's own pages are in memory. Pages of the program's
// file do not count: the first garbage collection reads 1 MB of them in any case.
func (p *process) resident() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "RssAnon:" && string(f[2]) == "kB" {
			kb, err := strconv.Atoi(string(f[1]))
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no RssAnon", p.cmd.Process.Pid)
}
