package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// reasonX is the property Reason String with the text x.
var reasonX = mqtt.Property{ID: mqtt.PropReasonString, Value: []byte("x")}

// A handler that acknowledges its own message replaces the automatic acknowledgement, whether it
// gets the message with EvMQTTMsg or EvMQTTCmd, and whether it passes a copy.
func TestHandlerAcknowledges(t *testing.T) {
	for _, tc := range []struct {
		in    string
		code  mqtt.ReasonCode
		props []mqtt.Property
		out   string
	}{
		{"32 09 00 03'a/b' 00 07 00'x'", 0, nil, "40 02 00 07"},
		{"32 09 00 03'a/b' 00 07 00'x'", mqtt.ReasonNoMatchingSubscribers, nil, "40 03 00 07 10"},
		{"32 09 00 03'a/b' 00 07 00'x'", mqtt.ReasonNotAuthorized, []mqtt.Property{reasonX}, "40 08 00 07 87 04 1f 00 01'x'"},
		{"34 09 00 03'a/b' 00 07 00'x'", mqtt.ReasonSuccess, []mqtt.Property{reasonX}, "50 08 00 07 00 04 1f 00 01'x'"},
		{"34 09 00 03'a/b' 00 07 00'x'", mqtt.ReasonQuotaExceeded, nil, "50 03 00 07 97"},
		{"30 07 00 03'a/b' 00'x'", mqtt.ReasonSuccess, nil, ""},
	} {
		for _, role := range []string{"client", "server"} {
			for _, ev := range []reactor.Event{reactor.EvMQTTMsg, reactor.EvMQTTCmd} {
				for _, how := range []string{"message", "copy", "changed"} {
					t.Run(fmt.Sprintf("%s %s %d %v %s", role, tc.in[:2], tc.code, ev, how), func(t *testing.T) {
						overEachTransport(t, func(t *testing.T, scheme string) {
							x := connectedAs(t, scheme, role, 5, hooks{ev: func(c *reactor.Conn, data any) {
								m := data.(*mqtt.Message)
								if m.Cmd != mqtt.CmdPublish {
									return
								}
								switch how {
								case "copy":
									clone := *m
									m = &clone
								case "changed":
									m.ID, m.QoS, m.Cmd = 0x55, 0, mqtt.CmdConnack
								}
								if err := mqtt.AckCode(c, m, tc.code, tc.props...); err != nil {
									t.Error(err)
								}
								if err := mqtt.Ack(c, m); tc.out != "" && err != mqtt.ErrAcknowledged {
									t.Errorf("a second Ack: %v", err)
								}
							}})
							x.p.send(pack(tc.in))
							looptest.Await(t, x.m, "the message", x.r.Noted("a/b=x"))
							x.p.wantGot(x.m, tc.out)
						})
					})
				}
			}
		}
	}
}

// PUBREC of 0x80 or higher ends the exchange: the next PUBLISH with the identifier is a new message
// [MQTT-4.3.3-9], and the identifier does not count towards the Receive Maximum.
func TestRefusingPubrecEndsExchange(t *testing.T) {
	refuse := true
	x := connectedServer(t, "mqtt", 5, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, data any) {
		if refuse {
			if err := mqtt.AckCode(c, data.(*mqtt.Message), mqtt.ReasonQuotaExceeded); err != nil {
				t.Error(err)
			}
		}
	}})
	mqtt.SetLimits(x.c, mqtt.Limits{Unreleased: 1})
	publish := pack("34 09 00 03'a/b' 00 07 00'x'")
	x.p.send(publish, publish, pack("34 09 00 03'a/b' 00 08 00'x'"), pack("62 02 00 07"))
	x.p.wantGot(x.m, "50 03 00 07 97 50 03 00 07 97 50 03 00 08 97 70 03 00 07 92")
	x.r.wantPackets("a/b=x publish a/b=x publish a/b=x publish pubrel")
	refuse = false
	x.p.send(publish, publish)
	x.p.wantGot(x.m, "50 02 00 07 50 02 00 07")
}

// The handler may also answer PUBREL and PUBREC itself.
func TestHandlerAnswersReleases(t *testing.T) {
	x := connectedClient(t, "mqtt", 5, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
		if m := data.(*mqtt.Message); m.Cmd != mqtt.CmdPublish {
			if err := mqtt.AckCode(c, m, 0, reasonX); err != nil {
				t.Error(err)
			}
		}
	}})
	x.p.send(pack("34 09 00 03'a/b' 00 07 00'x'"), pack("62 02 00 07"), pack("34 09 00 03'a/b' 00 07 00'y'"), pack("50 02 00 09"), pack("40 02 00 09"))
	x.p.wantGot(x.m, "50 02 00 07 70 08 00 07 00 04 1f 00 01'x' 50 02 00 07 62 08 00 09 00 04 1f 00 01'x'")
	x.r.wantPackets("a/b=x publish pubrel a/b=y publish pubrec puback")
}

// AckCode with a code that the packet must not have returns an error and sends nothing. The
// automatic acknowledgement follows.
func TestAckCodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		version uint8
		code    mqtt.ReasonCode
		props   []mqtt.Property
	}{
		{4, mqtt.ReasonNotAuthorized, nil},
		{4, 0, []mqtt.Property{reasonX}},
		{5, mqtt.ReasonPacketIDNotFound, nil}, // [MQTT-3.4.2-1]
		{5, 0, []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}},
	} {
		x := connectedClient(t, "mqtt", tc.version, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, data any) {
			var parseErr *mqtt.ParseError
			if err := mqtt.AckCode(c, data.(*mqtt.Message), tc.code, tc.props...); !errors.As(err, &parseErr) {
				t.Errorf("v%d code %v: error %v", tc.version, tc.code, err)
			}
		}})
		x.p.send(forVersion("32 08 00 03'a/b' 00 07$v'x'", tc.version))
		x.p.wantGot(x.m, "40 02 00 07")
	}
}

// A packet that the layer has acknowledged cannot be acknowledged again. PUBREL of a message whose
// PUBREC an earlier connection has received can be sent, and reserves its identifier.
func TestAckAfterAutomaticAcknowledgement(t *testing.T) {
	x := connectedClient(t, "mqtt", 4, nil)
	for _, m := range []mqtt.Message{
		{Cmd: mqtt.CmdPublish, QoS: 1, ID: 7}, {Cmd: mqtt.CmdPublish, QoS: 2, ID: 7}, {Cmd: mqtt.CmdPubrel, ID: 7},
	} {
		if err := mqtt.Ack(x.c, &m); err != mqtt.ErrAcknowledged {
			t.Errorf("%v of QoS %d: error %v", m.Cmd, m.QoS, err)
		}
	}
	x.p.wantGot(x.m, "")
	x.wantSent("PUBREL", "62 02 00 07", func() error { return mqtt.Ack(x.c, &mqtt.Message{Cmd: mqtt.CmdPubrec, ID: 7}) })
	if _, err := sendID(x.c, "pub 1", 7); err != mqtt.ErrPacketIDInUse {
		t.Errorf("the identifier of PUBREL: %v", err)
	}
	x.p.send(pack("70 02 00 07"))
	looptest.Await(t, x.m, "PUBCOMP", x.r.Noted("pubcomp"))
	if _, err := sendID(x.c, "pub 1", 7); err != nil {
		t.Errorf("after PUBCOMP: %v", err)
	}
}

// A message that the handler acknowledges costs no memory.
func TestAckInHandlerDoesNotAllocate(t *testing.T) {
	x, count := counting(t, "mqtt")
	counted := x.c.Fn
	x.c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		counted(c, ev, data)
		if ev == reactor.EvMQTTMsg {
			if err := mqtt.Ack(c, data.(*mqtt.Message)); err != nil {
				t.Error(err)
			}
		}
	}
	in := pack("32 08 00 03'a/b' 00 07'x'")
	looptest.WantNoAllocs(t, "Ack in the handler", func() {
		want := *count + 1
		x.p.Write(in)
		for i := 0; *count < want && i < looptest.Turns; i++ {
			x.m.Poll(5e6)
		}
		x.m.Poll(0)
	})
}
