package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Wrong usage has status 2 and one line that names the flag. It never shows a password.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "fleet", []string{"-user", "-password"}, []looptest.Refusal{
		looptest.Wrong("-url http://h: want mqtt://", "-url", "http://h"),
		looptest.Wrong("-url: ", "-url", "mqtt://h", "-url", "127.0.0.1:1883"),
		looptest.Wrong("want mqtt://", "-url", "tcp://me:s3cret@h"),
		looptest.Wrong("-n 0: want at least one device", "-n", "0"),
		looptest.Wrong("for flag -n: it is negative", "-n", "-1"),
		looptest.Wrong("for flag -n: want a number", "-n", "many"),
		looptest.Wrong("-attempts 0: no device could connect", "-attempts", "0"),
		looptest.Wrong("-rate -1: want a number from 0 to 1000000", "-rate", "-1"),
		looptest.Wrong("-rate 1e+07: want", "-rate", "1e7"),
		looptest.Wrong("-rate NaN: want", "-rate", "NaN"),
		looptest.Wrong("for flag -rate: parse error", "-rate", "x"),
		looptest.Wrong("-qos 3: want 0, 1 or 2", "-qos", "3"),
		looptest.Wrong("-version 3: want 4 or 5", "-version", "3"),
		looptest.Wrong("for flag -d: want a time such as", "-d", "30"),
		looptest.Wrong("for flag -drain: it is negative", "-drain", "-1s"),
		looptest.Wrong("for flag -ready: want a time", "-ready", "x"),
		looptest.Wrong("-keepalive 10ms: want 1s to 65535s, or 0", "-keepalive", "10ms"),
		looptest.Wrong("-keepalive 18h12m16s: want", "-keepalive", "65536s"),
		looptest.Wrong("for flag -backoff: want a time such as", "-backoff", "1"),
		looptest.Wrong("-expiry needs -version 5", "-expiry", "1h"),
		looptest.Wrong(`-topic "a/#" is not valid for publishing`, "-topic", "a/#"),
		looptest.Wrong(`-topic "" is not valid`, "-topic", ""),
		looptest.Wrong("-topic has 1001 bytes: want at most 1000", "-topic", strings.Repeat("x", maxPrefix+1)),
		looptest.Wrong("-size 19: want 20 to 1048576", "-size", "19"),
		looptest.Wrong("-size 1048577: want 20 to 1048576", "-size", "1048577"),
		looptest.Wrong("-ca: open no/such: no such file", "-url", "wss://h", "-ca", "no/such"),
		looptest.Wrong("-cert: open no/such: no such file", "-url", "wss://h", "-cert", "no/such", "-key", "x"),
		looptest.Wrong("-cert and -key must be given together", "-url", "wss://h", "-key", "x"),
		looptest.Wrong("for flag -seed: parse error", "-seed", "x"),
		looptest.Wrong("need a URL with TLS", "-ca", "ca.pem"),
		looptest.Wrong("need a URL with TLS", "-cert", "cert.pem", "-url", "ws://h"),
		looptest.Wrong("-cert and -key must be given together", "-key", "key.pem", "-url", "wss://h"),
		looptest.Wrong("need a URL with TLS", "-insecure"),
		looptest.Wrong("-url mqtt://127.0.0.1: mqtt: CONNECT: ", "-password", "s3cret"),
		looptest.Wrong("is not well-formed UTF-8", "-user", "\xff", "-url", "mqtt://me:s3cret@h"),
	})
}

// -help explains what -rate means. Its status is 0.
func TestHelp(t *testing.T) {
	looptest.WantExit(t, []string{"-help"}, 0, "messages per second of all devices together")
}

// A number of devices that needs more descriptors than the process may have is wrong usage.
func TestDescriptors(t *testing.T) {
	for _, row := range []struct {
		devices int
		limit   uint64
		ok      bool
	}{
		{100, 132, true}, {100, 131, false}, {math.MaxInt32, math.MaxUint64, true},
	} {
		o := options{devices: row.devices, descriptors: row.limit}
		err := o.checkDescriptors()
		if row.ok {
			looptest.Must(t, err)
		} else {
			looptest.WantErr(t, err, nil, "-n 100 needs 132 file descriptors, but the limit is 131: raise it")
		}
	}
}

// Without -backoff at most 1,000 devices try to reconnect in the same second.
func TestDefaultBackoff(t *testing.T) {
	for _, row := range []struct {
		devices     int
		given, want time.Duration
	}{{1, 0, time.Second}, {1000, 0, time.Second}, {10000, 0, 10 * time.Second}, {10000, time.Millisecond, time.Millisecond}} {
		o := options{devices: row.devices, backoff: row.given, attempts: 1, version: 4, topic: "t", size: stampSize, descriptors: math.MaxUint64}
		if looptest.Must(t, o.check()); o.backoff != row.want {
			t.Errorf("%+v: %v", row, o.backoff)
		}
	}
}

// The least and the greatest values of the flags are accepted.
func TestLimitsOfFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-n", "1", "-attempts", "1", "-rate", "0", "-size", "20", "-keepalive", "0"},
		{"-n", "1", "-rate", "1000000", "-size", "1048576", "-keepalive", "65535s", "-topic", strings.Repeat("x", maxPrefix)},
	} {
		r := looptest.Run(t, run, append(args, "-url", "mqtt://127.0.0.1:1", "-ready", "1ms", "-d", "1ms", "-drain", "1ms")...)
		r.WantFailure(t, "1 of 1 devices have not subscribed")
	}
}
