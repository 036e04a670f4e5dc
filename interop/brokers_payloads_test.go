package interop

import (
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// TestPayloads sends packets to the broker and back. Their sizes lie around those at which
// the encoding of MQTT's remaining length, or of a frame's length, changes. The two around
// 2 MiB are sent with MQTT 5 only, one in each direction.
func TestPayloads(t *testing.T) {
	const topic = "payload"
	eachTarget(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		near, far := l.open("near", tg, clean()), l.open("far", tg.plain(), clean())
		near.sub("far/"+topic, 2)
		far.sub("near/"+topic, 2)
		for _, size := range []int{0, 1, 125, 126, 127, 128, 16383, 16384, 65535, 65536, 2097151, 2097152} {
			if size > 1<<20 && tg.version != 5 {
				continue
			}
			if size != 2097152 {
				data := filler(max(0, size-overhead(tg.version, "near/"+topic)))
				near.pub(mqtt.Options{Topic: "near/" + topic, Message: data, QoS: 1})
				check(t, far, string(data))
			}
			if size == 2097151 || size > 16384 && tg.slowWS && tg.overWS() {
				continue
			}
			data := filler(max(0, size-overhead(tg.version, "far/"+topic)))
			far.pub(mqtt.Options{Topic: "far/" + topic, Message: data, QoS: 2})
			check(t, near, string(data))
		}
		near.disconnect()
		far.disconnect()
	})
}

// overhead returns the number of bytes behind the fixed header of a QoS 1 or 2 PUBLISH
// without its payload.
func overhead(version uint8, topic string) int {
	n := 2 + len(topic) + 2
	if version == 5 {
		n++ // no properties
	}
	return n
}

// check receives one publication and compares its payload.
func check(t *testing.T, c *client, want string) {
	t.Helper()
	if got := c.receive(1)[0].data; got != want {
		t.Errorf("%s received %d bytes, %d bytes were sent; equal up to %d",
			c.name, len(got), len(want), common(got, want))
	}
}

// common returns the length of the common prefix.
func common(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// filler returns n bytes, at most 3 MiB, that take all values and have no short period.
// They must not be changed.
func filler(n int) []byte { return fillers()[:n:n] }

var fillers = sync.OnceValue(func() []byte {
	p := make([]byte, 3<<20)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
})

// TestManyLarge sends several large messages before it receives the first.
func TestManyLarge(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		if tg.slowWS && tg.overWS() {
			return
		}
		l := newLoop(t)
		c := l.open("client", tg, clean())
		c.sub("large", 2)
		data := strings.Repeat("large ", 30_000)
		for range 4 {
			c.pub(mqtt.Options{Topic: "large", Message: []byte(data), QoS: 0})
		}
		for _, p := range c.receive(4) {
			if p.data != data {
				t.Errorf("%d bytes, equal up to %d of %d", len(p.data), common(p.data, data), len(data))
			}
		}
		c.disconnect()
	})
}
