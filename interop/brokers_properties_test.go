package interop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// each5 runs a test against every target with MQTT 5.0.
func each5(t *testing.T, test func(t *testing.T, tg target)) {
	eachBroker(t, func(t *testing.T, b *broker) {
		for _, tg := range b.targets() {
			if tg.version == 5 {
				t.Run(tg.route.name, func(t *testing.T) { test(t, tg) })
			}
		}
	})
}

// The properties of a PUBLISH arrive unchanged, with the subscription identifier.
func TestProperties(t *testing.T) {
	each5(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		c := l.open("client", tg, clean())
		c.sub("props/#", 1, mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: 268435455})
		c.pub(mqtt.Options{Topic: "props/x", Message: []byte("x"), QoS: 1, Props: []mqtt.Property{
			{ID: mqtt.PropPayloadFormatIndicator, Int: 1},
			{ID: mqtt.PropMessageExpiryInterval, Int: 3600},
			{ID: mqtt.PropContentType, Value: []byte("text/plain")},
			{ID: mqtt.PropResponseTopic, Value: []byte("answers/here")},
			{ID: mqtt.PropCorrelationData, Value: []byte("\x00\x01\xff")},
			{ID: mqtt.PropUserProperty, Key: []byte("name"), Value: []byte("first")},
			{ID: mqtt.PropUserProperty, Key: []byte("name"), Value: []byte("second")},
		}})
		got := c.receive(1)[0].props
		users := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.HasPrefix(s, "User") })
		if want := []string{"User Property name=first", "User Property name=second"}; !slices.Equal(users, want) {
			t.Errorf("user properties %q, want %q in that order", users, want)
		}
		for i, s := range got { // some seconds may have passed
			if n := 0; s != "" {
				if _, err := fmt.Sscanf(s, "Message Expiry Interval %d", &n); err == nil && n <= 3600 && n > 0 {
					got[i] = "Message Expiry Interval 3600"
				}
			}
		}
		slices.Sort(got)
		want := []string{
			"Content Type text/plain",
			"Correlation Data \x00\x01\xff",
			"Message Expiry Interval 3600",
			"Payload Format Indicator 1",
			"Response Topic answers/here",
			"Subscription Identifier 268435455",
			"User Property name=first",
			"User Property name=second",
		}
		if !slices.Equal(got, want) {
			t.Errorf("properties\n%q\nwant\n%q", got, want)
		}
		c.disconnect()
	})
}

// TestTopicAlias sends a topic with an alias, and then only the alias. If the broker does not
// say that it accepts aliases, Pub returns an error [MQTT-3.2.2-17].
func TestTopicAlias(t *testing.T) {
	each5(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		from, to := l.open("publisher", tg, clean()), l.open("subscriber", tg, clean())
		to.sub("alias/+", 1)
		alias := func(topic string, n uint32) {
			from.pub(mqtt.Options{Topic: topic, QoS: 1, Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: n}}})
		}
		if tg.noAliases {
			_, err := mqtt.Pub(from.conn, &mqtt.Options{Version: 5, Topic: "alias/one", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}})
			if limit := (*mqtt.PeerLimitError)(nil); !errors.As(err, &limit) {
				t.Errorf("publication with an alias: %v", err)
			}
			from.disconnect()
			to.disconnect()
			return
		}
		alias("alias/one", 1)
		alias("alias/two", 2)
		alias("", 1)
		alias("", 2)
		alias("alias/three", 1)
		alias("", 1)
		want := "q1 alias/one=; q1 alias/two=; q1 alias/one=; q1 alias/two=; q1 alias/three=; q1 alias/three="
		if got := showAll(to.receive(6)); got != want {
			t.Errorf("received %s\nwant %s", got, want)
		}
		from.disconnect()
		to.disconnect()
	})
}
