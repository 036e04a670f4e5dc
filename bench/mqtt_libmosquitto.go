//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// libmosquittoSource is the source of a client of libmosquitto. It is compiled with gcc and
// libmosquitto-dev where they are installed, and used for nothing else than this comparison.
//
//go:embed libmosquitto/publish.c
var libmosquittoSource string

// libmosquitto is the compiled client.
type libmosquitto struct{ dir, program string }

// buildLibmosquitto compiles the client. The error says what is missing.
func buildLibmosquitto() (p *libmosquitto, err error) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return nil, fmt.Errorf("there is no gcc: %w", err)
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	p = &libmosquitto{dir, filepath.Join(dir, "publish")}
	cmd := exec.Command(gcc, "-O2", "-x", "c", "-o", p.program, "-", "-lmosquitto")
	cmd.Stdin = strings.NewReader(libmosquittoSource)
	if text, err := cmd.CombinedOutput(); err != nil {
		p.remove()
		if strings.Contains(string(text), "mosquitto.h") {
			return nil, fmt.Errorf("gcc finds no mosquitto.h: install libmosquitto-dev")
		}
		return nil, fmt.Errorf("gcc: %w: %s", err, text)
	}
	return p, nil
}

func (p *libmosquitto) remove() { os.RemoveAll(p.dir) }

// run runs the client in a new process on a core.
func (p *libmosquitto) run(core int, addr string, l mqttLoad) (r mqttResult, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return r, err
	}
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	cmd := exec.Command(p.program, host, port, strconv.Itoa(l.window), strconv.Itoa(mqttPayload), seconds(l.warm), seconds(l.duration))
	var line strings.Builder
	cmd.Stdout, cmd.Stderr = &line, os.Stderr
	if err := startOn(core, cmd); err != nil {
		return r, err
	}
	kill := time.AfterFunc(l.warm+l.duration+timeout, func() { cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		return r, err
	}
	return parseResult(line.String())
}
