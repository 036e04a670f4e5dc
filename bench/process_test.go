//go:build linux

package main

import (
	"os"
	"os/exec"
	"testing"
)

func TestTicks(t *testing.T) {
	p := &process{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
	for n := 0; ; n++ { // this process uses CPU until it has used a tick
		user, kernel, err := p.ticks()
		if err != nil || user < 0 || kernel < 0 || n > 1e7 {
			t.Fatalf("%d, %d, %v", user, kernel, err)
		}
		if user > 0 && kernel > 0 {
			break
		}
	}
	p.cmd.Process.Pid = 1 << 30
	if _, _, err := p.ticks(); err == nil {
		t.Error("no error for a process that does not exist")
	}
}
