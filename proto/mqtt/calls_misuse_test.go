package mqtt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// wantMisuse checks that a call fails, and that Ping works afterwards.
func wantMisuse(x *pair, is error, call func(c *reactor.Conn) error) {
	x.t.Helper()
	wantRefused(x.t, x.c, "the call", is, func() error { return call(x.c) })
	x.wantSent("Ping after it", "c0 00", func() error { return mqtt.Ping(x.c) })
}

// Login fails on a connection of Connect or Listen.
func TestLoginFailsWhereItIsNotNeeded(t *testing.T) {
	for _, opts := range []*mqtt.Options{nil, {ClientID: "c"}, {ClientID: "c", Version: 5}} {
		login := func(c *reactor.Conn) error { return mqtt.Login(c, opts) }
		overEachTransport(t, func(t *testing.T, scheme string) {
			tries := 0
			early := func(c *reactor.Conn, _ any) {
				tries++
				wantRefused(t, c, "Login", mqtt.ErrLoginNotNeeded, func() error { return login(c) })
			}
			x := awaitingConnack(t, scheme, 4, hooks{reactor.EvOpen: early, reactor.EvResolve: early})
			if tries != 2 {
				t.Fatalf("Login was called in %d events, want 2", tries)
			}
			wantMisuse(x, mqtt.ErrLoginNotNeeded, login)
			x.p.send(connackOK[4])
			looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
			wantMisuse(x, mqtt.ErrLoginNotNeeded, login)
			if v := mqtt.Version(x.c); v != 4 {
				t.Errorf("version %d, want 4", v)
			}
			x = acceptedConn(t, scheme, nil)
			wantRefused(t, x.c, "Login", mqtt.ErrLoginNotNeeded, func() error { return login(x.c) })
			x = connectedServer(t, scheme, 4, nil)
			wantMisuse(x, mqtt.ErrLoginNotNeeded, login)
		})
	}
}

// otherConns make connections that do not speak MQTT.
var otherConns = map[string]func(t *testing.T, m *reactor.Manager) *reactor.Conn{
	"WrapFD": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		c, _ := connWithoutLayer(t, m, &recorder{t: t})
		return c
	},
	"udp": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return mustConn(t)(m.Connect("udp://127.0.0.1:9", nil, nil))
	},
	"http.Connect": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return mustConn(t)(http.Connect(m, "http://127.0.0.1:9", nil, nil))
	},
	"ws.Connect": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return mustConn(t)(ws.Connect(m, "ws://127.0.0.1:9", nil, nil, ""))
	},
	"tcp listener": func(t *testing.T, m *reactor.Manager) *reactor.Conn {
		return mustConn(t)(m.Listen("tcp://127.0.0.1:0", nil, nil))
	},
}

// On a connection that does not speak MQTT all calls except Login fail. They append nothing and
// add no layer: Version remains 0.
func TestCallsFailWithoutMQTT(t *testing.T) {
	for name, stranger := range otherConns {
		t.Run(name, func(t *testing.T) {
			c := stranger(t, looptest.NewManager(t))
			c.Send.AppendString("before")
			for range 2 {
				wantAllRefused(t, c, mqtt.ErrNotMQTT)
				for call, f := range map[string]func() error{
					"Connack":       func() error { return mqtt.Connack(c, false, 0) },
					"refusal":       func() error { return mqtt.Connack(c, false, 5) },
					"SendHeader":    func() error { return mqtt.SendHeader(c, mqtt.CmdPublish, 0, 0) },
					"SetLimits":     func() error { return mqtt.SetLimits(c, mqtt.Limits{}) },
					"Ack of a pong": func() error { return mqtt.Ack(c, &mqtt.Message{Cmd: mqtt.CmdPingresp}) },
				} {
					wantRefused(t, c, call, mqtt.ErrNotMQTT, f)
				}
				if v := mqtt.Version(c); v != 0 {
					t.Errorf("version %d, want 0", v)
				}
			}
			c.Send.Reset()
			c.Close()
			looptest.Settle(t, c.Manager())
			wantAllRefused(t, c, reactor.ErrClosed)
			if v := mqtt.Version(c); v != 0 {
				t.Errorf("version %d after Close, want 0", v)
			}
		})
	}
}

// On a listener all calls except SetLimits fail.
func TestCallsFailOnListener(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		c := mustConn(t)(mqtt.Listen(looptest.NewManager(t), scheme+"://127.0.0.1:0", nil, nil))
		wantAllRefused(t, c, mqtt.ErrNotMQTT)
		wantRefused(t, c, "Login", nil, func() error { return mqtt.Login(c, nil) })
		if v := mqtt.Version(c); v != 0 {
			t.Errorf("version %d, want 0", v)
		}
		if err := mqtt.SetLimits(c, mqtt.Limits{Packet: 1}); err != nil {
			t.Error(err)
		}
		c.Close()
		looptest.Settle(t, c.Manager())
		if err := mqtt.SetLimits(c, mqtt.Limits{Packet: 1}); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("SetLimits after Close: error %v, want ErrClosed", err)
		}
	})
}

// Calls that need Options or a Message return an error for nil that names the call.
func TestCallsRefuseNilArguments(t *testing.T) {
	afterLogin, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if err := mqtt.Login(afterLogin, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*reactor.Conn{afterLogin, connectedClient(t, "mqtt", 4, nil).c, connectedClient(t, "ws", 5, nil).c, connectedServer(t, "mqtt", 5, nil).c} {
		for call, f := range map[string]func() error{
			"Pub with nil Options":   func() error { _, err := mqtt.Pub(c, nil); return err },
			"Sub with nil Options":   func() error { _, err := mqtt.Sub(c, nil); return err },
			"Unsub with nil Options": func() error { _, err := mqtt.Unsub(c, nil); return err },
			"Ack of a nil Message":   func() error { return mqtt.Ack(c, nil) },
		} {
			wantRefused(t, c, call, nil, func() error {
				err := f()
				if err != nil && !strings.Contains(err.Error(), call) {
					t.Errorf("error %q does not contain %q", err, call)
				}
				return err
			})
		}
	}
}
