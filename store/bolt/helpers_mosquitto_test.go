package bolt_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// mosquitto is a broker of Debian that a test has started.
type mosquitto struct {
	program, config string
	url             string
	stop            func()   // ends it and waits
	log             []string // its lines, after stop
}

// startMosquitto starts a mosquitto that keeps sessions in memory, with queues without limit. It
// ends with the test. If mosquitto is not installed the test is skipped, or with
// RIKKI_REQUIRE_ALL fails.
func startMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	program := looptest.Installed(t, "mosquitto")
	b := &mosquitto{program: program, config: filepath.Join(t.TempDir(), "mosquitto.conf")}
	for range 5 { // another process may take a free port before mosquitto does
		addr, err := freeport.Addr()
		must(t, err)
		_, port, _ := net.SplitHostPort(addr)
		must(t, os.WriteFile(b.config, []byte(strings.Join([]string{
			"user root", // as root it would change to a user that cannot read this file
			"log_dest stderr",
			"log_type all",
			"log_timestamp false",
			"persistence false",
			"allow_anonymous true",
			"max_queued_messages 0",
			// Of a 3.1.1 client with more messages of QoS 2 in flight mosquitto drops messages, and
			// acknowledges them. The default is 20.
			"max_inflight_messages 1000",
			"listener " + port + " 127.0.0.1",
		}, "\n")+"\n"), 0o600))
		if b.url = "mqtt://" + addr; b.start(t) {
			return b
		}
	}
	t.Fatal("mosquitto does not start")
	return nil
}

// start starts the process and reports whether it listens.
func (b *mosquitto) start(t *testing.T) bool {
	t.Helper()
	cmd := exec.Command(b.program, "-c", b.config)
	stderr, err := cmd.StderrPipe()
	must(t, err, cmd.Start())
	done, running := make(chan struct{}), make(chan bool, 1)
	b.log = nil
	go func() {
		defer close(done)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			if b.log = append(b.log, s.Text()); strings.HasSuffix(s.Text(), " running") {
				running <- true
			}
		}
		cmd.Wait()
	}()
	b.stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			<-done
			t.Error("mosquitto did not end after SIGTERM")
		}
	}
	t.Cleanup(b.stop)
	select {
	case <-running:
		return true
	case <-done:
		return false
	}
}

var (
	sentRelease = regexp.MustCompile(`^Sending PUBREL to (\w+) \(m(\d+)\)`)
	completed   = regexp.MustCompile(`^Received PUBCOMP from (\w+) \(Mid: (\d+)`)
	sent        = regexp.MustCompile(`^Sending PUBLISH to (\w+) \(d\d, q2, r0, m(\d+),`)
	sentAgain   = regexp.MustCompile(`^Sending PUBLISH to (\w+) \(d1, q2, r0, m(\d+),`)
)

// violations returns how often the broker has sent a message of QoS 2 again although it had sent
// PUBREL, by packet identifier [MQTT-4.3.3-1 of 3.1.1, MQTT-4.3.3-6 of 5.0]. mosquitto does that if
// a connection ends while it repeats PUBREL. The receiver cannot know it: the identifier is free.
// Call it after stop.
func (b *mosquitto) violations(client string) map[string]int {
	released, list := map[string]bool{}, map[string]int{}
	for _, line := range b.log {
		if id := match(sentRelease, line, client); id != "" {
			released[id] = true
		} else if id := match(completed, line, client); id != "" {
			delete(released, id)
		} else if id := match(sentAgain, line, client); id != "" && released[id] {
			delete(released, id)
			list[id]++
		}
	}
	return list
}

// pending returns the packet identifiers of the messages of QoS 2 that the broker has sent and that
// are not completed. Call it after stop.
func (b *mosquitto) pending(client string) map[string]bool {
	list := map[string]bool{}
	for _, line := range b.log {
		if id := match(sent, line, client); id != "" {
			list[id] = true
		} else if id := match(completed, line, client); id != "" {
			delete(list, id)
		}
	}
	return list
}

// match returns the packet identifier in a line about a client, or "".
func match(re *regexp.Regexp, line, client string) string {
	if m := re.FindStringSubmatch(line); m != nil && m[1] == client {
		return m[2]
	}
	return ""
}

func TestMosquittoViolations(t *testing.T) {
	b := mosquitto{log: []string{
		"Sending PUBLISH to c (d0, q2, r0, m1, 't', ... (3 bytes))",
		"Sending PUBLISH to c (d1, q2, r0, m1, 't', ... (3 bytes))", // allowed
		"Sending PUBREL to c (m1)",
		"Sending PUBREL to other (m2)",
		"Sending PUBLISH to c (d1, q2, r0, m2, 't', ... (3 bytes))",
		"Sending PUBLISH to c (d1, q2, r0, m1, 't', ... (3 bytes))", // a violation
		"Sending PUBLISH to c (d1, q2, r0, m1, 't', ... (3 bytes))", // the same
		"Sending PUBREL to c (m3)",
		"Received PUBCOMP from c (Mid: 3, RC:146)",
		"Sending PUBLISH to c (d1, q2, r0, m3, 't', ... (3 bytes))",
	}}
	if got := fmt.Sprint(b.pending("c"), b.pending("other")); got != "map[1:true 2:true 3:true] map[]" {
		t.Errorf("pending %s", got)
	}
	if got := fmt.Sprint(b.violations("c")); got != "map[1:1]" {
		t.Errorf("violations %s", got)
	}
}
