package interop

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A client with a keep-alive of 4 s stays connected while it has nothing to send. The brokers
// close a connection after 6 s without packets.
func TestKeepAlive(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		l := newLoop(t)
		var all []*client
		for _, tg := range b.targets() { // all at the same time
			opts := clean()
			opts.KeepAlive = 4 * time.Second
			all = append(all, l.open(tg.String(), tg, opts))
		}
		for _, c := range all {
			l.until(c.name+"'s second PINGRESP", func() bool { return c.pongs >= 2 || c.checkOpen() })
			c.disconnect()
		}
	})
}

// Options that only name a user leave no session in the broker: it cannot be resumed under the
// identifier of the first connection, which mosquitto logs.
func TestUserAloneLeavesNoSession(t *testing.T) {
	t.Parallel()
	b := startMosquitto(t)
	for _, tg := range b.targets() {
		t.Run(tg.String(), func(t *testing.T) {
			l := newLoop(t)
			c := l.open("first", tg, mqtt.Options{User: user, Password: password})
			c.sub("a/#", 1)
			m := b.process.next(`as (rikki-\S+) \(p\d, c(\d)`)
			if m == nil || m[2] != "1" {
				t.Fatalf("mosquitto's log says %q, want a clean session", m)
			}
			c.vanish()
			c = l.open("second", tg, keepingAs(tg, m[1]))
			if c.present {
				t.Error("the session of the first connection is still there")
			}
			b.process.next(`as ` + m[1] + ` \(p\d, c0`)
			c.disconnect()
		})
	}
}

// keepingAs is keeping, with an identifier of its own.
func keepingAs(tg target, id string) mqtt.Options {
	opts := keeping(tg, "")
	opts.ClientID, opts.User, opts.Password = id, user, password
	return opts
}

// A client of a broker that is killed gets an error that says so. A broker that stops in order
// sends DISCONNECT to clients that speak 5.0, and a Close frame.
func TestEndOfBroker(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			b, l := startMosquitto(t), newLoop(t)
			var all []*client
			for _, tg := range b.targets() {
				all = append(all, l.open(tg.String(), tg, clean()))
			}
			b.process.cmd.Process.Signal(signal)
			b.process.wait()
			for _, c := range all {
				c.ended()
				var refused *mqtt.RefusedError
				switch {
				case errors.As(c.err, &refused):
				case c.err == nil, !errors.Is(c.err, io.ErrUnexpectedEOF) && !strings.Contains(c.err.Error(), "reset"):
					t.Errorf("%s: error %v, want the end of the stream", c.name, c.err)
				}
			}
		})
	}
}
