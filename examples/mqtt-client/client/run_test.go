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
	looptest.WantUsage(t, runWithoutStore, "mqtt-client", []string{"-id", "-user", "-message"}, []looptest.Refusal{
		looptest.Wrong("-url http://h: want mqtt://", "-url", "http://h"),
		looptest.Wrong("-url: ", "-url", "mqtt://h", "-url", "127.0.0.1:1883"),
		looptest.Wrong("want mqtt://", "-url", "tcp://me:s3cret@h"),
		looptest.Wrong("-url: ", "-url", "mqtt://me:s3cret@h:x"),
		looptest.Wrong(`-topic "a/#" is not valid for publishing`, "-topic", "a/#"),
		looptest.Wrong(`-topic "" is not valid`, "-topic", ""),
		looptest.Wrong("-qos 3: want 0, 1 or 2", "-qos", "3"),
		looptest.Wrong("-qos 257: want 0, 1 or 2", "-qos", "257"),
		looptest.Wrong("-version 3: want 4 or 5", "-version", "3"),
		looptest.Wrong("-version 261: want 4 or 5", "-version", "261"),
		looptest.Wrong("for flag -n: it is negative", "-n", "-1"),
		looptest.Wrong("for flag -timeout: want a time such as", "-timeout", "5"),
		looptest.Wrong("-timeout needs -n", "-timeout", "5s"),
		looptest.Wrong("-expiry need -id", "-expiry", "1h"),
		looptest.Wrong("client identifier is not well-formed", "-id", "a\xff"),
		looptest.Wrong("-url mqtt://127.0.0.1: mqtt: CONNECT: ", "-user", "\xff"),
		looptest.Wrong("need a URL with TLS", "-ca", "ca.pem"),
		looptest.Wrong("need a URL with TLS", "-url", "mqtt://h", "-insecure"),
		looptest.Wrong("flag provided but not defined: -store", "-store", "file"),
		looptest.Wrong("-ca: open no/such: no such file", "-url", "wss://h", "-ca", "no/such"),
		looptest.Wrong("-cert: open no/such: no such file", "-url", "wss://h", "-cert", "no/such", "-key", "x"),
		looptest.Wrong("-cert and -key must be given together", "-url", "wss://h", "-key", "x"),
		looptest.Wrong("-password needs -user in MQTT 3.1.1", "-password", "s3cret"),
	})
}

// -store is a flag of the program with a durable store only. It needs -id, and a file.
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
	if r := looptest.Run(t, run, "-store", "", "-id", "x"); r.Status != 2 || !strings.Contains(r.Stderr, "want a file") || opened != "" {
		t.Errorf("status %d, stderr %q, opened %q", r.Status, r.Stderr, opened)
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
