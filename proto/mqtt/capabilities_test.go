package mqtt_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// limitText returns the error of a call, or "" if the packet is allowed.
func limitText(t *testing.T, err error) string {
	t.Helper()
	var limit *mqtt.PeerLimitError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &limit):
		t.Errorf("error %v is no PeerLimitError", err)
	}
	return err.Error()
}

// What each limit of the peer allows and refuses. The checks apply to 5.0 only.
func TestCheckPublish(t *testing.T) {
	alias := func(n uint32) []mqtt.Property { return []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: n}} }
	for _, tc := range []struct {
		name   string
		change func(*mqtt.Capabilities)
		packet mqtt.PublishPacket
		want   string
	}{
		{"defaults", nil, mqtt.PublishPacket{Topic: "t", QoS: 2, Retain: true}, ""},
		{"no aliases by default", nil, mqtt.PublishPacket{Topic: "t", Props: alias(1)}, "Topic Alias Maximum is 0, the packet needs 1"},
		{"Maximum QoS 1", func(c *mqtt.Capabilities) { c.MaximumQoS = 1 }, mqtt.PublishPacket{Topic: "t", QoS: 1}, ""},
		{"MQTT-3.2.2-11", func(c *mqtt.Capabilities) { c.MaximumQoS = 1 }, mqtt.PublishPacket{Topic: "t", QoS: 2}, "Maximum QoS is 1, the packet needs 2"},
		{"MQTT-3.2.2-11", func(c *mqtt.Capabilities) { c.MaximumQoS = 0 }, mqtt.PublishPacket{Topic: "t", QoS: 1}, "Maximum QoS is 0, the packet needs 1"},
		{"MQTT-3.2.2-14", func(c *mqtt.Capabilities) { c.RetainAvailable = false }, mqtt.PublishPacket{Topic: "t", Retain: true}, "Retain Available is 0, the packet needs 1"},
		{"not retained", func(c *mqtt.Capabilities) { c.RetainAvailable = false }, mqtt.PublishPacket{Topic: "t"}, ""},
		{"alias", func(c *mqtt.Capabilities) { c.TopicAliasMaximum = 7 }, mqtt.PublishPacket{Topic: "t", Props: alias(7)}, ""},
		{"MQTT-3.3.2-9", func(c *mqtt.Capabilities) { c.TopicAliasMaximum = 7 }, mqtt.PublishPacket{Topic: "t", Props: alias(8)}, "Topic Alias Maximum is 7, the packet needs 8"},
		{"size", func(c *mqtt.Capabilities) { c.MaximumPacketSize = 8 }, mqtt.PublishPacket{Topic: "t", Data: []byte("xx")}, ""},
		{"MQTT-3.2.2-15", func(c *mqtt.Capabilities) { c.MaximumPacketSize = 8 }, mqtt.PublishPacket{Topic: "t", Data: []byte("xxx")}, "Maximum Packet Size is 8, the packet needs 9"},
	} {
		caps := mqtt.NewCapabilities(5)
		if tc.change != nil {
			tc.change(&caps)
		}
		want := ""
		if tc.want != "" {
			want = "mqtt: the peer's " + tc.want
		}
		if got := limitText(t, caps.CheckPublish(5, &tc.packet)); got != want {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
		if err := caps.CheckPublish(4, &tc.packet); err != nil {
			t.Errorf("%s in 3.1.1: %v", tc.name, err)
		}
	}
}

func TestCheckFilter(t *testing.T) {
	none := mqtt.NewCapabilities(5)
	none.WildcardAvailable, none.SharedAvailable, none.SubIDsAvailable = false, false, false
	for _, tc := range []struct {
		filter string
		subID  bool
		want   string
	}{
		{"a/b", false, ""},
		{"a/b", true, "Subscription Identifiers Available"},
		{"a/+", false, "Wildcard Subscription Available"},
		{"#", false, "Wildcard Subscription Available"},
		{"$share/g/a", false, "Shared Subscription Available"},
		{"$shared/a", false, ""},
	} {
		want := ""
		if tc.want != "" {
			want = "mqtt: the peer's " + tc.want + " is 0, the packet needs 1"
		}
		f := mqtt.Filter{Topic: tc.filter}
		if got := limitText(t, none.CheckFilter(5, f, tc.subID)); got != want {
			t.Errorf("%s: %q, want %q", tc.filter, got, want)
		}
		all := mqtt.NewCapabilities(5)
		if err := all.CheckFilter(5, f, tc.subID); err != nil {
			t.Errorf("%s with the defaults: %v", tc.filter, err)
		}
		if err := none.CheckFilter(4, f, tc.subID); err != nil {
			t.Errorf("%s in 3.1.1: %v", tc.filter, err)
		}
	}
	noWild := mqtt.NewCapabilities(5)
	noWild.WildcardAvailable = false
	if err := noWild.CheckFilter(5, mqtt.Filter{Topic: "$share/g/+"}, false); err == nil {
		t.Error("a shared filter with a wildcard is allowed without wildcards")
	}
}

// The defaults of the standard.
func TestNewCapabilities(t *testing.T) {
	four, five := mqtt.NewCapabilities(4), mqtt.NewCapabilities(5)
	want := mqtt.Capabilities{ReceiveMaximum: 65535, MaximumPacketSize: 268435460, MaximumQoS: 2, RetainAvailable: true, WildcardAvailable: true}
	if four != want {
		t.Errorf("3.1.1: %+v", four)
	}
	want.SharedAvailable, want.SubIDsAvailable = true, true
	if five != want {
		t.Errorf("5.0: %+v", five)
	}
}

// A QoS that no peer allows is invalid, and no limit of the peer.
func TestInvalidQoSIsNoPeerLimit(t *testing.T) {
	x := connectedClient(t, "mqtt", 5, nil)
	if _, err := mqtt.Pub(x.c, pubOptions(3)); !errors.Is(err, mqtt.ErrMalformed) {
		t.Errorf("Pub at QoS 3: %v", err)
	}
}
