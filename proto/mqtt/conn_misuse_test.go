package mqtt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// To a broker that refuses nothing more is sent, not in the events of the
// refusal either.
func TestConnNothingIsSentToWhoRefuses(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for version, code := range map[uint8]byte{4: 5, 5: 0x87} {
			events := 0
			refuses := func(c *reactor.Conn, _ any) { events++; refusesAll(t, c, mqtt.ErrDisconnected) }
			x := asking(t, scheme, version, hooks{reactor.EvMQTTOpen: refuses, reactor.EvMQTTCmd: refuses})
			x.p.send(connack(version, code))
			x.waitClose()
			await(t, x.m, "the end", x.p.ended)
			if events != 2 || len(x.p.got) > 0 {
				t.Errorf("v%d: %d events, peer got % x", version, events, x.p.got)
			}
		}
	})
}

// A client waits for CONNACK and does not send it.
func TestConnConnackIsTheServers(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, code := range []mqtt.ReasonCode{0, 5} {
			x := asking(t, scheme, 4, nil)
			misused(x, mqtt.ErrNotAsked, func(c *reactor.Conn) error { return mqtt.Connack(c, false, code) })
			x.p.send(connackOK[4])
			await(t, x.m, "CONNACK", x.r.saw("connack"))
			x.r.wantPackets("MQTT_OPEN:0 connack")
		}
	})
}

// misused checks that a call is refused, and that Ping is still possible.
func misused(x *pair, is error, call func(c *reactor.Conn) error) {
	x.t.Helper()
	refusesToSend(x.t, x.c, "the call", is, func() error { return call(x.c) })
	x.sending("Ping after it", "c0 00", func() error { return mqtt.Ping(x.c) })
}

// Connect logs in by itself, and who was accepted does not log in at all.
func TestConnLoginIsConnects(t *testing.T) {
	for _, opts := range []*mqtt.Options{nil, {ClientID: "c"}, {ClientID: "c", Version: 5}} {
		login := func(c *reactor.Conn) error { return mqtt.Login(c, opts) }
		overBoth(t, func(t *testing.T, scheme string) {
			tries := 0
			early := func(c *reactor.Conn, _ any) {
				tries++
				refusesToSend(t, c, "Login", mqtt.ErrLoggedIn, func() error { return login(c) })
			}
			x := asking(t, scheme, 4, hooks{reactor.EvOpen: early, reactor.EvResolve: early})
			if tries != 2 {
				t.Fatalf("tried %d times", tries)
			}
			misused(x, mqtt.ErrLoggedIn, login)
			x.p.send(connackOK[4])
			await(t, x.m, "CONNACK", x.r.saw("connack"))
			misused(x, mqtt.ErrLoggedIn, login)
			if v := mqtt.Version(x.c); v != 4 {
				t.Errorf("version %d", v)
			}
			x = served(t, scheme, nil)
			refusesToSend(t, x.c, "Login", mqtt.ErrLoggedIn, func() error { return login(x.c) })
			x = welcomed(t, scheme, 4, nil)
			misused(x, mqtt.ErrLoggedIn, login)
		})
	}
}

// strangers are connections that do not speak MQTT.
var strangers = map[string]func(t *testing.T, m *reactor.Manager) *reactor.Conn{
	"WrapFD": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		c, _ := bareConn(t, m, &recorder{t: t})
		return c
	},
	"udp": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return made(t)(m.Connect("udp://127.0.0.1:9", nil, nil))
	},
	"http.Connect": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return made(t)(http.Connect(m, "http://127.0.0.1:9", nil, nil))
	},
	"ws.Connect": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return made(t)(ws.Connect(m, "ws://127.0.0.1:9", nil, nil, ""))
	},
	"tcp listener": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return made(t)(m.Listen("tcp://127.0.0.1:0", nil, nil))
	},
}

// made fails the test if a connection could not be made.
func made(t *testing.T) func(c *reactor.Conn, err error) *reactor.Conn {
	return func(c *reactor.Conn, err error) *reactor.Conn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// No call but Login makes a connection speak MQTT: nothing is appended, no layer
// is pushed, and the version stays 0.
func TestConnCallsWithoutMQTT(t *testing.T) {
	for name, stranger := range strangers {
		t.Run(name, func(t *testing.T) {
			c := stranger(t, newManager(t))
			c.Send.AppendString("before")
			for range 2 {
				refusesAll(t, c, mqtt.ErrNotMQTT)
				for call, f := range map[string]func() error{
					"Connack":       func() error { return mqtt.Connack(c, false, 0) },
					"refusal":       func() error { return mqtt.Connack(c, false, 5) },
					"SendHeader":    func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 0, 0) },
					"SetLimits":     func() error { return mqtt.SetLimits(c, mqtt.Limits{}) },
					"Ack of a pong": func() error { return mqtt.Ack(c, &mqtt.Message{Cmd: mqtt.CmdPingresp}) },
				} {
					refusesToSend(t, c, call, mqtt.ErrNotMQTT, f)
				}
				if v := mqtt.Version(c); v != 0 {
					t.Errorf("version %d", v)
				}
			}
			c.Send.Reset()
			c.Close()
			spin(t, c.Manager())
			refusesAll(t, c, reactor.ErrClosed)
			if v := mqtt.Version(c); v != 0 {
				t.Errorf("version %d after the end", v)
			}
		})
	}
}

// A listener of MQTT takes limits and nothing else.
func TestConnCallsOnListener(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		c := made(t)(mqtt.Listen(newManager(t), scheme+"://127.0.0.1:0", nil, nil))
		refusesAll(t, c, mqtt.ErrNotMQTT)
		refusesToSend(t, c, "Login", nil, func() error { return mqtt.Login(c, nil) })
		if v := mqtt.Version(c); v != 0 {
			t.Errorf("version %d", v)
		}
		if err := mqtt.SetLimits(c, mqtt.Limits{Packet: 1}); err != nil {
			t.Error(err)
		}
		c.Close()
		spin(t, c.Manager())
		if err := mqtt.SetLimits(c, mqtt.Limits{Packet: 1}); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Calls that need Options or a Message say so, by hand and else.
func TestConnNilArguments(t *testing.T) {
	byHand, _ := bareConn(t, newManager(t), &recorder{t: t})
	if err := mqtt.Login(byHand, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*reactor.Conn{byHand, connected(t, "mqtt", 4, nil).c, connected(t, "ws", 5, nil).c, welcomed(t, "mqtt", 5, nil).c} {
		for call, f := range map[string]func() error{
			"Pub with nil Options":   func() error { _, err := mqtt.Pub(c, nil); return err },
			"Sub with nil Options":   func() error { _, err := mqtt.Sub(c, nil); return err },
			"Unsub with nil Options": func() error { _, err := mqtt.Unsub(c, nil); return err },
			"Ack of a nil Message":   func() error { return mqtt.Ack(c, nil) },
		} {
			refusesToSend(t, c, call, nil, func() error {
				err := f()
				if err != nil && !strings.Contains(err.Error(), call) {
					t.Errorf("%q does not name %q", err, call)
				}
				return err
			})
		}
	}
}

// The codec too: by an error, or by a panic where there is none to return.
func TestNilArguments(t *testing.T) {
	errs := map[string]error{}
	_, errs["AppendConnect"] = mqtt.AppendConnect(nil, 4, nil)
	_, errs["AppendPublish"] = mqtt.AppendPublish(nil, 4, nil)
	for call, err := range errs {
		if err == nil || !strings.Contains(err.Error(), call) {
			t.Errorf("%s: %v", call, err)
		}
	}
	for call, f := range map[string]func(){
		"Parse into a nil Message":   func() { mqtt.Parse(nil, 4, nil) },
		"NextProp into a nil":        func() { new(mqtt.Message).NextProp(nil, 0) },
		"NextFilter into a nil":      func() { new(mqtt.Message).NextFilter(nil, 0) },
		"PublishSize of a nil Publi": func() { mqtt.PublishSize(4, nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, "mqtt: "+call) {
					t.Errorf("panic %q, want %q", got, call)
				}
			}()
			f()
		}()
	}
}

// What SetLimits says of connections that speak MQTT, in each state.
func TestConnSetLimits(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, tt := range []struct {
			name string
			conn func() *reactor.Conn
			want error
		}{
			{"client, not connected yet", func() *reactor.Conn {
				return made(t)(mqtt.Connect(newManager(t), scheme+"://127.0.0.1:9", nil, nil, nil))
			}, nil},
			{"client", func() *reactor.Conn { return connected(t, scheme, 4, nil).c }, nil},
			{"server, before CONNECT", func() *reactor.Conn { return served(t, scheme, nil).c }, nil},
			{"server", func() *reactor.Conn { return welcomed(t, scheme, 4, nil).c }, nil},
			{"paused", func() *reactor.Conn { c := welcomed(t, scheme, 4, nil).c; c.Pause(); return c }, nil},
			{"closing", func() *reactor.Conn { c := welcomed(t, scheme, 4, nil).c; c.Close(); return c }, reactor.ErrClosed},
			{"failed", func() *reactor.Conn { c := connected(t, scheme, 4, nil).c; c.Fail(nil); return c }, reactor.ErrClosed},
		} {
			if err := mqtt.SetLimits(tt.conn(), mqtt.Limits{Packet: 1000}); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
		}
	})
	c, _ := bareConn(t, newManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	refusesToSend(t, c, "SetLimits by hand", nil, func() error { return mqtt.SetLimits(c, mqtt.Limits{Packet: 1}) })
}

// A zero limit is the default, a negative one is none.
func TestConnDefaultAndNoLimit(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			x := ready(t, scheme, role, 4, nil)
			setLimit(t, x.c, -1)
			x.pour(x.p.framed(largePacket()))
			await(t, x.m, "the packet", func() bool { return x.r.saw("publish")() || x.r.closed() })
			if len(x.r.errs) > 0 {
				t.Fatalf("%s without a limit: %v", role, x.r.errs)
			}
			setLimit(t, x.c, 0)
			x.p.write(x.p.framed(largePacket())[:100])
			x.waitClose()
			wantErr(t, x.r.err(), nil, "16777216")
		}
	})
}
