//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// usage is the time that the cores of server and load have spent since the system started.
type usage struct {
	at     time.Time
	busy   time.Duration // for all processes
	stolen time.Duration // by the host of a virtual machine
	ours   time.Duration // for this program and its children that have ended
}

func (m *machine) usage() (u usage, err error) {
	u.at = time.Now()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	const tick = time.Second / 100 // USER_HZ is 100 on all systems
	for line := range bytes.Lines(stat) {
		var core int
		var user, nice, system, idle, iowait, irq, softirq, steal time.Duration
		if _, err := fmt.Sscanf(string(line), "cpu%d %d %d %d %d %d %d %d %d",
			&core, &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal); err != nil {
			continue // the sum of all cores, or another kind of line
		}
		if core == m.serverCore || core == m.loadCore {
			u.busy += (user + nice + system) * tick
			u.stolen += steal * tick
		}
	}
	for _, whose := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(whose, &r); err != nil {
			return u, os.NewSyscallError("getrusage", err)
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// tolerable is the share of the cores that other processes may use without a warning.
const tolerable = 0.05

// disturbance describes the share of the cores that other processes used since before.
func (m *machine) disturbance(before usage) (string, error) {
	now, err := m.usage()
	if err != nil {
		return "", err
	}
	cores := 2.0
	if m.serverCore == m.loadCore {
		cores = 1
	}
	total := cores * float64(now.at.Sub(before.at))
	others := max(0, float64((now.busy-before.busy)-(now.ours-before.ours))/total)
	stolen := float64(now.stolen-before.stolen) / total
	s := fmt.Sprintf("Meanwhile others used %.0f%% of the cores, and %.0f%% were stolen by the host.", 100*others, 100*stolen)
	if others+stolen > tolerable {
		s += " THAT IS TOO MUCH: these figures are preliminary. Figures per second mean nothing, nor do small differences."
	}
	return s, nil
}
