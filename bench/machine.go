//go:build linux

package main

import (
	"fmt"
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

// String describes the versions and the machine that the figures come from.
func (m *machine) String() string {
	var uts unix.Utsname
	unix.Uname(&uts)
	s := fmt.Sprintf("%s, Linux %s, %s %s. Servers run on one core with GOMAXPROCS=1, and the load on another. %s",
		cpuModel(), unix.ByteSliceToString(uts.Release[:]), runtime.Version(), runtime.GOARCH, builtWith())
	if m.serverCore == m.loadCore {
		s += " THERE IS ONLY ONE CORE: servers and load disturb each other, and the figures mean little."
	}
	return s
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

const unknownVersion = "of unknown version"

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknownVersion
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return unknownVersion
}
