//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Each client does each kind of work with each quality of service.
func TestMQTTClients(t *testing.T) {
	t.Parallel()
	testMQTTClients(t, mqttClients, nil)
}

// libmosquitto does the same work over tcp.
func TestMQTTLibmosquitto(t *testing.T) {
	t.Parallel()
	peer, err := buildLibmosquitto()
	if err != nil {
		looptest.Missing(t, "%v", err)
	}
	defer peer.remove()
	testMQTTClients(t, []*subject{peer.subject()}, peer)
}

// testMQTTClients lets clients work with a mosquitto. mqttSample verifies the messages.
func testMQTTClients(t *testing.T, clients []*subject, lib *libmosquitto) {
	t.Helper()
	program := findMosquitto()
	if program == "" {
		looptest.Missing(t, "mosquitto is not installed")
	}
	b := testBench(t)
	broker, err := b.startBroker(program)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.stop()
	if lib != nil {
		broker.libmosquitto = lib.program
	}
	for _, l := range mqttLoads(5*time.Millisecond, 20*time.Millisecond) {
		if l.window == 1 || l.scheme == "ws" && (lib != nil || l.kind != mqttOwn || l.qos > 0) {
			continue
		}
		for _, c := range clients {
			if r, err := b.mqttSample(c, broker, l); err != nil || r.messages == 0 {
				t.Errorf("%s, %v: %+v, %v", c.name, l, r, err)
			}
		}
	}
}

// A child process gets its load as arguments.
func TestMQTTLoadArgs(t *testing.T) {
	l := mqttLoad{mqttOwn, "ws", 1, 64, time.Second, 2 * time.Millisecond}
	if got, err := parseLoad(l.args()); err != nil || got != l {
		t.Errorf("got %+v, %v, want %+v", got, err, l)
	}
	for i := range l.args() {
		if i == 1 {
			continue // any word is a scheme
		}
		args := l.args()
		args[i] = "x"
		if _, err := parseLoad(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if _, err := parseLoad(l.args()[1:]); err == nil {
		t.Error("too few arguments: no error")
	}
}

func TestMQTTResult(t *testing.T) {
	r, err := parseResult("1000 0.5 15000000 5000000 1100")
	if err != nil || r.perSecond() != 2000 || r.published != 1100 || r.microseconds() != 20 || r.systemShare() != 0.25 {
		t.Errorf("got %+v, %v: %v per second, %v µs", r, err, r.perSecond(), r.microseconds())
	}
	for _, line := range []string{"", "x", "1 x", "1 1 1", "0 1 1 1 1"} {
		if _, err := parseResult(line); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

// Without gcc the output says what is missing.
func TestBuildLibmosquittoWithoutCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if p, err := buildLibmosquitto(); err == nil || !strings.Contains(err.Error(), "there is no gcc") {
		t.Errorf("got %v, %v", p, err)
	}
}
