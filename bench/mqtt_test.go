//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// TestMQTTTables measures all rows of -mqtt with small numbers, if mosquitto is installed.
func TestMQTTTables(t *testing.T) {
	b := bench{m: testMachine(t), mqttRounds: 1, warm: 20 * time.Millisecond, span: 150 * time.Millisecond}
	var out strings.Builder
	if err := b.all(&out, true, []part{b.mqtt}); err != nil {
		t.Fatal(err)
	}
	want := []string{"not a result"}
	if findMosquitto() == "" {
		want = append(want, "mosquitto is not installed")
	} else {
		want = append(want, "\n1 in flight ", "\n64 in flight ", "rikki-session/paho")
		for _, scheme := range []string{"tcp", "ws"} {
			for qos := range uint8(2) {
				for _, window := range []int{1, 64} {
					want = append(want, "\n"+mqttLoad{scheme: scheme, qos: qos, window: window}.String()+" ")
				}
			}
		}
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("output lacks %q:\n%s", w, out.String())
		}
	}
}

// A child process gets its load as arguments.
func TestMQTTLoadArgs(t *testing.T) {
	l := mqttLoad{"ws", 1, 64, true, time.Second, 2 * time.Millisecond}
	if got, err := parseLoad(l.args()); err != nil || got != l {
		t.Errorf("got %+v, %v, want %+v", got, err, l)
	}
	for i := range l.args() {
		if i == 0 {
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
	r, err := parseResult("1000 0.5 20000000")
	if err != nil || r.perSecond() != 2000 || r.microseconds() != 20 {
		t.Errorf("got %+v, %v: %v per second, %v µs", r, err, r.perSecond(), r.microseconds())
	}
	for _, line := range []string{"", "x", "1 x", "1 1", "0 1 1"} {
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
