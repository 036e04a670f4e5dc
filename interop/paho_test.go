package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang"
)

// eachPaho runs a test with two clients of paho on our server, for several pairs of
// transports. from is the URL for the client that publishes, to for the one that
// subscribes.
func eachPaho(t *testing.T, test func(t *testing.T, from, to string)) {
	t.Parallel()
	s := startExampleServer(t)
	for _, way := range [][2]string{{"mqtt", "mqtt"}, {"mqtt", "ws"}, {"ws", "mqtt"}, {"ws", "ws"}, {"mqtts", "wss"}, {"wss", "mqtts"}} {
		t.Run(way[0]+" to "+way[1], func(t *testing.T) { test(t, s.urls[way[0]], s.urls[way[1]]) })
	}
}

func TestPahoQoS(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		from, to := paho(t, fromURL), paho(t, toURL)
		for pq := range byte(3) {
			for sq := range byte(3) {
				topic := fmt.Sprintf("qos/%d/%d", pq, sq)
				to.sub(topic, sq)
				from.pub(topic, pq, false, "x")
				to.expect(fmt.Sprintf("q%d %s=x", min(pq, sq), topic))
			}
		}
	})
}

func TestPahoSubscriptions(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		from, to := paho(t, fromURL), paho(t, toURL)
		publish := func(topics ...string) {
			for _, topic := range topics {
				from.pub(topic, 1, false, "x")
			}
		}
		to.sub("a/+/c", 1)
		to.sub("b/#", 0)
		to.sub("end", 0)
		publish("a/b/c", "a/b", "a/x/c", "a/b/c/d", "b", "b/c/d", "c", "end")
		to.expect("q1 a/b/c=x; q1 a/x/c=x; q0 b=x; q0 b/c/d=x; q0 end=x")
		to.do("unsubscribe", to.Unsubscribe("b/#", "no such filter"))
		publish("b", "b/c", "a/b/c", "end")
		to.expect("q1 a/b/c=x; q0 end=x")
	})
}

func TestPahoRetained(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		from := paho(t, fromURL)
		for qos := range byte(3) {
			from.pub("kept/message", qos, true, "x")
			from.pub("sync", 1, false, "") // because a QoS 0 message is not acknowledged
			to := paho(t, toURL)
			to.sub("kept/#", 2)
			to.expect(fmt.Sprintf("q%d kept/message=x retain", qos))
			from.pub("kept/message", 1, false, "y")
			to.expect("q1 kept/message=y")
			from.pub("kept/message", qos, true, "")
			to.expect(fmt.Sprintf("q%d kept/message=", qos))

			late := paho(t, toURL)
			late.sub("kept/#", 2)
			from.pub("kept/end", 1, false, "")
			late.expect("q1 kept/end=")
			to.expect("q1 kept/end=")
		}
	})
}

func TestPahoWill(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		heir := paho(t, toURL)
		heir.sub("will/#", 2)
		for qos := range byte(3) {
			will := func(o *mqtt.ClientOptions) { o.SetWill("will/x", "goodbye", qos, false) }
			paho(t, fromURL, will).vanish()
			heir.expect(fmt.Sprintf("q%d will/x=goodbye", qos))
			paho(t, fromURL, will).Disconnect(1000)
			heir.pub("will/end", 0, false, "")
			heir.expect("q0 will/end=")
		}
	})
}

func TestPahoPayloads(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		from, to := paho(t, fromURL), paho(t, toURL)
		to.sub("payload", 2)
		for _, size := range []int{0, 1, 113, 114, 115, 116, 117, 118, 16370, 16380, 65520, 65530, 2097152} {
			data := string(filler(size))
			from.pub("payload", byte(size%3), false, data)
			if got := to.receive(1)[0].data; got != data {
				t.Errorf("received %d bytes of %d; equal up to %d", len(got), size, common(got, data))
			}
		}
	})
}

func TestPahoManyInFlight(t *testing.T) {
	const many = 150 // more than the broker has in flight at once
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		for qos := range byte(3) {
			from, to := paho(t, fromURL), paho(t, toURL)
			to.sub("many", qos)
			var tokens []mqtt.Token
			for i := range many {
				tokens = append(tokens, from.Publish("many", qos, false, fmt.Sprint(i)))
			}
			for i, p := range to.receive(many) {
				if p.data != fmt.Sprint(i) || p.qos != qos {
					t.Fatalf("QoS %d: publication %d is %s", qos, i, p)
				}
			}
			for _, token := range tokens {
				from.do("publish", token)
			}
		}
	})
}

// TestPahoTakeover: a second client with the same identifier ends the first.
func TestPahoTakeover(t *testing.T) {
	eachPaho(t, func(t *testing.T, fromURL, toURL string) {
		named := func(o *mqtt.ClientOptions) { o.SetClientID("the only").SetUsername("any").SetPassword("thing") }
		first, second := paho(t, fromURL, named), paho(t, toURL, named)
		if err := <-first.lost; err == nil || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("the first lost its connection with %v", err)
		}
		second.sub("x", 1)
		second.pub("x", 1, false, "still here")
		second.expect("q1 x=still here")
	})
}
