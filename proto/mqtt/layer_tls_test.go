package mqtt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Over TLS the login begins after EvTLSHS. A client of mqtts:// offers no ALPN name. One of wss://
// offers that of HTTP, as browsers do.
func TestLoginOverTLS(t *testing.T) {
	for scheme, alpn := range map[string]string{"mqtts": "", "wss": "http/1.1"} {
		t.Run(scheme, func(t *testing.T) {
			m := looptest.NewManager(t)
			authority := looptest.NewAuthority(t)
			server := newRecorder(t, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}})
			l, err := mqtt.Listen(m, scheme+"://127.0.0.1:0", server.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			client := &recorder{t: t}
			c, err := mqtt.Connect(m, scheme+"://"+l.LocalAddr().String()+"/", nil, client.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.StartTLS(authority.Client())
			looptest.Await(t, m, "CONNACK", func() bool { return strings.Contains(strings.Join(client.Lines, " "), "MQTT_OPEN") })
			if got := c.TLS().NegotiatedProtocol; got != alpn {
				t.Errorf("negotiated protocol %q, want %q", got, alpn)
			}
			want := "OPEN RESOLVE CONNECT TLS_HS MQTT_OPEN"
			if scheme == "wss" {
				want = "OPEN RESOLVE CONNECT TLS_HS WS_OPEN MQTT_OPEN"
			}
			if got := strings.Join(client.Lines, " "); !strings.HasPrefix(got, want) {
				t.Errorf("events of the client %s, want %s", got, want)
			}
			c.Drain()
			looptest.Await(t, m, "EvClose", func() bool { return strings.Contains(strings.Join(server.Lines, " "), "CLOSE") })
			if len(server.Errs)+len(client.Errs) > 0 {
				t.Errorf("errors of the server %v, of the client %v, want none", server.Errs, client.Errs)
			}
		})
	}
}

// If a client speaks TLS to a listener without TLS, the error says this.
func TestErrorNamesTLSOnPlainPort(t *testing.T) {
	m := looptest.NewManager(t)
	server, client := &recorder{t: t}, &recorder{t: t}
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mqtt.Connect(m, "mqtts://"+l.LocalAddr().String(), nil, client.handle, nil); err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "both errors", func() bool { return len(server.Errs)+len(client.Errs) == 2 })
	looptest.WantErr(t, server.Errs[0], nil, "the peer speaks TLS")
	looptest.WantErr(t, client.Errs[0], nil, "tls handshake")
}

// If a client without TLS gets a TLS alert, the error says that the peer speaks TLS.
func TestErrorNamesPlainOnTLSPort(t *testing.T) {
	m := looptest.NewManager(t)
	client := &recorder{t: t}
	if _, err := mqtt.Connect(m, "mqtt://"+looptest.Answer(t, []byte{21, 3, 1, 0, 2, 2, 70}), nil, client.handle, nil); err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "the error", func() bool { return len(client.Errs) == 1 })
	looptest.WantErr(t, client.Errs[0], nil, "the peer speaks TLS")
}

// After DISCONNECT the peer may close TLS without close_notify. Otherwise the stream is
// truncated.
func TestEndOfTLSWithoutCloseNotify(t *testing.T) {
	const (
		connect = "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
		connack = "\x20\x02\x00\x00"
	)
	authority := looptest.NewAuthority(t)
	for _, tt := range []struct {
		name, say string
		truncated bool
	}{
		{"after DISCONNECT", connect + "\xe0\x00", false},
		{"between packets", connect, true},
		{"inside a packet", connect + "\xe0", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			server := newRecorder(t, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}})
			l, err := mqtt.Listen(m, "mqtts://127.0.0.1:0", server.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			wait := authority.HangUp(l.LocalAddr().String(), tt.say, connack)
			looptest.Await(t, m, "EvClose", func() bool { return slices.Contains(server.Lines, "CLOSE") })
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			failure := errors.Join(server.Errs...)
			if errors.Is(failure, reactor.ErrTruncated) != tt.truncated || !tt.truncated && failure != nil {
				t.Errorf("error %v, want ErrTruncated: %v", failure, tt.truncated)
			}
		})
	}
}
