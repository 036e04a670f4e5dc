//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is the resources for the measurements.
type machine struct {
	serverCore, loadCore int
	files                int // descriptors that one process may have
}

func newMachine() (*machine, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cores []int
	for i := 0; len(cores) < set.Count(); i++ {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	// Go raises the soft limit to the hard one, here and in the children.
	return &machine{serverCore: cores[len(cores)-1], loadCore: cores[0], files: int(min(limit.Max, 1<<30))}, nil
}

// pin keeps all threads of this process, including later ones, on the core of the load.
func (m *machine) pin() error {
	var only unix.CPUSet
	only.Set(m.loadCore)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &only); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("sched_setaffinity", err)
		}
	}
	return nil
}

// describe prints the versions and the machine that the figures come from.
func (m *machine) describe(w io.Writer) {
	var uts unix.Utsname
	unix.Uname(&uts)
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(w, "%s %s, Linux %s, %s\n", runtime.Version(), runtime.GOARCH, unix.ByteSliceToString(uts.Release[:]), cpuModel())
	fmt.Fprintf(w, "servers on core %d with GOMAXPROCS=1, load on core %d; load average before: %s\n",
		m.serverCore, m.loadCore, strings.Join(strings.Fields(string(load))[:1], ""))
	if m.serverCore == m.loadCore {
		fmt.Fprintln(w, "THERE IS ONLY ONE CORE: servers and load disturb each other, and the figures mean little")
	}
	for _, s := range servers {
		version := moduleVersion(s.path)
		if version == "(devel)" || version == "v0.0.0" {
			version = "of this tree"
		}
		fmt.Fprintf(w, "%-6s %s (%s %s)\n", s.name, s.about, s.path, version)
	}
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return "of unknown version"
}
