package mqtt_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// away is a WebSocket's Close frame with 1001, without the mask.
var away = frame{0x88, []byte{0x03, 0xe9}}

// leaving drains the manager, while the peer reads, answers a Close frame with
// one and the end of stream with its own, which comes first from a WebSocket's
// server [RFC 6455 7.1.1].
func (x *pair) leaving() {
	x.t.Helper()
	answered, ended := false, false
	stop := looptest.EachTurn(x.m, func() {
		x.p.pump()
		if n := len(x.p.frames); n > 0 && x.p.frames[n-1].op == 0x88 && !answered {
			answered = true
			x.p.write(x.p.frame(8, away.payload))
		}
		if (x.p.eof || answered && !x.p.client) && !ended {
			ended = true
			x.p.shutdown()
		}
	})
	defer stop()
	if late, err := x.m.Drain(time.Minute); late != nil || err != nil {
		x.t.Errorf("Drain: %v, %v", late, err)
	}
	x.p.pump()
	if len(x.r.errs) > 0 || !x.r.closed() || !x.p.eof {
		x.t.Errorf("errors %v, events %v, end of stream %v", x.r.errs, x.r.log, x.p.eof)
	}
}

// The goodbye is what MQTT has for that side and version, behind what lay in
// Send: 0x8B (server shutting down) from a 5.0 server, nothing from a 3.1.1 one,
// a plain DISCONNECT from a client. A WebSocket's 1001 follows it.
func TestConnLeave(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, row := range []struct {
			role    string
			version uint8
			want    string
		}{
			{"server", 5, "e0 02 8b 00"}, {"server", 4, ""}, {"client", 5, "e0 00"}, {"client", 4, "e0 00"},
		} {
			t.Run(fmt.Sprint(row.role, " v", row.version), func(t *testing.T) {
				x := ready(t, scheme, row.role, row.version, nil)
				if _, err := mqtt.Pub(x.c, publishing(0)); err != nil {
					t.Fatal(err)
				}
				x.leaving()
				want := append(sized("30 07 00 03'a/b'$v'hi'", row.version), pack(row.want)...)
				if !bytes.Equal(x.p.got, want) {
					t.Errorf("the peer got % x\nwant % x", x.p.got, want)
				}
				if scheme == "ws" {
					last := x.p.frames[len(x.p.frames)-1]
					if last.op != away.op || !bytes.Equal(last.payload, away.payload) {
						t.Errorf("the last frame is %x % x, want 1001", last.op, last.payload)
					}
				}
			})
		}
	})
}

// Nobody is told anything before CONNECT, or twice.
func TestConnLeaveUntimely(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := served(t, scheme, nil)
		x.leaving()
		if len(x.p.got) > 0 {
			t.Errorf("before CONNECT: % x", x.p.got)
		}
		x = welcomed(t, scheme, 5, nil)
		if err := mqtt.DisconnectCode(x.c, 0x8e); err != nil {
			t.Fatal(err)
		}
		x.leaving()
		if want := pack("e0 02 8e 00"); !bytes.Equal(x.p.got, want) {
			t.Errorf("after a DISCONNECT: % x, want % x", x.p.got, want)
		}
	})
}
