package interop

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// logLine is a line of the example's log: time, level, file:line, text.
var logLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (\w+) +\w+\.go:\d+  (.*)$`)

// texts returns the texts of the lines of a log. It leaves out those with the sizes of
// messages, which depend on the broker.
func texts(t *testing.T, log string) (all []string) {
	t.Helper()
	got := regexp.MustCompile(`^GOT \d+ bytes WS msg$`)
	for line := range strings.Lines(log) {
		m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil || m[1] != "INFO" {
			t.Errorf("in the log: %q", line)
			continue
		}
		if !got.MatchString(m[2]) {
			text, _, _ := strings.Cut(m[2], " cipher=")
			all = append(all, text)
		}
	}
	return all
}

// TestExampleClient runs examples/mqtt-over-ws-client against the brokers.
func TestExampleClient(t *testing.T) {
	program := example(t, "mqtt-over-ws-client")
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, r := range b.routes {
			if !strings.HasPrefix(r.url, "ws") || r.byHand {
				continue
			}
			var trust []string
			if secure(r.url) {
				trust = []string{"-ca", identities().ca}
			}
			for _, args := range [][]string{nil, {"-user", user, "-password", password, "-topic", "a/ü", "-message", "héllo"}} {
				topic, message := "mg/test", "hello"
				if args != nil {
					topic, message = "a/ü", "héllo"
				}
				stdout, stderr, status := run(t, program, slices.Concat(args, trust, []string{"-url", r.url})...)
				want := []string{
					"Connected to WS. Logging in to MQTT...",
					"CONNECTED to " + r.url,
					"SUBSCRIBED to " + topic,
					"PUBLISHED " + message + " -> " + topic,
					"RECEIVED " + message + " <- " + topic,
				}
				if secure(r.url) {
					want = append([]string{"Secured with TLS 1.3"}, want...)
				}
				if got := texts(t, stdout); status != 0 || stderr != "" || !slices.Equal(got, want) {
					t.Errorf("%s: status %d, stderr %q, log\n%s", r.name, status, stderr, stdout)
				}
				if b.process != nil { // mosquitto's log tells DISCONNECT from another end
					if m := b.process.next(`Client rikki-\S+ .*(disconnected|closed|error|exceeded)`); m == nil || !strings.HasSuffix(m[0], "disconnected") {
						t.Errorf("%s: mosquitto's log says %q, want disconnected", r.name, m)
					}
				}
			}
		}
	})
}

// If the broker refuses the login, stderr has the name of the reason.
func TestExampleClientRefused(t *testing.T) {
	program := example(t, "mqtt-over-ws-client")
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, r := range b.refusals {
			stdout, stderr, status := run(t, program, "-url", b.routes[1].url, "-user", r.user, "-password", r.password)
			if want := r.names[4] + "\n"; status != 1 || !strings.HasSuffix(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: status %d, stderr %q, want %q at its end; log\n%s", r.user, status, stderr, want, stdout)
			}
		}
	})
}

// TestExamples runs the example client against the example broker. The log is the one in
// the tutorial.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := startExampleServer(t)
	url := s.urls["ws"]
	stdout, stderr, status := run(t, example(t, "mqtt-over-ws-client"), "-url", url)
	var got []string
	for line := range strings.Lines(stdout) {
		if m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			got = append(got, m[2])
		}
	}
	want := []string{
		"Connected to WS. Logging in to MQTT...",
		"GOT 4 bytes WS msg",
		"CONNECTED to " + url,
		"SUBSCRIBED to mg/test",
		"PUBLISHED hello -> mg/test",
		"GOT 5 bytes WS msg",
		"GOT 4 bytes WS msg",
		"GOT 18 bytes WS msg",
		"RECEIVED hello <- mg/test",
	}
	// The broker may acknowledge hello before it sends it, or after.
	got, want = slices.DeleteFunc(got, is(want[1])), slices.DeleteFunc(want, is(want[1]))
	if status != 0 || stderr != "" || !slices.Equal(got, want) {
		t.Errorf("status %d, stderr %q, log\n%s", status, stderr, stdout)
	}
}

func is(s string) func(string) bool { return func(o string) bool { return o == s } }
