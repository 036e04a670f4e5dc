package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The broker publishes the will of a client that closes without DISCONNECT, and drops the
// will of a client that sends DISCONNECT.
func TestWill(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		heir := l.open("heir", tg, clean())
		heir.sub("will/#", 2)
		for qos := range uint8(3) {
			opts := mqtt.Options{Clean: true, Topic: fmt.Sprintf("will/%d", qos), Message: []byte("goodbye"), QoS: qos}
			want := fmt.Sprintf("q%d will/%d=goodbye", qos, qos)
			if tg.version == 5 {
				opts.WillProps = []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("cause"), Value: []byte("unknown")}}
				want += " {User Property cause=unknown}"
				if tg.willProps {
					opts.WillProps = append(opts.WillProps, mqtt.Property{ID: mqtt.PropContentType, Value: []byte("text/plain")})
					want = fmt.Sprintf("q%d will/%d=goodbye {User Property cause=unknown, Content Type text/plain}", qos, qos)
				}
			}
			l.open("the vanishing", tg, opts).vanish()
			if got := showAll(heir.receive(1)); got != want {
				t.Errorf("received %s\nwant %s", got, want)
			}
		}
		opts := mqtt.Options{Clean: true, Topic: "will/none", Message: []byte("goodbye"), QoS: 1}
		l.open("the polite", tg, opts).disconnect()
		heir.pub(mqtt.Options{Topic: "will/end", QoS: 1})
		if got := showAll(heir.receive(1)); got != "q1 will/end=" {
			t.Errorf("after DISCONNECT: received %s", got)
		}
		if tg.version == 5 {
			c := l.open("the parting", tg, opts)
			c.send(func() error { return mqtt.DisconnectCode(c.conn, mqtt.ReasonDisconnectWithWill) })
			c.conn.Drain()
			if got := showAll(heir.receive(1)); got != "q1 will/none=goodbye" {
				t.Errorf("after DISCONNECT with will: received %s", got)
			}
			c.ended()
		}
		heir.disconnect()
	})
}

// New subscribers get a retained message, until an empty one removes it. A will may be
// retained.
func TestRetained(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		from := l.open("publisher", tg, clean())
		found := func(want string, n int) {
			t.Helper()
			to := l.open("subscriber", tg, clean())
			to.sub("kept/#", 2)
			from.pub(mqtt.Options{Topic: "kept/z", QoS: 1})
			got := to.receive(n + 1) // in any order: the broker does not wait with the last
			slices.SortFunc(got, func(a, b publication) int { return strings.Compare(a.topic, b.topic) })
			if got := showAll(got); got != want {
				t.Errorf("received %s\nwant %s", got, want)
			}
			to.disconnect()
		}
		for qos := range uint8(3) {
			keep := mqtt.Options{Topic: "kept/message", Message: []byte("x"), QoS: qos, Retain: true}
			from.answered(from.pub(keep), qos)
			from.ping()
			found(fmt.Sprintf("q%d kept/message=x retain; q1 kept/z=", qos), 1)
			keep.Message = nil
			from.answered(from.pub(keep), qos)
			from.ping()
			found("q1 kept/z=", 0)
		}
		heir := l.open("heir", tg.plain(), clean())
		heir.sub("kept/will", 0)
		heir.ping() // mochi looks for retained messages after its SUBACK; now it has
		l.open("the vanishing", tg, mqtt.Options{Clean: true, Topic: "kept/will", Message: []byte("goodbye"), QoS: 1, Retain: true}).vanish()
		if got := showAll(heir.receive(1)); got != "q0 kept/will=goodbye" {
			t.Errorf("the heir received %s", got)
		}
		found("q1 kept/will=goodbye retain; q1 kept/z=", 1)
		from.answered(from.pub(mqtt.Options{Topic: "kept/will", QoS: 1, Retain: true}), 1)
		from.disconnect()
		heir.disconnect()
	})
}
