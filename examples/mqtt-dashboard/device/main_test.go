package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "device", nil, []looptest.Refusal{
		looptest.Wrong("-u: ", "-u", "http://127.0.0.1"),
		looptest.Wrong("-u: ", "-u", "mqtt://me:s3cret@h:x"),
		looptest.Wrong(`-i: "a/b" cannot be a level of a topic`, "-i", "a/b"),
		looptest.Wrong(`-t: "#" cannot be a level of a topic`, "-t", "#"),
		looptest.Wrong("-t: the text has 101 bytes, more than 100", "-t", strings.Repeat("x", 101)),
		looptest.Wrong("-every 9ms is less than 10ms", "-every", "9ms"),
		looptest.Wrong("need a URL with TLS", "-ca", "ca.pem"),
		looptest.Wrong("-ca: open no/such: no such file", "-u", "mqtts://h", "-ca", "no/such"),
		looptest.Wrong("-cert: open no/such: no such file", "-u", "wss://h", "-cert", "no/such", "-key", "x"),
		looptest.Wrong("-cert and -key must be given together", "-u", "wss://h", "-key", "x"),
	})
}

// The identifier stays the same, and does not tell that of the machine.
func TestMachineID(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	file := filepath.Join(t.TempDir(), "machine-id")
	looptest.Must(t, os.WriteFile(file, []byte(id+"\n"), 0o600))
	host := func(name string, err error) func() (string, error) {
		return func() (string, error) { return name, err }
	}
	got := machineID(file, host("h", nil))
	if !regexp.MustCompile(`^[0-9a-f]{14}$`).MatchString(got) || strings.Contains(id, got) || got != machineID(file, host("", nil)) {
		t.Errorf("the identifier is %q", got)
	}
	none := file + "-missing"
	if a, b, c := machineID(none, host("h", nil)), machineID(none, host("", errors.New("no name"))), machineID(none, host("a/b", nil)); a != "h" ||
		b != "MyDeviceID" || c != "MyDeviceID" {
		t.Errorf("without a file: %q, %q, %q", a, b, c)
	}
}

// The program connects, and ends at SIGTERM.
func TestDevice(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	m, err := reactor.New(reactor.WithLogger(quiet))
	looptest.Must(t, err)
	b := broker.New(m, quiet)
	l, err := b.Listen("ws://127.0.0.1:0/mqtt")
	looptest.Must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		m.Run(ctx)
		m.Close()
		close(done)
	}()
	t.Cleanup(func() { cancel(); <-done })
	p := looptest.Start(t, "-u", "ws://"+l.LocalAddr().String()+"/mqtt", "-i", "garage")
	p.Await(`device id=garage topic=mg_mqtt_dashboard/garage`)
	p.Await(`SUBSCRIBED to mg_mqtt_dashboard/garage/rx`)
	p.Signal(syscall.SIGTERM)
	p.WantEnd()
}

// Without a broker it tries again, and ends at SIGINT.
func TestNoBroker(t *testing.T) {
	p := looptest.Start(t, "-u", "ws://"+looptest.UsedAddr(t), "-i", "garage")
	p.Await(`device id=garage`)
	p.Signal(syscall.SIGINT)
	p.WantEnd()
}
