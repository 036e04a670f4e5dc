package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// In TestReceiveMaximum a client acknowledges late. The broker's packet identifiers begin
// with 1.
func TestReceiveMaximum(t *testing.T) {
	run(t, []script{{"QoS 1 and 2 together [MQTT-3.3.4-9]", 5, func(v uint8) []step {
		return []step{
			{"mute", connect(v, "a", withProps(mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 2})), "mute: CONNACK 0x0"},
			{"mute", subscribe(v, 1, filter("#", 2)), "mute: SUBACK 1 02"},
			{"b", connect(v, "b"), "b: CONNACK 0x0"},
			{"b", publish(v, 1, "t", "1"), "b: PUBACK; mute: PUBLISH q1 t=1"},
			{"b", publish(v, 2, "t", "2"), "b: PUBREC, PUBCOMP; mute: PUBLISH q2 t=2"},
			{"b", publish(v, 1, "t", "3"), "b: PUBACK"},
			{"b", publish(v, 2, "t", "4"), "b: PUBREC, PUBCOMP"},
			{"b", publish(v, 0, "t", "5"), "mute: PUBLISH q0 t=5"}, // QoS 0 does not count
			{"mute", ack(v, mqtt.CmdPubrec, 2, 0), "mute: PUBREL"},
			{"mute", ack(v, mqtt.CmdPubcomp, 2, 0), "mute: PUBLISH q1 t=3"},
			{"mute", ack(v, mqtt.CmdPuback, 1, 0), "mute: PUBLISH q2 t=4"},
			{"b", publish(v, 1, "t", "6"), "b: PUBACK"},
			{"mute", ack(v, mqtt.CmdPubrec, 4, mqtt.ReasonUnspecified), "mute: PUBLISH q1 t=6"}, // a refusal ends the handshake
		}
	}}})
}

func TestMaxInflight(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"mute", connect(4, "a"), "mute: CONNACK 0x0"},
		{"mute", subscribe(4, 1, filter("#", 1)), "mute: SUBACK 1 01"},
		{"b", connect(4, "b"), "b: CONNACK 0x0"},
	})
	h.peers["b"].send(bytes.Repeat(publish(4, 1, "t", "x"), MaxInflight+1))
	h.settle()
	if got := strings.Count(h.take(), "PUBLISH"); got != MaxInflight {
		t.Errorf("%d messages without acknowledgement, want %d", got, MaxInflight)
	}
	h.peers["mute"].send(ack(4, mqtt.CmdPuback, 50, 0))
	h.expect("mute: PUBLISH q1 t=x")
}

// In TestClientLimit a client reads and never acknowledges.
func TestClientLimit(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"mute", connect(5, "a"), "mute: CONNACK 0x0"},
		{"mute", subscribe(5, 1, filter("#", 1)), "mute: SUBACK 1 01"},
		{"b", connect(4, "b"), "b: CONNACK 0x0"},
	})
	packet := publish(4, 1, "t", strings.Repeat("x", 64<<10))
	const most = ClientLimit >> 16 // with all that is counted besides the content, one less
	for range most {
		h.peers["b"].send(packet)
		h.settle()
	}
	got := h.peers["mute"].got
	if n := len(got); n != most+1 || strings.Join(got[n-2:], ", ") != "DISCONNECT 0x97, closed" {
		t.Errorf("got %d packets, the last two %.100q", n, got[max(n-2, 0):])
	}
	h.logged(errTooSlow)
}

// In TestSlowConsumer a client does not read while many QoS 0 messages are sent to it. Most
// are dropped. When it reads again it gets the others.
func TestSlowConsumer(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := newFixture(t)
			play(h, transport, []step{
				{"a", connect(4, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(4, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"b", connect(4, "b"), "b: CONNACK 0x0"},
			})
			a, b, s := h.peers["a"], h.peers["b"], h.b.sessions["a"]
			a.conn.Pause()
			packet := publish(4, 0, "t", strings.Repeat("x", 64<<10))
			const n = 400
			for range n {
				want := b.pongs + 1
				b.send(packet)
				b.send([]byte{byte(mqtt.CmdPingreq) << 4, 0})
				h.until("the publisher's PINGRESP", func() bool { return b.pongs >= want })
				if unsent := s.client.conn.Send.Len(); unsent > SendLimit+len(packet)+14 {
					t.Fatalf("%d bytes unsent", unsent)
				}
			}
			a.conn.Resume()
			h.settle()
			if got := len(a.got); got < SendLimit/len(packet) || got >= n || a.closed {
				t.Errorf("%d of %d messages came, closed: %v", got, n, a.closed)
			}
			h.take()
			b.send(publish(4, 0, "t", "again"))
			h.expect("a: PUBLISH q0 t=again")
		})
	}
}

// In TestStuckConsumer a client does not read messages that must not be dropped. Messages fill its
// queue, and it is disconnected. Retained messages wait until it reads.
func TestStuckConsumer(t *testing.T) {
	big := strings.Repeat("x", 3<<20)
	for name, more := range map[string]func(h *fixture, i int){
		"QoS 1":    func(h *fixture, _ int) { h.peers["b"].send(publish(4, 1, "u", big)) },
		"retained": func(h *fixture, _ int) { h.peers["a"].send(subscribe(4, 2, filter("t", 0))) },
		"many retained at once": func(h *fixture, i int) {
			many := make([]mqtt.Filter, 100)
			for j := range many {
				many[j] = filter(strings.Repeat("+/", (i+j)%90)+"#", 0) // one of them matches
			}
			h.peers["a"].send(subscribe(4, 2, many...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFixture(t)
			play(h, "tcp", []step{
				{"b", connect(4, "b"), "b: CONNACK 0x0"},
				{"b", publish(4, 1, "t", big, retain), "b: PUBACK"},
				{"a", connect(4, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(4, 1, filter("u", 1)), "a: SUBACK 1 01"},
			})
			a, s := h.peers["a"], h.b.sessions["a"]
			c := s.client
			a.conn.Pause()
			for i := range 12 { // more than the limit and the sockets' buffers
				b := h.peers["b"]
				more(h, i)
				h.until("a's packet", func() bool { return a.conn.Send.Len() == 0 })
				for range 3 {
					want := b.pongs + 1
					b.send([]byte{byte(mqtt.CmdPingreq) << 4, 0})
					h.until("b's PINGRESP", func() bool { return b.pongs >= want })
				}
				if unsent := c.conn.Send.Len(); unsent > 2*SendLimit+MaxPacket {
					t.Fatalf("%d bytes unsent", unsent)
				}
			}
			stays := name != "QoS 1"
			if got := h.b.sessions["a"] != nil; got != stays {
				t.Fatalf("the client is still there: %v", got)
			}
			a.conn.Resume()
			if stays {
				h.until("the last retained message", func() bool { return s.fetches == nil })
				h.settle()
				if n := strings.Count(h.take(), "PUBLISH q0 retain t="); n < 2 {
					t.Errorf("%d retained messages, want 2 or more", n)
				}
				return
			}
			h.logged(errTooSlow)
			h.until("the end of a", func() bool { return a.closed })
		})
	}
}

// In TestUnreadAnswers a client sends requests and reads no answers. The test appends the
// unread answers to Send itself: a client would have to send millions of PINGREQs.
func TestUnreadAnswers(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{{"a", connect(4, "a"), "a: CONNACK 0x0"}})
	a, s := h.peers["a"], h.b.sessions["a"]
	a.conn.Pause()
	pong := []byte{byte(mqtt.CmdPingresp) << 4, 0}
	s.client.conn.Send.Append(bytes.Repeat(pong, 2*h.b.limits.closeAbove())) // the socket takes some
	a.send([]byte{byte(mqtt.CmdPingreq) << 4, 0})
	h.until("the end of the session", func() bool { return len(h.b.clients) == 0 })
	h.logged(errTooSlow)
}

// In TestNeverCloses a client sends DISCONNECT, and then neither reads nor closes.
func TestNeverCloses(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Send: 32 << 20})
	play(h, "tcp", []step{
		{"a", connect(4, "a"), "a: CONNACK 0x0"},
		{"a", publish(4, 0, "t", strings.Repeat("x", 3<<20), retain), ""},
	})
	a, s := h.peers["a"], h.b.sessions["a"]
	c := s.client
	a.conn.Pause()
	for _, f := range []string{"t", "+", "#", "t/#", "+/#"} {
		a.send(subscribe(4, 1, filter(f, 0)))
	}
	h.until("the subscriptions", func() bool { return len(s.subs) == 5 && s.fetches == nil })
	a.send(disconnect(4, 0))
	h.until("the DISCONNECT", func() bool { return c.phase == disconnecting })
	h.wait(ConnectWait - time.Millisecond)
	if c.conn.Send.Len() == 0 || len(h.b.clients) != 1 {
		t.Fatalf("%d bytes unsent on %d connections", c.conn.Send.Len(), len(h.b.clients))
	}
	h.wait(time.Second + time.Millisecond)
	if len(h.b.clients) != 0 {
		t.Error("the session is still there")
	}
}

func TestMaxFilters(t *testing.T) {
	for v, refused := range map[uint8]byte{4: 0x80, 5: 0x97} {
		t.Run(fmt.Sprint("v", v), func(t *testing.T) {
			h := newFixture(t)
			play(h, "tcp", []step{{"a", connect(v, "a"), "a: CONNACK 0x0"}})
			many := make([]mqtt.Filter, MaxFilters+1)
			for i := range many {
				many[i] = filter(fmt.Sprint("t/", i), 1)
			}
			many = append(many, filter("t/0", 2)) // replaces one: does not count
			a := h.peers["a"]
			a.send(subscribe(v, 1, many...))
			h.settle()
			want := append(bytes.Repeat([]byte{1}, MaxFilters), refused, 2)
			if got := strings.Join(a.got, "; "); got != fmt.Sprintf("SUBACK 1 %x", want) {
				t.Errorf("got %s", got)
			}
			a.got = nil
			a.send(unsubscribe(v, 2, "t/1"))
			h.settle()
			a.got = nil
			a.send(subscribe(v, 3, many[MaxFilters]))
			h.expect("a: SUBACK 3 01")
		})
	}
}

func TestPacketSizes(t *testing.T) {
	text := strings.Repeat("x", 30) // the CONNACK must fit too
	fits := publish(5, 1, "t", text)
	max := func(n int) func(*mqtt.ConnectPacket) {
		return withProps(mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: uint32(n)}, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
	}
	run(t, []script{
		{"the client's [MQTT-3.1.2-24]", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a", max(len(fits))), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("#", 1)), "a: SUBACK 1 01"},
				{"a", publish(v, 1, "t", text+"+"), "a: PUBACK"},
				{"a", fits, "a: PUBLISH q1 t=" + text + ", PUBACK"}, // the message before it does not fill the window
			}
		}},
		{"too small for the CONNACK", 5, func(v uint8) []step {
			return []step{{"a", connect(v, "a", max(10)), "a: closed"}}
		}},
		{"the broker's", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", strings.Repeat("x", MaxPacket)), "a: DISCONNECT 0x95, closed"},
			}
		}},
		{"the broker's", 4, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", strings.Repeat("x", MaxPacket-8)), ""},
				{"a", publish(v, 0, "t", strings.Repeat("x", MaxPacket-7)), "a: closed"},
			}
		}},
	})
}
