package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// The error after DISCONNECT and after a refusing CONNACK has the code, the Reason String and the
// Server Reference, whatever the handler does with the message. A program can use it after the
// event.
func TestRefusedErrorHasReasonAndServerReference(t *testing.T) {
	spoil := hooks{reactor.EvMQTTCmd: func(_ *reactor.Conn, data any) {
		m := data.(*mqtt.Message)
		clear(m.Dgram)
		*m = mqtt.Message{}
	}}
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range []struct {
			packet string
			want   mqtt.RefusedError
			words  string
		}{
			{"e0 00", mqtt.RefusedError{Cmd: mqtt.CmdDisconnect}, "disconnected by the server: 0x00 Normal disconnection"},
			{"e0 01 8b", mqtt.RefusedError{Cmd: mqtt.CmdDisconnect, Code: 0x8b}, "0x8B Server shutting down"},
			{"e0 0a 00 08 1f 0005'adieu'", mqtt.RefusedError{Cmd: mqtt.CmdDisconnect, Reason: "adieu"}, "Normal disconnection: adieu"},
			{"e0 0d 9d 0b 1f 0002'up' 1c 0003'b.c'", mqtt.RefusedError{Cmd: mqtt.CmdDisconnect, Code: 0x9d, Reason: "up", ServerReference: "b.c"},
				"0x9D Server moved: up (other server: b.c)"},
			{"20 0e 00 9c 0b 1c 0003'b.c' 1f 0002'up'", mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: 0x9c, Reason: "up", ServerReference: "b.c"},
				"connection refused: 0x9C Use another server: up (other server: b.c)"},
			{"20 03 00 87 00", mqtt.RefusedError{Cmd: mqtt.CmdConnack, Code: 0x87}, "connection refused: 0x87 Not authorized"},
		} {
			t.Run(row.packet, func(t *testing.T) {
				x := awaitingConnack(t, scheme, 5, spoil)
				if row.want.Cmd == mqtt.CmdDisconnect {
					x.p.send(connackOK[5])
				}
				x.p.send(pack(row.packet))
				x.waitClose()
				var refused *mqtt.RefusedError
				if err := x.r.Err(t); !errors.As(err, &refused) {
					t.Fatalf("error %v, want a RefusedError", err)
				}
				row.want.Version = 5
				if *refused != row.want {
					t.Errorf("error %+v, want %+v", *refused, row.want)
				}
				looptest.WantErr(t, refused, nil, row.words)
			})
		}
	})
}

// A server's text in an error is escaped and cut.
func TestRefusedErrorQuotesText(t *testing.T) {
	e := &mqtt.RefusedError{Cmd: mqtt.CmdDisconnect, Code: 0x8b, Version: 5, Reason: fmt.Sprintf("a\n%01000d", 0)}
	if text := e.Error(); len(text) > 300 || text[len("mqtt: disconnected by the server: 0x8B Server shutting down: "):][:3] != `a\n` {
		t.Errorf("error %q", text)
	}
}

// The error of a refused topic filter names the packet, and the code as the version calls it.
func TestRefusedErrorOfTopicFilters(t *testing.T) {
	for want, e := range map[string]mqtt.RefusedError{
		"mqtt: subscription refused: 0x80 Failure":                  {Cmd: mqtt.CmdSuback, Code: 0x80, Version: 4},
		"mqtt: subscription refused: 0x97 Quota exceeded: too many": {Cmd: mqtt.CmdSuback, Code: 0x97, Version: 5, Reason: "too many"},
		"mqtt: unsubscription refused: 0x87 Not authorized":         {Cmd: mqtt.CmdUnsuback, Code: 0x87, Version: 5},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
