package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/rikki-go/rikki/internal/freeport"
)

// errNoMosquitto says that mosquitto is not installed.
var errNoMosquitto = errors.New("mosquitto is not installed")

// broker is a broker that runs.
type broker struct {
	addr    string // host:port
	stop    func()
	witness *witness
	loses   bool // messages, see witness
	hooked  bool // the witness is a hook
}

// brokers are the functions that start a broker, by its name.
var brokers = map[string]func(dir string) (*broker, error){
	"mosquitto": startMosquitto,
	"mochi":     startMochi,
}

// startMosquitto starts mosquitto. By default it queues 1,000 messages for a client that is away,
// and then drops messages. So its queue must be unbounded here.
func startMosquitto(dir string) (*broker, error) {
	program, err := exec.LookPath("mosquitto")
	if err != nil { // Debian has it in a folder that is not in every PATH
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			return nil, errNoMosquitto
		}
	}
	for range 5 { // another process may take the free port first
		b, err := runMosquitto(program, dir)
		if err == nil {
			return b, nil
		}
	}
	return nil, errors.New("mosquitto does not start")
}

func runMosquitto(program, dir string) (*broker, error) {
	addr, err := freeport.Addr()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	config := filepath.Join(dir, "mosquitto.conf")
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence false\n" +
		"max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\nlog_type information\nlog_type error\nlog_type warning\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-c", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), " running") {
			go io.Copy(io.Discard, out)
			return &broker{addr: addr, stop: stop, witness: newWitness()}, nil
		}
	}
	stop()
	return nil, fmt.Errorf("%s ended at once", program)
}

// startMochi starts mochi-mqtt in this process.
func startMochi(string) (*broker, error) {
	limits := mochi.NewDefaultServerCapabilities()
	limits.MaximumMessageExpiryInterval = 0                  // otherwise acknowledgements get an expiry
	limits.Compatibilities.NoInheritedPropertiesOnAck = true // otherwise they get those of the PUBLISH
	limits.MaximumClientWritesPending = 1 << 20
	limits.MaximumInflight = 1<<16 - 1
	limits.ReceiveMaximum = 1<<16 - 1 // also how much mochi sends to a client that names no maximum
	s := mochi.New(&mochi.Options{Capabilities: limits, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, err
	}
	w := newWitness()
	if err := s.AddHook(&hook{w: w}, nil); err != nil {
		return nil, err
	}
	l := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := s.AddListener(l); err != nil {
		return nil, err
	}
	if err := s.Serve(); err != nil {
		return nil, err
	}
	return &broker{addr: l.Address(), stop: func() { s.Close() }, witness: w, loses: true, hooked: true}, nil
}
