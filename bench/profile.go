//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

// profileSizes are for -profile: enough samples of each kind of work, none of it for long.
var profileSizes = sizes{
	rounds: 5, warm: 60 * time.Millisecond, span: time.Second, steady: time.Second,
	besideConns: 1000, idleConns: 1000, fanConns: 1000, connects: 4000, tlsConns: 1000, heap: 100,
	stalls: 5, stallWarm: 5, budget: 10 * time.Minute, limit: 20 * time.Minute,
}

// profileGroups are the groups that -profile runs without arguments: what servers do.
var profileGroups = []string{"echo", "connect", "broadcast", "tls", "http"}

// profileMark is the environment variable that makes servers write CPU profiles into a folder.
const profileMark = "RIKKI_BENCH_PROFILE"

// startProfile begins the CPU profile of a server, if it is to write one. stop ends the profile.
func startProfile() (stop func(), err error) {
	dir := os.Getenv(profileMark)
	if dir == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.pprof", os.Getpid())))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// profiled calls fn. The servers that it starts write profiles, which profiled merges into file.
func profiled(file string, fn func() error) error {
	dir, err := os.MkdirTemp("", "rikki-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	os.Setenv(profileMark, dir)
	defer os.Unsetenv(profileMark)
	if err := fn(); err != nil {
		return err
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.pprof"))
	if err != nil {
		return err
	}
	args := append([]string{"tool", "pprof", "-proto", "-output", file}, all...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go tool pprof: %w\n%s", err, out)
	}
	return nil
}

// builtWith says whether this program was built with a profile.
func builtWith() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-pgo" && s.Value != "" {
				return "Built with -pgo=" + filepath.Base(s.Value) + "."
			}
		}
	}
	return "Built without a profile (-pgo)."
}
