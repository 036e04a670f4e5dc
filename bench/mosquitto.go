//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func findMosquitto() string {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} { // where Debian has it
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// listenerLine returns the line of mosquitto's configuration for a listener.
func listenerLine(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "listener " + port + " 127.0.0.1"
}

// runMosquitto starts a mosquitto on the core of the load. lines are its configuration. It returns
// when all addresses of addrs accept connections.
func (b *bench) runMosquitto(program string, lines []string, addrs ...string) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	lines = append([]string{
		"user root", // as root it would change to a user that cannot read the file
		"log_type error",
		"persistence false",
		"allow_anonymous true",
	}, lines...)
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-c", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var says bytes.Buffer
	cmd.Stderr = &says
	if err := startOn([]int{b.m.loadCore}, cmd); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(timeout, func() { cmd.Process.Kill() })
		<-ended
		kill.Stop()
		os.RemoveAll(dir)
	}
	began := time.Now()
	for _, addr := range addrs {
		for {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
				break
			}
			select {
			case status := <-ended:
				os.RemoveAll(dir)
				return nil, fmt.Errorf("%s has ended: %v\n%s", program, status, says.String())
			case <-time.After(10 * time.Millisecond):
			}
			if time.Since(began) > timeout {
				stop()
				return nil, fmt.Errorf("%s does not listen: %w", program, err)
			}
		}
	}
	return stop, nil
}
