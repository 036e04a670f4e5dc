package client

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	for _, row := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"-url", "http://h"}, "-url http://h: want mqtt://"},
		{[]string{"-url", "mqtt://h", "-url", "127.0.0.1:1883"}, "-url: "},
		{[]string{"-url", "tcp://me:s3cret@h"}, "want mqtt://"},
		{[]string{"-url", "mqtt://me:s3cret@h:x"}, "-url: "},
		{[]string{"-topic", "a/#"}, `-topic "a/#" is not valid for publishing`},
		{[]string{"-topic", ""}, `-topic "" is not valid`},
		{[]string{"-qos", "3"}, "-qos 3: want 0, 1 or 2"},
		{[]string{"-qos", "257"}, "-qos 257: want 0, 1 or 2"},
		{[]string{"-version", "3"}, "-version 3: want 4 or 5"},
		{[]string{"-version", "261"}, "-version 261: want 4 or 5"},
		{[]string{"-n", "-1"}, "for flag -n: it is negative"},
		{[]string{"-timeout", "5"}, "for flag -timeout: want a time such as"},
		{[]string{"-timeout", "5s"}, "-timeout needs -n"},
		{[]string{"-expiry", "1h"}, "need -id"},
		{[]string{"-ca", "ca.pem"}, "need a URL with TLS"},
		{[]string{"-url", "mqtt://h", "-insecure"}, "need a URL with TLS"},
		{[]string{"-store", "file"}, "flag provided but not defined: -store"},
		{[]string{"-password", "s3cret"}, "-password needs -user in MQTT 3.1.1"},
		{[]string{"-password", "s3cret", "more"}, `unexpected argument "more"`},
	} {
		r := runProgram(t, row.args...)
		if r.Status != 2 || !strings.Contains(r.Stderr, row.stderr) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%q: status %d, stderr %q", row.args, r.Status, r.Stderr)
		}
		if strings.Contains(r.Stderr+r.Stdout, "s3cret") {
			t.Errorf("%q shows the password: %s%s", row.args, r.Stdout, r.Stderr)
		}
	}
}

// -store is a flag of the program with a durable store only. It needs -id.
func TestStoreFlag(t *testing.T) {
	opened := ""
	storage := &Storage{Open: func(file string) (session.Store, error) {
		opened = file
		return nil, fmt.Errorf("open %s: no such folder", file)
	}}
	run := func(args []string, stdout, stderr io.Writer) int { return Run(args, stdout, stderr, storage) }
	if r := looptest.Run(t, run, "-store", "f"); r.Status != 2 || !strings.Contains(r.Stderr, "-store and -expiry need -id") || opened != "" {
		t.Errorf("%+v, opened %q", r, opened)
	}
	if r := looptest.Run(t, run, "-store", "f", "-id", "x"); r.Status != 1 || r.Stderr != "mqtt-client: open f: no such folder\n" || opened != "f" {
		t.Errorf("%+v, opened %q", r, opened)
	}
}

// Only URLs with TLS get the configuration: others could not use it.
func TestUsesTLS(t *testing.T) {
	for url, want := range map[string]bool{
		"mqtts://h": true, "wss://h": true, "WSS://h": true, "mqtt://h": false, "ws://h": false, "": false,
	} {
		if usesTLS(url) != want {
			t.Errorf("usesTLS(%q) is %v", url, !want)
		}
	}
	if got := firstTLS([]string{"mqtt://a", "wss://b", "mqtts://c"}); got != "wss://b" {
		t.Errorf("first with TLS: %s", got)
	}
	if got := firstTLS([]string{"mqtt://a", "ws://b"}); got != "mqtt://a" {
		t.Errorf("first of those without TLS: %s", got)
	}
}
