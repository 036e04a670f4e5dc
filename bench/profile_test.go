//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The servers write CPU profiles, and profiled merges them into one that pprof can read.
func TestProfile(t *testing.T) {
	b := &bench{m: testMachine(t)}
	file := filepath.Join(t.TempDir(), "servers.pgo")
	err := profiled(file, func() error {
		for range 2 {
			err := b.onServer(echoServers[0], single, func(_ *process, addr string) error {
				l, err := loadAt(work{conns: 2, size: 64, depth: 16}, addr)
				if err != nil {
					return err
				}
				defer l.close()
				if err := l.start(); err != nil {
					return err
				}
				if _, _, err := runSome(l, 50*time.Millisecond); err != nil {
					return err
				}
				return l.stop()
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-raw", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "cpu/nanoseconds") {
		t.Errorf("%v\n%s", err, out)
	}
	if os.Getenv(profileMark) != "" {
		t.Error("later servers would write profiles too")
	}
}

// With -profile only rikki is measured, and by default what servers do.
func TestProfileOptions(t *testing.T) {
	o, err := parse([]string{"-profile", "x"}, nil)
	if err != nil || len(o.groups) != len(profileGroups) {
		t.Fatalf("%v, %v", o, err)
	}
	b := &bench{profile: o.profile}
	if all := b.compare(echoServers); len(all) != 1 || all[0].name != "rikki" {
		t.Errorf("%d servers are measured, the first is %s", len(all), all[0].name)
	}
	if o, err = parse([]string{"-profile", "x", "http"}, nil); err != nil || len(o.groups) != 1 {
		t.Errorf("%v, %v", o, err)
	}
}

func TestBuiltWith(t *testing.T) {
	if got := builtWith(); !strings.HasPrefix(got, "Built with") {
		t.Error(got)
	}
}
