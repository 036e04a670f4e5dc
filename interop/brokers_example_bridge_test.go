package interop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// startKeeping starts a mosquitto that has its sessions on disk, in dir.
func startKeeping(t *testing.T, addr, dir string) *process {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	config := filepath.Join(dir, "mosquitto.conf")
	text := strings.Join([]string{"user root", "log_dest stderr", "listener " + port + " " + host, "allow_anonymous true",
		"persistence true", "persistence_location " + dir + "/", "max_queued_messages 100000", ""}, "\n")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, looptest.Installed(t, "mosquitto"), "-c", config)
	if p.match("mosquitto version .* running$") == nil {
		t.Fatal("mosquitto does not start")
	}
	return p
}

// TestExampleBridge passes QoS 2 messages from one mosquitto to another, which is restarted
// meanwhile and has its sessions on disk. Each message arrives once. The subscriber connects at the
// end: mosquitto_sub does not keep the state of QoS 2 itself.
func TestExampleBridge(t *testing.T) {
	t.Parallel()
	client, program, subscriber := example(t, "mqtt-client"), example(t, "mqtt-bridge"), looptest.Installed(t, "mosquitto_sub")
	ports := freePorts(t, 2)
	source, destination, dir := ports[0], ports[1], t.TempDir()
	startKeeping(t, source, t.TempDir())
	second := startKeeping(t, destination, dir)
	_, port, _ := net.SplitHostPort(destination)
	subscribe := []string{"-h", "127.0.0.1", "-p", port, "-i", "subscriber", "-c", "-q", "2", "-t", "p/#"}
	if _, stderr, status := run(t, subscriber, append(subscribe, "-E")...); status != 0 {
		t.Fatalf("mosquitto_sub: %d, %s", status, stderr)
	}
	bridge := launch(t, program, "-id", "bridge", "-from", "mqtt://"+source, "-to", "mqtt://"+destination, "-prefix", "p/")
	bridge.next("SUBSCRIBED to # qos=2")
	many := launch(t, client, "-url", "mqtt://"+source, "-n", "10000", "-qos", "2", "-topic", "many", "-message", "x", "-timeout", "60s")
	many.next("CONNECTED to ")
	for range 2 {
		second.stop()
		bridge.next("DISCONNECTED from the destination: .* retry in=")
		second = startKeeping(t, destination, dir)
		bridge.next("CONNECTED to the destination .* session=resumed")
	}
	if many.next("CLOSED published=10000 acknowledged=10000") == nil {
		t.Fatal("the publisher has failed")
	}
	if stdout, stderr, status := run(t, client, "-url", "mqtt://"+source, "-n", "1", "-qos", "2", "-topic", "many", "-message", "end"); status != 0 {
		t.Fatalf("mqtt-client: %d, %s%s", status, stdout, stderr)
	}
	stdout, _, _ := run(t, subscriber, append(subscribe, "-C", "10001", "-W", "30")...)
	if want := strings.Repeat("x\n", 10000) + "end\n"; stdout != want {
		t.Errorf("%d lines arrived, want 10001 and the last one to be the end", strings.Count(stdout, "\n"))
	}
	bridge.signal(syscall.SIGINT)
	if bridge.next("CLOSED passed=10001 lost=0") == nil || bridge.wait() != nil {
		t.Error("the bridge has failed")
	}
}
