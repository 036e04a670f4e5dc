//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// subject returns the client. It uses MQTT 3.1.1 and has no WebSocket.
func (p *libmosquitto) subject() *subject {
	return &subject{name: "libmosquitto", about: "one thread that calls mosquitto_loop, TCP_NODELAY", version: "of the system"}
}
