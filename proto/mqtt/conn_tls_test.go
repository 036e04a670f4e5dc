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

// The protocol begins after EvTLSHS, whichever transport it has, and ALPN names
// what is spoken first.
func TestConnTLS(t *testing.T) {
	for scheme, alpn := range map[string]string{"mqtts": "mqtt", "wss": "http/1.1"} {
		t.Run(scheme, func(t *testing.T) {
			m := newManager(t)
			authority := looptest.NewAuthority(t)
			server := &recorder{t: t, on: hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}}}
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
			await(t, m, "CONNACK", func() bool { return strings.Contains(strings.Join(client.log, " "), "MQTT_OPEN") })
			if got := c.TLS().NegotiatedProtocol; got != alpn {
				t.Errorf("negotiated %q, want %q", got, alpn)
			}
			want := "OPEN RESOLVE CONNECT TLS_HS MQTT_OPEN"
			if scheme == "wss" {
				want = "OPEN RESOLVE CONNECT TLS_HS WS_OPEN MQTT_OPEN"
			}
			if got := strings.Join(client.log, " "); !strings.HasPrefix(got, want) {
				t.Errorf("client heard %s, want %s", got, want)
			}
			c.Drain()
			await(t, m, "the end", func() bool { return strings.Contains(strings.Join(server.log, " "), "CLOSE") })
			if len(server.errs)+len(client.errs) > 0 {
				t.Errorf("errors %v, %v", server.errs, client.errs)
			}
		})
	}
}

// TLS on a port without it is named.
func TestConnTLSOnPlainPort(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{t: t}, &recorder{t: t}
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mqtt.Connect(m, "mqtts://"+l.LocalAddr().String(), nil, client.handle, nil); err != nil {
		t.Fatal(err)
	}
	await(t, m, "both errors", func() bool { return len(server.errs)+len(client.errs) == 2 })
	wantErr(t, server.errs[0], nil, "the peer speaks TLS")
	wantErr(t, client.errs[0], nil, "tls handshake")
}

// A plain client that a TLS server answers with an alert is told what that was.
func TestConnPlainOnTLSPort(t *testing.T) {
	m := newManager(t)
	client := &recorder{t: t}
	if _, err := mqtt.Connect(m, "mqtt://"+looptest.Answer(t, []byte{21, 3, 1, 0, 2, 2, 70}), nil, client.handle, nil); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the error", func() bool { return len(client.errs) == 1 })
	wantErr(t, client.errs[0], nil, "the peer speaks TLS")
}

// DISCONNECT is as good an end as close_notify; without either the stream is
// truncated.
func TestConnTLSLeaving(t *testing.T) {
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
		{"without", connect, true},
		{"in a packet", connect + "\xe0", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newManager(t)
			server := &recorder{t: t, on: hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
				if data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
					mqtt.Connack(c, false, 0)
				}
			}}}
			l, err := mqtt.Listen(m, "mqtts://127.0.0.1:0", server.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			wait := authority.HangUp(l.LocalAddr().String(), tt.say, connack)
			await(t, m, "the end", func() bool { return slices.Contains(server.log, "CLOSE") })
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			failure := errors.Join(server.errs...)
			if errors.Is(failure, reactor.ErrTruncated) != tt.truncated || !tt.truncated && failure != nil {
				t.Errorf("error %v", failure)
			}
		})
	}
}
