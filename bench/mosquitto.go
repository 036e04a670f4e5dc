//go:build linux

package main

import (
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

// freeAddr returns an address of loopback with a port that is free now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
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
		"persistence false",
		"allow_anonymous true",
	}, lines...)
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-c", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := startOn([]int{b.m.loadCore}, cmd); err != nil {
		return nil, err
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(timeout, func() { cmd.Process.Kill() })
		cmd.Wait()
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
			if time.Since(began) > timeout {
				stop()
				return nil, fmt.Errorf("%s does not listen: %w", program, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return stop, nil
}
