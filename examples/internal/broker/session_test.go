package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// away is the number of messages that wait for the session of "id".
func TestSessionIsKept(t *testing.T) {
	begin := func(v uint8) []step {
		return []step{
			{"a", keep(v, "id"), "a: CONNACK 0x0"},
			{"a", subscribe(v, 1, filter("t/#", 2)), "a: SUBACK 1 02"},
			{"b", connect(9-v, "b"), "b: CONNACK 0x0"},
		}
	}
	run(t, []script{
		{"the queue, without QoS 0", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"a", disconnect(v, 0), "a: closed"},
				{"b", publish(9-v, 1, "t/1", "x"), "b: PUBACK"},
				{"b", publish(9-v, 0, "t/1", "y"), ""},
				{"b", publish(9-v, 2, "t/2", "z"), "b: PUBREC, PUBCOMP"},
				{"c", keep(v, "id"), "c: CONNACK present 0x0, PUBLISH q1 t/1=x, PUBLISH q2 t/2=z, PUBREL"},
				{"b", publish(9-v, 0, "t/3", "live"), "c: PUBLISH q0 t/3=live"},
			}...)
		}},
		{"after the connection was cut", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"a", nil, "a: closed"},
				{"b", publish(9-v, 1, "t", "x"), "b: PUBACK"},
				{"c", keep(v, "id"), "c: CONNACK present 0x0, PUBLISH q1 t=x"},
			}...)
		}},
		{"in the other version", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"a", nil, "a: closed"},
				{"b", publish(9-v, 1, "t", "x"), "b: PUBACK"},
				{"c", keep(9-v, "id"), "c: CONNACK present 0x0, PUBLISH q1 t=x"},
			}...)
		}},
		{"clean start ends it [MQTT-3.1.2-6] [MQTT-3.1.2-4]", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"a", nil, "a: closed"},
				{"b", publish(9-v, 1, "t", "x"), "b: PUBACK"},
				{"c", connect(v, "id"), "c: CONNACK 0x0"},
				{"b", publish(9-v, 1, "t", "y"), "b: PUBACK"},
				{"c", nil, "c: closed"},
				{"d", keep(v, "id"), "d: CONNACK 0x0"},
			}...)
		}},
		{"a clean session is not kept", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "id"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 1)), "a: SUBACK 1 01"},
				{"a", disconnect(v, 0), "a: closed"},
				{"b", keep(v, "id"), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "x"), ""},
			}
		}},
		{"unsubscribed", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"a", nil, "a: closed"},
				{"c", keep(v, "id"), "c: CONNACK present 0x0"},
				{"c", unsubscribe(v, 2, "t/#"), map[uint8]string{4: "c: UNSUBACK 2 ", 5: "c: UNSUBACK 2 00"}[v]},
				{"c", nil, "c: closed"},
				{"b", publish(9-v, 1, "t", "x"), "b: PUBACK"},
				{"d", keep(v, "id"), "d: CONNACK present 0x0"},
			}...)
		}},
		{"no local survives", 5, func(v uint8) []step {
			return []step{
				{"a", keep(v, "id"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, mqtt.Filter{Topic: "t", QoS: 1, NoLocal: true}), "a: SUBACK 1 01"},
				{"a", nil, "a: closed"},
				{"c", keep(v, "id"), "c: CONNACK present 0x0"},
				{"c", publish(v, 1, "t", "own"), "c: PUBACK"},
			}
		}},
		{"retained messages that were not sent", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 1, "r", "1", retain), "b: PUBACK"},
				{"b", publish(v, 1, "t", "2"), "b: PUBACK"},
				{"mute", keep(5, "id", func(p *mqtt.ConnectPacket) {
					p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
				}), "mute: CONNACK 0x0"},
				{"mute", subscribe(5, 1, filter("t", 1)), "mute: SUBACK 1 01"},
				{"b", publish(v, 1, "t", "3"), "b: PUBACK; mute: PUBLISH q1 t=3"},
				{"mute", subscribe(5, 1, filter("r", 1)), "mute: SUBACK 1 01"},
				{"mute", nil, "mute: closed"},
				{"b", publish(v, 1, "t", "4"), "b: PUBACK"},
				{"c", keep(v, "id"), "c: CONNACK present 0x0, PUBLISH q1 dup t=3, PUBLISH q1 retain r=1, PUBLISH q1 t=4"},
			}
		}},
	})
}

// Messages in flight come again on the next connection, in order, with DUP and the same packet
// identifiers, and before all others [MQTT-4.4.0-1] [MQTT-4.6.0-1].
func TestRedelivery(t *testing.T) {
	begin := func(v uint8) []step {
		return []step{
			{"muteID1", keep(v, "id"), "muteID1: CONNACK 0x0"},
			{"muteID1", subscribe(v, 1, filter("#", 2)), "muteID1: SUBACK 1 02 #1"},
			{"b", connect(v, "b"), "b: CONNACK 0x0"},
			{"b", publish(v, 1, "t", "1"), "b: PUBACK; muteID1: PUBLISH q1 t=1 #1"},
			{"b", publish(v, 2, "t", "2"), "b: PUBREC, PUBCOMP; muteID1: PUBLISH q2 t=2 #2"},
			{"b", publish(v, 2, "t", "3"), "b: PUBREC, PUBCOMP; muteID1: PUBLISH q2 t=3 #3"},
			{"b", publish(v, 1, "t", "4"), "b: PUBACK; muteID1: PUBLISH q1 t=4 #4"},
			{"muteID1", ack(v, mqtt.CmdPubrec, 2, 0), "muteID1: PUBREL #2"},
		}
	}
	const all = "CONNACK present 0x0, PUBLISH q1 dup t=1 #1, PUBREL #2, PUBLISH q2 dup t=3 #3, PUBLISH q1 dup t=4 #4"
	run(t, []script{
		{"after the connection was cut", 0, func(v uint8) []step {
			return append(begin(v), []step{
				{"muteID1", nil, "muteID1: closed"},
				{"b", publish(v, 1, "t", "5"), "b: PUBACK"},
				{"muteID2", keep(v, "id"), "muteID2: " + all + ", PUBLISH q1 t=5 #5"},
				{"muteID2", ack(v, mqtt.CmdPubcomp, 2, 0), ""},
				{"muteID2", ack(v, mqtt.CmdPuback, 1, 0), ""},
				{"muteID2", ack(v, mqtt.CmdPubrec, 3, 0), "muteID2: PUBREL #3"},
				{"muteID2", nil, "muteID2: closed"},
				{"muteID3", keep(v, "id"), "muteID3: CONNACK present 0x0, PUBREL #3, PUBLISH q1 dup t=4 #4, PUBLISH q1 dup t=5 #5"},
			}...)
		}},
		{"after a take-over", 4, func(v uint8) []step {
			return append(begin(v), step{"muteID2", keep(v, "id"), "muteID1: closed; muteID2: " + all})
		}},
		{"after a take-over", 5, func(v uint8) []step {
			return append(begin(v), step{"muteID2", keep(v, "id"), "muteID1: DISCONNECT 0x8e, closed; muteID2: " + all})
		}},
		{"within the new Receive Maximum", 5, func(v uint8) []step {
			one := func(p *mqtt.ConnectPacket) {
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
			}
			return append(begin(v), []step{
				{"muteID1", nil, "muteID1: closed"},
				{"muteID2", keep(v, "id", one), "muteID2: CONNACK present 0x0, PUBLISH q1 dup t=1 #1, PUBREL #2"},
				{"b", publish(v, 0, "t", "5"), ""}, // not before the others
				{"muteID2", ack(v, mqtt.CmdPuback, 1, 0), ""},
				{"muteID2", ack(v, mqtt.CmdPuback, 4, 0), ""}, // it was not sent yet on this connection
				{"muteID2", ack(v, mqtt.CmdPubcomp, 2, 0), "muteID2: PUBLISH q2 dup t=3 #3"},
				{"muteID2", ack(v, mqtt.CmdPubrec, 3, mqtt.ReasonUnspecified), "muteID2: PUBLISH q1 dup t=4 #4, PUBLISH q0 t=5"},
			}...)
		}},
		{"too large for the new connection", 5, func(v uint8) []step {
			small := func(p *mqtt.ConnectPacket) {
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: 30})
			}
			long := strings.Repeat("x", 30)
			return append(begin(v), []step{
				{"b", publish(v, 1, "t", long), "b: PUBACK; muteID1: PUBLISH q1 t=" + long + " #5"},
				{"b", publish(v, 2, "t", "6"), "b: PUBREC, PUBCOMP; muteID1: PUBLISH q2 t=6 #6"},
				{"muteID1", nil, "muteID1: closed"},
				{"muteID2", keep(v, "id", small), "muteID2: " + all + ", PUBLISH q2 dup t=6 #6"},
			}...)
		}},
	})
}

// The identifiers of QoS 2 messages that the client has not released are kept: the message is
// delivered once, and PUBREL is answered [MQTT-4.3.3-10].
func TestUnreleasedIdentifiersAreKept(t *testing.T) {
	run(t, []script{{"", 0, func(v uint8) []step {
		unknown := map[uint8]string{4: "mute2: PUBCOMP", 5: "mute2: PUBCOMP 0x92"}[v]
		return []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"a", subscribe(v, 1, filter("#", 0)), "a: SUBACK 1 00"},
			{"mute1", keep(v, "id"), "mute1: CONNACK 0x0"},
			{"mute1", publish(v, 2, "t", "7", number(7, false)), "a: PUBLISH q0 t=7; mute1: PUBREC"},
			{"mute1", publish(v, 2, "t", "8", number(8, false)), "a: PUBLISH q0 t=8; mute1: PUBREC"},
			{"mute1", nil, "mute1: closed"},
			{"mute2", keep(v, "id"), "mute2: CONNACK present 0x0"},
			{"mute2", publish(v, 2, "t", "7", number(7, true)), "mute2: PUBREC"},
			{"mute2", ack(v, mqtt.CmdPubrel, 8, 0), "mute2: PUBCOMP"},
			{"mute2", ack(v, mqtt.CmdPubrel, 7, 0), "mute2: PUBCOMP"},
			{"mute2", ack(v, mqtt.CmdPubrel, 7, 0), unknown},
			{"mute2", publish(v, 2, "t", "new", number(7, false)), "a: PUBLISH q0 t=new; mute2: PUBREC"},
			{"mute2", nil, "mute2: closed"},
			{"mute3", connect(v, "id"), "mute3: CONNACK 0x0"},
			{"mute3", publish(v, 2, "t", "clean", number(7, false)), "a: PUBLISH q0 t=clean; mute3: PUBREC"},
		}
	}}})
}

// A QoS 2 message that was refused is a new message when it comes again.
func TestRefusedQoS2IsNotADuplicate(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Levels: 2})
	play(h, "tcp", []step{
		{"mute1", keep(5, "id"), "mute1: CONNACK 0x0"},
		{"mute1", publish(5, 2, "a/b/c", "x", number(7, false)), "mute1: DISCONNECT 0x90, closed"},
	})
	h.b.SetLimits(Limits{Levels: 3})
	play(h, "tcp", []step{
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter("#", 0)), "a: SUBACK 1 00"},
		{"mute2", keep(5, "id"), "mute2: CONNACK present 0x0"},
		{"mute2", publish(5, 2, "a/b/c", "x", number(7, true)), "a: PUBLISH q0 a/b/c=x; mute2: PUBREC"},
	})
}

// Sessions expire by the clock, and DISCONNECT may change when.
func TestSessionExpiry(t *testing.T) {
	expiry := func(seconds uint32) []byte {
		return must(mqtt.AppendDisconnect(nil, 5, 0, []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: seconds}}))
	}
	for name, tc := range map[string]struct {
		v     uint8
		end   []byte // nil: the connection closes
		after time.Duration
	}{
		"5.0":               {5, nil, 100 * time.Second},
		"5.0, DISCONNECT":   {5, disconnect(5, 0), 100 * time.Second},
		"shorter":           {5, expiry(10), 10 * time.Second},
		"longer":            {5, expiry(1000), 1000 * time.Second},
		"longer than all":   {5, expiry(1<<32 - 1), MaxExpiry},
		"at once":           {5, expiry(0), 0},
		"3.1.1":             {4, nil, MaxExpiry},
		"3.1.1, DISCONNECT": {4, disconnect(4, 0), MaxExpiry},
	} {
		t.Run(name, func(t *testing.T) {
			for _, late := range []bool{false, true} {
				h := newFixture(t)
				play(h, "tcp", []step{
					{"a", keep(tc.v, "id"), "a: CONNACK 0x0"},
					{"a", subscribe(tc.v, 1, filter("t", 1)), "a: SUBACK 1 01"},
					{"a", tc.end, "a: closed"},
				})
				want := "b: CONNACK present 0x0"
				if late || tc.after == 0 {
					h.wait(tc.after)
					want = "b: CONNACK 0x0"
					if n := len(h.b.sessions); n != 0 || h.b.used != 0 {
						t.Errorf("%d sessions and %d bytes are left", n, h.b.used)
					}
				} else {
					h.wait(tc.after - time.Millisecond)
				}
				play(h, "tcp", []step{{"b", keep(tc.v, "id"), want}})
				h.checkAccounts()
			}
		})
	}
}

// A session expiry of 0 cannot be raised at DISCONNECT: that is a protocol error, and the will is
// published. 5.0 section 3.14.2.2.2.
func TestSessionExpiryAfterZero(t *testing.T) {
	will := func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye")} }
	end := func(seconds uint32) []byte {
		return must(mqtt.AppendDisconnect(nil, 5, 0, []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: seconds}}))
	}
	run(t, []script{
		{"raised", 5, func(uint8) []step {
			return []step{
				{"a", connect(5, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(5, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"b", connect(5, "b", will), "b: CONNACK 0x0"},
				{"b", end(1), "a: PUBLISH q0 w=bye; b: DISCONNECT 0x82, closed"},
				{"c", keep(5, "b", will), "c: CONNACK 0x0"},
			}
		}},
		{"still 0", 5, func(uint8) []step {
			return []step{
				{"a", connect(5, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(5, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"b", connect(5, "b", will), "b: CONNACK 0x0"},
				{"b", end(0), "b: closed"},
			}
		}},
	})
}

// Messages expire while they wait, and those that do not have less time left.
func TestExpiryInTheQueue(t *testing.T) {
	expires := func(seconds uint32) func(*mqtt.PublishPacket) {
		return func(p *mqtt.PublishPacket) {
			p.Props = []mqtt.Property{{ID: mqtt.PropMessageExpiryInterval, Int: seconds}}
		}
	}
	h := newFixture(t)
	play(h, "tcp", []step{
		{"mute1", keep(5, "id"), "mute1: CONNACK 0x0"},
		{"mute1", subscribe(5, 1, filter("#", 1)), "mute1: SUBACK 1 01"},
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
		{"b", publish(5, 1, "t", "in flight", expires(10)), "b: PUBACK; mute1: PUBLISH q1 t=in flight"},
		{"mute1", nil, "mute1: closed"},
		{"b", publish(5, 1, "t", "1", expires(10)), "b: PUBACK"},
		{"b", publish(5, 1, "t", "2", expires(30)), "b: PUBACK"},
		{"b", publish(5, 1, "t", "3"), "b: PUBACK"},
	})
	h.wait(20 * time.Second)
	play(h, "tcp", []step{{"mute2", keep(5, "id"), "mute2: CONNACK present 0x0, PUBLISH q1 dup t=in flight, PUBLISH q1 t=2, PUBLISH q1 t=3"}})
	h.checkAccounts()
	h.b.send(h.b.sessions["id"], delivery{msg: &message{topic: "x", expires: h.clock.Now().Add(10 * time.Second)}})
	h.expect("mute2: PUBLISH q0 x=")
	var p mqtt.Property
	if m := &h.peers["mute2"].lastPublish; m.NextProp(&p, 0) == 0 || p.Int != 10 {
		t.Errorf("the remaining expiry is %d, want 10", p.Int)
	}
}

// Request Problem Information 0 forbids Reason String and User Property in the packets that
// acknowledge [MQTT-3.1.2-29]. The broker sends none at all.
func TestNoReasonStrings(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropRequestProblemInformation, Int: 0})), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter(strings.Repeat("/", MaxLevels), 0)), "a: SUBACK 1 8f"},
	})
}
