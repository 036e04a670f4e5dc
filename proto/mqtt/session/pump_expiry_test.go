package session_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// A message that has waited is sent with what is left of its Expiry, also if it comes from a store.
func TestExpiryCountsDown(t *testing.T) {
	for _, restart := range []bool{false, true} {
		m, k := newLoop(t)
		srv := newServer(t, m, "mqtt")
		srv.refuse = mqtt.ReasonServerUnavailable
		var left uint32
		srv.on = func(_ *peer, m *mqtt.Message) bool {
			var p mqtt.Property
			if m.Cmd == mqtt.CmdPublish && m.NextProp(&p, 0) > 0 && p.ID == mqtt.PropMessageExpiryInterval {
				left = p.Int
			}
			return false
		}
		store := newLogStore()
		o := session.Options{URLs: []string{srv.url}, Login: mqtt.Options{Version: 5, ClientID: "c"}, Expiry: time.Hour,
			Store: store, Backoff: session.Backoff{Min: 4 * time.Second}}
		cl := newClient(t, m, k, o)
		if _, err := cl.Publish(&session.Message{Topic: "t", QoS: 1, Expiry: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		cl.await("retry")
		if restart {
			cl.Close()
			cl.await("down final")
			cl = newClient(t, m, k, o)
			cl.await("retry")
		}
		srv.refuse = 0
		cl.wait(4 * time.Second)
		awaitLog(t, srv, "PUBLISH")
		if left != 6 {
			t.Errorf("restart %v: Message Expiry Interval is %d, want 6", restart, left)
		}
	}
}
