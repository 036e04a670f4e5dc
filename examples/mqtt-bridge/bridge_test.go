package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
)

// The handler stays short: the functions of bridge.go have less than 40 lines of code.
func TestLines(t *testing.T) {
	f, err := os.Open("bridge.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, inside := 0, false
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		inside = inside || strings.HasPrefix(line, "func ")
		if inside && line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	t.Logf("%d lines", lines)
	if lines < 10 || lines >= 40 {
		t.Errorf("the handler has %d lines, want less than 40", lines)
	}
}

// Every message arrives once and in order, with its QoS and its retain flag, over each transport.
func TestPassesOn(t *testing.T) {
	const count = 50
	for _, from := range []string{"mqtt", "ws"} {
		for _, to := range []string{"mqtt", "ws"} {
			for qos := range uint8(3) {
				for _, version := range []uint{4, 5} {
					t.Run(fmt.Sprintf("%s to %s, QoS %d, version %d", from, to, qos, version), func(t *testing.T) {
						f := newFixture(t)
						f.b.prefix = "site-7/"
						f.start(f.broker(from), f.broker(to), flags{filter: "a/#", qos: 2, version: version})
						got := f.subscribe(f.to, "site-7/#", uint8(version))
						pub := f.session(f.from, uint8(version))
						f.until("the subscription", func() bool { return f.logged("SUBSCRIBED to a/#") })
						var want []string
						for i := range count {
							f.publish(pub, &session.Message{Topic: "a/b", Data: fmt.Append(nil, i), QoS: qos})
							f.publish(pub, &session.Message{Topic: "b", Data: fmt.Append(nil, i), QoS: qos})
							want = append(want, fmt.Sprintf("site-7/a/b %d QoS %d", i, qos))
						}
						f.until("the messages", func() bool { return len(*got) >= count && f.b.passed == count })
						if looptest.Settle(t, f.m); !slices.Equal(*got, want) || f.b.lost != 0 || f.b.held != 0 {
							t.Errorf("got %q\nwant %q\nlost %d, held %d bytes", *got, want, f.b.lost, f.b.held)
						}
					})
				}
			}
		}
	}
}

// The retain flag and the properties of the message arrive, those of a connection do not.
func TestKeepsProperties(t *testing.T) {
	f := newFixture(t)
	f.start(f.broker("mqtt"), f.broker("mqtt"), flags{filter: "#", qos: 1, version: 5})
	got := f.subscribe(f.to, "#", 5)
	pub := f.session(f.from, 5)
	f.until("the subscription", func() bool { return f.logged("SUBSCRIBED to #") })
	text := func(id mqtt.PropID, value string) mqtt.Property { return mqtt.Property{ID: id, Value: []byte(value)} }
	f.publish(pub, &session.Message{Topic: "t", Data: []byte("x"), QoS: 1, Retain: true, Expiry: time.Hour, Props: []mqtt.Property{
		{ID: mqtt.PropPayloadFormatIndicator, Int: 1}, text(mqtt.PropContentType, "text/plain"),
		text(mqtt.PropResponseTopic, "answers"), text(mqtt.PropCorrelationData, "17"),
		{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("1")},
		{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("2")},
	}})
	f.until("the message", func() bool { return len(*got) == 1 })
	want := "t x QoS 1 retain [Payload Format Indicator 1] [Content Type text/plain] [Response Topic answers] " +
		"[Correlation Data 17] [User Property k=1] [User Property k=2] [Message Expiry Interval 3600]"
	sorted := func(s string) []string { parts := strings.Split(s, " ["); slices.Sort(parts); return parts }
	if !slices.Equal(sorted((*got)[0]), sorted(want)) {
		t.Errorf("got  %s\nwant %s", (*got)[0], want)
	}
}

// The source gets no acknowledgement before the destination has sent its own.
func TestAcknowledgesLate(t *testing.T) {
	for qos, ack := range map[uint8]string{1: "PUBACK", 2: "PUBREC"} {
		t.Run(ack, func(t *testing.T) {
			f := newFixture(t)
			source, destination := f.peer(), f.peer()
			destination.silent = true // no CONNACK
			source.send = []mqtt.PublishPacket{{Topic: "t", Data: []byte("1"), QoS: qos}}
			f.start(source.url, destination.url, flags{filter: "t", qos: 2, version: 4})
			f.until("the message", func() bool { return f.b.held > 0 && destination.c != nil })
			if looptest.Settle(t, f.m); source.got(ack) > 0 {
				t.Errorf("%s before the destination has the message", ack)
			}
			destination.mute = true
			destination.accept()
			f.until("the message at the destination", func() bool { return destination.got("PUBLISH") == 1 })
			if looptest.Settle(t, f.m); source.got(ack) > 0 {
				t.Errorf("%s before that of the destination", ack)
			}
			destination.acknowledge()
			f.until(ack, func() bool { return source.got(ack) == 1 })
		})
	}
}

// What the destination refuses is logged and acknowledged, and the next messages go on.
func TestRefused(t *testing.T) {
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	source.send = []mqtt.PublishPacket{{Topic: "no", QoS: 1}, {Topic: "yes", QoS: 2}, {Topic: "large", Data: make([]byte, 500), QoS: 1}}
	destination.refuse = "no"
	destination.limits = []mqtt.Property{{ID: mqtt.PropMaximumPacketSize, Int: 100}}
	f.start(source.url, destination.url, flags{filter: "#", qos: 2, version: 5})
	f.until("the acknowledgements", func() bool { return source.got("PUBACK") == 2 && source.got("PUBCOMP")+source.got("PUBREC") > 0 })
	if f.b.lost != 2 || f.b.passed != 1 || !f.logged("LOST no") || !f.logged("LOST large") || !f.logged("Maximum Packet Size") {
		t.Errorf("lost %d, passed %d\n%s", f.b.lost, f.b.passed, f.log.String())
	}
}

// A QoS 2 message in flight is sent again, as a new one, if the destination has lost the session.
func TestDestinationLosesSession(t *testing.T) {
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	destination.mute = true
	source.send = []mqtt.PublishPacket{{Topic: "t", Data: []byte("1"), QoS: 2}}
	f.start(source.url, destination.url, flags{filter: "t", qos: 2, version: 5})
	f.until("the message", func() bool { return destination.got("PUBLISH") == 1 })
	destination.mute = false
	destination.c.Close()
	f.until("the message again", func() bool { return f.b.passed == 1 })
	f.until("PUBREC", func() bool { return source.got("PUBREC") == 1 })
	if n := destination.got("PUBLISH"); n != 2 || f.b.lost != 0 || f.b.held != 0 {
		t.Errorf("%d times, lost %d, held %d", n, f.b.lost, f.b.held)
	}
}

// While the destination is away, the bridge holds no more than -buffer, and the source waits.
func TestBounded(t *testing.T) {
	const size, count = 1000, 3000
	for qos := range uint8(3) {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			f := newFixture(t)
			source, destination := f.peer(), f.peer()
			destination.silent = true
			for i := range count {
				source.send = append(source.send, mqtt.PublishPacket{Topic: fmt.Sprintf("%04d", i), Data: make([]byte, size), QoS: qos})
			}
			f.b.limit = 100 * size
			f.start(source.url, destination.url, flags{filter: "#", qos: 2, version: 4})
			f.until("the limit", func() bool { return f.b.held > f.b.limit && destination.c != nil })
			if looptest.Settle(t, f.m); f.b.held > f.b.limit+size+4 {
				t.Errorf("holds %d bytes, want at most %d and one message", f.b.held, f.b.limit)
			}
			destination.accept()
			f.until("all messages", func() bool { return f.b.passed == count && destination.got("PUBLISH") >= count })
			if f.b.lost != 0 || f.b.held != 0 || destination.got("PUBLISH") > count {
				t.Errorf("lost %d, holds %d, got %d", f.b.lost, f.b.held, destination.got("PUBLISH"))
			}
		})
	}
}

// A source that reconnects while the destination is away does not make the bridge hold more.
func TestBoundedAfterReconnect(t *testing.T) {
	const size = 1000
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	destination.silent = true
	for range 10 {
		source.send = append(source.send, mqtt.PublishPacket{Topic: "t", Data: make([]byte, size), QoS: 1})
	}
	f.b.limit = 2 * size
	f.start(source.url, destination.url, flags{filter: "#", qos: 2, version: 4})
	f.until("the limit", func() bool { return f.b.held > f.b.limit && destination.c != nil })
	held := f.b.held
	for n := range 3 {
		f.b.from.Conn().Abort() // as a failed PINGREQ would
		f.until("the reconnect", func() bool { return source.got("SUBSCRIBE") == n+2 })
		if looptest.Settle(t, f.m); f.b.held != held {
			t.Fatalf("holds %d bytes after a reconnect, and held %d before", f.b.held, held)
		}
	}
	destination.accept()
	f.until("the source's acknowledgements", func() bool { return f.b.held == 0 && source.got("PUBACK") == 10 })
}

// A message of a subscription that an earlier run has made does not stop the others.
func TestEarlierSubscription(t *testing.T) {
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	// No client may send a Subscription Identifier [MQTT-3.3.4-6].
	source.send = []mqtt.PublishPacket{{Topic: "earlier", QoS: 1}, {Topic: "t", QoS: 1,
		Props: []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 1}}}}
	f.start(source.url, destination.url, flags{filter: "t", qos: 1, version: 5})
	f.until("both", func() bool { return source.got("PUBACK") == 2 && destination.got("PUBLISH") == 2 })
}
