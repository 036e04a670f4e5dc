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
	for _, row := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"-url", "http://h"}, "-url http://h: want mqtt://"},
		{[]string{"-url", "mqtt://h", "-url", "127.0.0.1:1883"}, "-url: "},
		{[]string{"-url", "tcp://me:s3cret@h"}, "want mqtt://"},
		{[]string{"-n", "0"}, "-n 0: want at least one device"},
		{[]string{"-n", "-1"}, "for flag -n: it is negative"},
		{[]string{"-n", "many"}, "for flag -n: want a number"},
		{[]string{"-attempts", "0"}, "-attempts 0: no device could connect"},
		{[]string{"-rate", "-1"}, "-rate -1: want a number from 0 to 1000000"},
		{[]string{"-rate", "1e7"}, "-rate 1e+07: want"},
		{[]string{"-rate", "NaN"}, "-rate NaN: want"},
		{[]string{"-rate", "x"}, "for flag -rate: parse error"},
		{[]string{"-qos", "3"}, "-qos 3: want 0, 1 or 2"},
		{[]string{"-version", "3"}, "-version 3: want 4 or 5"},
		{[]string{"-d", "30"}, "for flag -d: want a time such as"},
		{[]string{"-drain", "-1s"}, "for flag -drain: it is negative"},
		{[]string{"-ready", "x"}, "for flag -ready: want a time"},
		{[]string{"-keepalive", "10ms"}, "-keepalive 10ms: want 1s to 65535s, or 0"},
		{[]string{"-keepalive", "65536s"}, "-keepalive 18h12m16s: want"},
		{[]string{"-backoff", "1"}, "for flag -backoff: want a time such as"},
		{[]string{"-expiry", "1h"}, "-expiry needs -version 5"},
		{[]string{"-topic", "a/#"}, `-topic "a/#" is not valid for publishing`},
		{[]string{"-topic", ""}, `-topic "" is not valid`},
		{[]string{"-topic", strings.Repeat("x", maxPrefix+1)}, "-topic has 1001 bytes: want at most 1000"},
		{[]string{"-size", "19"}, "-size 19: want 20 to 1048576"},
		{[]string{"-size", "1048577"}, "-size 1048577: want 20 to 1048576"},
		{[]string{"-seed", "x"}, "for flag -seed: parse error"},
		{[]string{"-ca", "ca.pem"}, "need a URL with TLS"},
		{[]string{"-cert", "cert.pem", "-url", "ws://h"}, "need a URL with TLS"},
		{[]string{"-key", "key.pem", "-url", "wss://h"}, "-cert and -key must be given together"},
		{[]string{"-insecure"}, "need a URL with TLS"},
		{[]string{"-password", "s3cret"}, "-url mqtt://127.0.0.1: mqtt: CONNECT: "},
		{[]string{"-user", "\xff", "-url", "mqtt://me:s3cret@h"}, "is not well-formed UTF-8"},
		{[]string{"-user"}, "flag needs an argument: -user"},
		{[]string{"-password", "s3cret", "more"}, `unexpected argument "more"`},
		{[]string{"-json=x"}, "for -json"},
		{[]string{"-v=x"}, "for -v"},
	} {
		r := looptest.Run(t, run, row.args...)
		if r.Status != 2 || !strings.Contains(r.Stderr, row.stderr) || strings.Count(r.Stderr, "\n") != 1 || r.Stdout != "" {
			t.Errorf("%q: status %d, stderr %q, stdout %q", row.args, r.Status, r.Stderr, r.Stdout)
		}
		if strings.Contains(r.Stderr, "s3cret") {
			t.Errorf("%q shows the password: %s", row.args, r.Stderr)
		}
	}
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
