//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programs are the executables that rows run.
type programs struct {
	self     string // this program
	examples string // the folder of the examples' programs
}

// buildExamples builds the examples that are attacked into a folder.
func buildExamples(dir string) error {
	return build(dir, "github.com/rikki-go/rikki/examples/mqtt-server", "github.com/rikki-go/rikki/examples/tcp-proxy")
}

// build builds programs. It runs in the folder of this module, as go run -C and go test do.
func build(dir string, packages ...string) error {
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, packages...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// process is a child process. It ends at the latest when this process ends.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	done   chan struct{} // closed when the process has ended
}

// start starts a program on one core, or on all if the core is negative. Its log goes to a file, or
// to standard error if log is nil.
func (s *suite) start(core int, log *os.File, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	if log != nil {
		p.cmd.Stderr = log
	}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	p.cmd.Stdout, p.stdout = write, bufio.NewReader(read)
	if log != nil && program != s.self { // the examples log to standard output
		p.cmd.Stdout = log
	}
	if err := startOn(core, p.cmd); err != nil {
		read.Close()
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// startOn starts a command and keeps all its threads on one core. A child inherits the affinity of
// the thread that starts it.
func startOn(core int, cmd *exec.Cmd) error {
	if core < 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	only.Set(core)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); err == nil && back != nil {
		return os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// yieldCPU makes all threads of this process run only when nothing else wants to run on their
// core. So an attacker does not keep the bystander, which runs on the same core, from measuring.
func yieldCPU() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		idle := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		if err := unix.SchedSetAttr(tid, &idle, 0); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("sched_setattr", err)
		}
	}
	return nil
}

// say writes a line to the process.
func (p *process) say(line string) error {
	_, err := io.WriteString(p.stdin, line+"\n")
	return err
}

// line reads a line of the process.
func (p *process) line() (string, error) {
	s, err := p.stdout.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s has ended", strings.Join(p.cmd.Args[1:], " "))
	}
	return strings.TrimSuffix(s, "\n"), nil
}

// tell reads a line with a value in JSON.
func (p *process) tell(value any) error {
	line, err := p.line()
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(line), value)
}

// stop ends the process.
func (p *process) stop() {
	p.stdin.Close()
	p.cmd.Process.Kill()
	<-p.done
}

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// memory returns a value of /proc/PID/status, such as VmHWM, in bytes. It returns 0 if the process
// has ended.
func (p *process) memory(name string) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range bytes.Lines(status) {
		if f := strings.Fields(string(line)); len(f) == 3 && f[0] == name+":" {
			kb, _ := strconv.Atoi(f[1])
			return kb << 10
		}
	}
	return 0
}

// files returns how many descriptors the process has open.
func (p *process) files() int {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return len(names)
}

var listening = regexp.MustCompile(`listening url=\S+ local=(127\.0\.0\.1:\d+)`)

// awaitListening returns the address that an example's log says it listens on.
func (p *process) awaitListening(log *os.File) (string, error) {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until) && !p.ended(); {
		said, err := os.ReadFile(log.Name())
		if err != nil {
			return "", err
		}
		if m := listening.FindSubmatch(said); m != nil {
			return string(m[1]), nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return "", errors.New("the server does not say that it listens")
}
