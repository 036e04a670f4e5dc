package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// sendID calls Pub at QoS 1 or 2, Sub ("sub") or Unsub ("unsub") with an identifier, or with 0.
func sendID(c *reactor.Conn, call string, id uint16) (uint16, error) {
	opts := &mqtt.Options{Topic: "a/b", ID: id, QoS: 1}
	switch call {
	case "sub":
		return mqtt.Sub(c, opts)
	case "unsub":
		return mqtt.Unsub(c, opts)
	case "pub 2":
		opts.QoS = 2
	}
	return mqtt.Pub(c, opts)
}

// The calls that take an identifier, with the packets that free it and those that do not. %04x is
// the identifier.
var idRows = []struct {
	call         string
	keeps, frees []string
	v5           bool // in 5.0 only
	client       bool // on a client only
}{
	{"pub 1", []string{"90 03 %04x$v 00", "b0 02 %04x", "50 02 %04x", "70 02 %04x"}, []string{"40 02 %04x"}, false, false},
	{"pub 1", []string{"50 03 %04x 80"}, []string{"40 02 %04x"}, true, false},
	{"pub 1", nil, []string{"40 04 %04x 87 00"}, true, false},
	{"pub 2", []string{"40 02 %04x", "50 02 %04x", "40 02 %04x"}, []string{"70 02 %04x"}, false, false},
	{"pub 2", []string{"50 03 %04x 10"}, []string{"70 03 %04x 92"}, true, false},
	{"pub 2", nil, []string{"50 03 %04x 80"}, true, false},
	{"sub", []string{"40 02 %04x", "50 02 %04x", "70 02 %04x"}, []string{"90 03 %04x$v 01"}, false, true},
	{"sub", []string{"50 03 %04x 80"}, []string{"90 03 %04x$v 80"}, true, true},
	{"unsub", []string{"40 02 %04x"}, []string{"b0 02 %04x"}, false, true},
}

// An identifier is in use until the last packet of its exchange, in every role and on connections
// of Login. No call gives it out or takes it while it is in use [MQTT-2.3.1-2] [MQTT-2.3.1-3]
// [MQTT-2.3.1-4] [MQTT-2.2.1-3] [MQTT-2.2.1-4].
func TestPacketIDIsInUseUntilAcknowledged(t *testing.T) {
	for _, role := range []string{"client", "server", "login"} {
		for version := uint8(4); version <= 5; version++ {
			for i, row := range idRows {
				if row.v5 && version != 5 || row.client && role == "server" {
					continue
				}
				t.Run(fmt.Sprintf("%s v%d %d %s", role, version, i, row.call), func(t *testing.T) {
					c, receive := idConn(t, role, version)
					checkInUse := func(when string, inUse bool) {
						t.Helper()
						for _, call := range []string{"pub 1", "pub 2", "sub", "unsub"} {
							if role == "server" && call != "pub 1" && call != "pub 2" {
								continue
							}
							if _, err := sendID(c, call, 7); (err == mqtt.ErrPacketIDInUse) != inUse {
								t.Errorf("%s: %s with ID 7: error %v, in use %v", when, call, err, inUse)
							}
							if !inUse {
								return // now it is in use again
							}
						}
					}
					if id, err := sendID(c, row.call, 7); id != 7 || err != nil {
						t.Fatalf("with ID 7: %d, %v", id, err)
					}
					for _, p := range row.keeps {
						if role == "server" && (p[0] == '9' || p[0] == 'b') {
							continue // a client must not send it
						}
						if version == 5 && p[0] == 'b' {
							p = "b0 04 %04x 00 00"
						}
						receive(forVersion(fmt.Sprintf(p, 7), version))
						checkInUse("after "+p, true)
					}
					for _, p := range row.frees {
						if version == 5 && p[0] == 'b' {
							p = "b0 04 %04x 00 00"
						}
						receive(forVersion(fmt.Sprintf(p, 8), version)) // of another packet
						checkInUse("before "+p, true)
						receive(forVersion(fmt.Sprintf(p, 7), version))
						checkInUse("after "+p, false)
					}
				})
			}
		}
	}
}

// idConn returns a connection, and a function with which it receives a packet. On a connection of
// Login, the program calls Ack for each packet.
func idConn(t *testing.T, role string, version uint8) (c *reactor.Conn, receive func(packet []byte)) {
	if role == "login" {
		c, _ = connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
		if err := mqtt.Login(c, &mqtt.Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		return c, func(packet []byte) {
			m := mustParse(t, packet, version)
			if err := mqtt.Ack(c, &m); err != nil {
				t.Error(err)
			}
		}
	}
	x := connectedAs(t, "mqtt", role, version, nil)
	return x.c, func(packet []byte) {
		x.r.Lines = nil
		x.p.send(packet)
		looptest.Await(t, x.m, "the packet", func() bool { return len(x.r.Lines) > 0 })
	}
}

// When all 65,535 identifiers are in use, Pub, Sub and Unsub say so and send nothing. An identifier
// that becomes free is given out next, also from the handler of the packet that frees it.
func TestAllPacketIDsInUse(t *testing.T) {
	var again uint16
	x := connectedClient(t, "mqtt", 4, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
		if data.(*mqtt.Message).Cmd == mqtt.CmdPuback {
			again, _ = mqtt.Pub(c, pubOptions(1))
		}
	}})
	seen := make([]bool, 65536)
	for n := range 65535 {
		id, err := sendID(x.c, []string{"pub 1", "pub 2", "sub", "unsub"}[n%4], 0)
		if err != nil || id == 0 || seen[id] {
			t.Fatalf("call %d: identifier %d was given out before: %v; error %v", n, id, seen[id], err)
		}
		seen[id] = true
		x.c.Send.Reset()
	}
	for _, call := range []string{"pub 1", "pub 2", "sub", "unsub"} {
		if _, err := sendID(x.c, call, 0); err != mqtt.ErrNoPacketID {
			t.Errorf("%s: error %v", call, err)
		}
	}
	if _, err := mqtt.Pub(x.c, pubOptions(0)); err != nil {
		t.Errorf("QoS 0 needs none: %v", err)
	}
	if x.c.Send.Len() != 9 {
		t.Errorf("Send has %d bytes, want those of the QoS 0 message only", x.c.Send.Len())
	}
	x.p.send(pack("40 02 12 35")) // 0x1235 = 4661: a message of QoS 1
	looptest.Await(t, x.m, "PUBACK", x.r.Noted("puback"))
	if again != 0x1235 {
		t.Errorf("after PUBACK the handler got identifier %#x, want 0x1235", again)
	}
}

// A call that sends nothing takes no identifier.
func TestRefusedCallsTakeNoPacketID(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		x := connectedAs(t, "mqtt", role, 4, nil)
		for _, topic := range []string{"a/#/b", tooLong} {
			for _, qos := range []uint8{1, 2} {
				bad := &mqtt.Options{Topic: topic, QoS: qos, ID: 7}
				if _, err := mqtt.Pub(x.c, bad); err == nil {
					t.Error("Pub with a bad topic: no error")
				}
				mqtt.Sub(x.c, bad)
				mqtt.Unsub(x.c, bad)
				bad.RetransmitID = 7
				mqtt.Pub(x.c, bad)
			}
		}
		if id, err := sendID(x.c, "pub 1", 7); id != 7 || err != nil {
			t.Errorf("%s: Pub with ID 7: %d, %v", role, id, err)
		}
	}
	x := acceptedConn(t, "mqtt", nil)
	if _, err := sendID(x.c, "sub", 7); err != mqtt.ErrNotOpen {
		t.Error(err)
	}
	x.p.send(connectC[4])
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	mqtt.Connack(x.c, false, 0)
	if _, err := sendID(x.c, "pub 1", 7); err != nil {
		t.Errorf("after a call that came too early: %v", err)
	}
}

// RetransmitID takes the identifier too: a new message does not get it. A retransmission of a
// packet that is in use is possible, unless that is SUBSCRIBE.
func TestRetransmissionReservesPacketID(t *testing.T) {
	x := connectedClient(t, "mqtt", 4, nil)
	opts := pubOptions(1)
	opts.RetransmitID = 1
	for range 2 {
		if id, err := mqtt.Pub(x.c, opts); id != 1 || err != nil {
			t.Fatalf("retransmission: %d, %v", id, err)
		}
	}
	if id, err := mqtt.Pub(x.c, pubOptions(1)); id != 2 || err != nil {
		t.Errorf("the next message has identifier %d, error %v, want 2", id, err)
	}
	if _, err := sendID(x.c, "sub", 3); err != nil {
		t.Fatal(err)
	}
	opts.RetransmitID = 3
	if _, err := mqtt.Pub(x.c, opts); err != mqtt.ErrPacketIDInUse {
		t.Errorf("retransmission with the identifier of SUBSCRIBE: %v", err)
	}
	opts.QoS, opts.RetransmitID = 2, 1
	if _, err := mqtt.Pub(x.c, opts); err != mqtt.ErrPacketIDInUse {
		t.Errorf("retransmission of a message of QoS 1 at QoS 2: %v", err)
	}
	bad := &mqtt.Options{Topic: "#", QoS: 1, RetransmitID: 2}
	if _, err := mqtt.Pub(x.c, bad); err == nil {
		t.Error("no error for a bad topic")
	}
	if _, err := sendID(x.c, "pub 1", 2); err != mqtt.ErrPacketIDInUse {
		t.Errorf("a failed retransmission has freed the identifier of its message: %v", err)
	}
}

// The peer's identifiers are its own: a PUBLISH with the number of our PUBLISH arrives before its
// PUBACK, and PUBACK and SUBACK come in any order.
func TestBothDirectionsHaveTheirOwnPacketIDs(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			x := connectedClient(t, scheme, version, nil)
			sub, err1 := mqtt.Sub(x.c, &mqtt.Options{Topic: "a/b", QoS: 2})
			one, err2 := mqtt.Pub(x.c, pubOptions(1))
			two, err3 := mqtt.Pub(x.c, pubOptions(2))
			if sub != 1 || one != 2 || two != 3 || err1 != nil || err2 != nil || err3 != nil {
				t.Fatal(sub, one, two, err1, err2, err3)
			}
			looptest.Await(t, x.m, "the packets", func() bool { x.p.readAll(); return len(x.p.got) >= 26+int(version-4)*3 })
			x.p.got = nil
			for _, p := range []string{
				"32 08 00 03'a/b' 00 02$v'x'", "34 08 00 03'a/b' 00 03$v'y'", // before PUBACK and PUBREC of our own
				"40 02 00 02", "50 02 00 03", "62 02 00 03", "70 02 00 03", "90 03 00 01$v 02",
			} {
				x.p.send(forVersion(p, version))
			}
			x.p.wantGot(x.m, "40 02 00 02 50 02 00 03 62 02 00 03 70 02 00 03")
			x.r.wantPackets("a/b=x publish a/b=y publish puback pubrec pubrel pubcomp suback")
			for id := uint16(1); id <= 3; id++ {
				if _, err := sendID(x.c, "pub 1", id); err != nil {
					t.Errorf("identifier %d is not free: %v", id, err)
				}
			}
		}
	})
}
