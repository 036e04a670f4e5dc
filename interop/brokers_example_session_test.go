package interop

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// TestExampleSession runs examples/mqtt-client against the brokers: over each transport, in both
// versions, with each QoS.
func TestExampleSession(t *testing.T) {
	program := example(t, "mqtt-client")
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, r := range b.routes {
			if r.byHand {
				continue
			}
			var trust []string
			if secure(r.url) {
				trust = []string{"-ca", identities().ca}
			}
			for qos := range 3 {
				for _, version := range []string{"4", "5"} {
					args := slices.Concat(trust, []string{"-url", r.url, "-user", user, "-password", password, "-n", "300",
						"-qos", fmt.Sprint(qos), "-version", version, "-id", "example", "-expiry", "1h", "-timeout", "30s"})
					stdout, stderr, status := run(t, program, args...)
					if status != 0 || stderr != "" || !strings.Contains(stdout, "published=300 ") || !strings.Contains(stdout, "=300\n") ||
						strings.Contains(stdout, password) {
						t.Errorf("%q: status %d, stderr %q, log\n%s", args, status, stderr, stdout)
					}
				}
			}
		}
	})
}

// If the broker refuses the login, stderr has the name of the reason, also if the program has tried
// again because the reason may heal.
func TestExampleSessionRefused(t *testing.T) {
	program := example(t, "mqtt-client")
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, r := range b.refusals {
			stdout, stderr, status := run(t, program, "-url", b.routes[0].url, "-user", r.user, "-password", r.password,
				"-n", "1", "-timeout", "2s")
			if want := r.names[4] + "\n"; status != 1 || !strings.HasSuffix(stderr, want) || strings.Contains(stdout+stderr, r.password+"@") {
				t.Errorf("%s: status %d, stderr %q, want %q; log\n%s", r.user, status, stderr, want, stdout)
			}
		}
	})
}

// TestExampleSessionRestart restarts mosquitto while the tutorial runs, and while messages are in
// flight. mosquitto loses all sessions.
func TestExampleSessionRestart(t *testing.T) {
	t.Parallel()
	program, client := looptest.Installed(t, "mosquitto"), example(t, "mqtt-client")
	ports := freePorts(t, 4)
	tcp, config := ports[0], mosquittoConfig(t, ports[0], ports[1], ports[2], ports[3])
	start := func() *process {
		p := launch(t, program, "-c", config)
		if p.match("mosquitto version .* running$") == nil {
			t.Fatal("mosquitto does not start")
		}
		return p
	}
	first := start()
	tutorial := launch(t, client, "-url", "mqtt://"+tcp, "-id", "tutorial", "-expiry", "1h")
	many := launch(t, client, "-url", "mqtt://"+tcp, "-id", "many", "-expiry", "1h", "-n", "30000", "-topic", "many", "-timeout", "60s")
	tutorial.next("RECEIVED hello <- mg/test")
	many.next("CONNECTED to .* session=new")
	first.stop()
	tutorial.next("DISCONNECTED: .* retry in=")
	many.next("DISCONNECTED: .* retry in=")
	start()
	tutorial.next("CONNECTED to .* session=new")
	tutorial.next("RECEIVED hello <- mg/test")
	tutorial.signal(syscall.SIGINT)
	if err := tutorial.wait(); err != nil {
		t.Errorf("the tutorial: %v", err)
	}
	if many.next("CLOSED published=30000 acknowledged=30000") == nil || many.wait() != nil {
		t.Error("not all messages were acknowledged")
	}
}
