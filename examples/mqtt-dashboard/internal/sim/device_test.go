package sim

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

const (
	online  = `root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"online","led_status":true,"firmware_version":"1.0.0"}}`
	offline = `root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"offline"}}`
)

// Texts that would be another topic, or a filter, are refused.
func TestCheck(t *testing.T) {
	for text, good := range map[string]bool{"garage": true, "a b<c>": true, "ü": true, strings.Repeat("x", 100): true,
		"": false, "a/b": false, "+": false, "a#": false, "$SYS": false, "a\x00": false, "\xff": false, strings.Repeat("x", 101): false} {
		if err := Check(text); (err == nil) != good {
			t.Errorf("Check(%q): %v", text, err)
		}
	}
}

// The device measures. Its status is retained: who subscribes later gets it.
func TestAnnouncement(t *testing.T) {
	f := newFixture(t)
	looptest.Await(t, f.m, "values", func() bool { return f.values > 5 })
	f.client.Close()
	f.connect()
	f.await(`root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"online","led_status":false,"firmware_version":"1.0.0"}}`)
}

// A device that vanishes is offline, by its will; it connects again and is online.
func TestWill(t *testing.T) {
	f := newFixture(t)
	f.send(`{"method":"state.set","params":{"led_status":true}}`) // a notification: no response, but a status
	f.await(online)
	f.d.session.Conn().Close()
	f.await(offline)
	f.await(online)
}

// After a restart of the broker, which has forgotten everything, the device announces itself again.
func TestBrokerRestarts(t *testing.T) {
	f := newFixture(t)
	addr := strings.TrimPrefix(f.url, "mqtt://")
	f.b.Close()
	looptest.Await(t, f.m, "the end of the connection", func() bool { return !f.d.session.Connected() })
	f.startBroker(addr)
	f.connect()
	f.await(`root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"online","led_status":false,"firmware_version":"1.0.0"}}`)
	f.send(`{"id":1,"method":"state.set","params":{"led_status":true}}`)
	f.await(online)
}

// Stop says that the device goes.
func TestStop(t *testing.T) {
	f := newFixture(t)
	f.d.Stop()
	f.await(`root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"offline","led_status":false,"firmware_version":"1.0.0"}}`)
	looptest.Await(t, f.m, "the end", func() bool { return f.ended })
	if f.err != nil {
		t.Error(f.err)
	}
}

// Without a connection Stop does not wait.
func TestStopWithoutBroker(t *testing.T) {
	f := newFixture(t)
	f.b.Close()
	looptest.Await(t, f.m, "the end of the connection", func() bool { return !f.d.session.Connected() })
	f.d.Stop()
	looptest.Await(t, f.m, "the end", func() bool { return f.ended })
}
