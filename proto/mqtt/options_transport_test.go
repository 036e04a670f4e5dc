package mqtt_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Connect refuses the fields that the transport of the URL has no use for, and names them.
func TestConnectRefusesOptionsOfOtherTransports(t *testing.T) {
	const onlyWS, onlyTLS = "is for ws:// and wss:// only", "is for mqtts://, wss:// and unix:// only"
	for _, row := range []struct {
		field   string
		opts    mqtt.Options
		schemes []string // that Connect refuses
		words   string
	}{
		{"Headers", mqtt.Options{Headers: "A: b\r\n"}, []string{"mqtt", "mqtts"}, onlyWS},
		{"WS", mqtt.Options{WS: &ws.Options{}}, []string{"mqtt", "mqtts"}, onlyWS},
		{"TLS", mqtt.Options{TLS: &tls.Config{}}, []string{"mqtt", "ws"}, onlyTLS},
		{"Deadlines", mqtt.Options{Deadlines: &reactor.Deadlines{}}, nil, ""},
	} {
		for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
			t.Run(row.field+" "+scheme, func(t *testing.T) {
				m := looptest.NewManager(t)
				c, err := mqtt.Connect(m, scheme+"://me:secret@127.0.0.1:9", &row.opts, nil, nil)
				refused := slices.Contains(row.schemes, scheme)
				switch {
				case refused && err == nil:
					t.Error("no error")
				case refused:
					looptest.WantErr(t, err, nil, "Options."+row.field, row.words, scheme+"://")
					if strings.Contains(err.Error(), "secret") {
						t.Errorf("error %q has the password", err)
					}
				case err != nil:
					t.Error(err)
				default:
					c.Close()
				}
				if refused {
					wantNoConns(t, m)
				}
			})
		}
	}
}

// Connect refuses invalid fields of the transport, and names them. No error has a header's value.
func TestConnectRefusesInvalidTransportOptions(t *testing.T) {
	for _, row := range []struct {
		opts  mqtt.Options
		words string
	}{
		{mqtt.Options{Headers: "Authorization: Bearer secret"}, "Options.Headers: line 1 is not of the form"},
		{mqtt.Options{Headers: "Bearer secret\r\n"}, "Options.Headers"},
		{mqtt.Options{Headers: "A: b\r\nCookie: secret\nA: b\r\n"}, "Options.Headers: line 2"},
		{mqtt.Options{Headers: "sec-websocket-protocol: mqtt\r\n"}, "Options.Headers contains sec-websocket-protocol: Connect adds it"},
		{mqtt.Options{Headers: "Upgrade: h2c\r\n"}, "Upgrade"},
		{mqtt.Options{Headers: "Host: x\r\nHost: y\r\n"}, "Host"},
		{mqtt.Options{WS: &ws.Options{Ping: 30}}, "Options.Ping"},
		{mqtt.Options{WS: &ws.Options{Headers: "A: b\r\n"}}, "Options.WS.Headers"},
		{mqtt.Options{WS: &ws.Options{Origins: []string{"*"}}}, "Options.WS has Origins"},
		{mqtt.Options{WS: &ws.Options{CheckOrigin: func(*http.Message) bool { return true }}}, "CheckOrigin"},
		{mqtt.Options{WS: &ws.Options{Check: func(*reactor.Conn, *http.Message) error { return nil }}}, "Check"},
		{mqtt.Options{WS: &ws.Options{Protocols: []string{"mqtt", "mqttv3.1"}}}, "Options.WS.Protocols contains \"mqttv3.1\""},
	} {
		t.Run(row.words, func(t *testing.T) {
			m := looptest.NewManager(t)
			_, err := mqtt.Connect(m, "ws://127.0.0.1:9", &row.opts, noHandler(t), nil)
			if err == nil {
				t.Fatal("no error")
			}
			looptest.WantErr(t, err, nil, row.words)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q has the value of a header", err)
			}
			wantNoConns(t, m)
		})
	}
}

// Login refuses the fields that only Connect uses, and sends nothing.
func TestLoginRefusesOptionsOfConnect(t *testing.T) {
	m, r := looptest.NewManager(t), &recorder{t: t}
	c, _ := connWithoutLayer(t, m, r)
	for field, opts := range map[string]mqtt.Options{
		"Headers":   {Headers: "A: b\r\n"},
		"WS":        {WS: &ws.Options{}},
		"TLS":       {TLS: &tls.Config{}},
		"Deadlines": {Deadlines: &reactor.Deadlines{}},
	} {
		looptest.WantErr(t, mqtt.Login(c, &opts), nil, "Login with Options."+field)
	}
	if c.Send.Len() > 0 {
		t.Errorf("% x in Send", c.Send.Bytes())
	}
}

// The WebSocket request has the additional headers and the extension of the options. The
// credentials of the URL belong to MQTT, and do not hide a header.
func TestConnectSendsHeaders(t *testing.T) {
	m, r := looptest.NewManager(t), &recorder{t: t}
	l, addr := looptest.ListenSocket(t)
	_, err := mqtt.Connect(m, "ws://me:pw@"+addr, &mqtt.Options{
		Headers: "Authorization: Bearer token\r\nX-Amz-Date: 20260101\r\n",
		WS:      &ws.Options{Deflate: &ws.Deflate{}, Protocols: []string{"mqtt"}},
	}, r.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Socket: l.AwaitAccept(m)}
	p.ws = true
	looptest.Await(t, m, "the request", func() bool { p.readAll(); return p.head != "" })
	for name, want := range map[string]string{
		"Authorization": "Bearer token", "X-Amz-Date": "20260101", "Sec-WebSocket-Protocol": "mqtt",
	} {
		if got := p.header(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := p.header("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
		t.Errorf("extensions %q, want permessage-deflate", got)
	}
}

// Options.TLS is used for the handshake, without a call of StartTLS. It is copied: a change after
// Connect has no effect.
func TestConnectUsesTLSOfOptions(t *testing.T) {
	for _, scheme := range []string{"mqtts", "wss"} {
		for _, given := range []bool{true, false} {
			t.Run(scheme, func(t *testing.T) {
				m, authority := looptest.NewManager(t), looptest.NewAuthority(t)
				l, err := mqtt.Listen(m, scheme+"://127.0.0.1:0", newRecorder(t, acceptAll).handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				l.StartTLS(authority.Server(t))
				opts := &mqtt.Options{}
				if given {
					opts.TLS = authority.Client()
				}
				client := &recorder{t: t}
				c, err := mqtt.Connect(m, scheme+"://"+l.LocalAddr().String(), opts, client.handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				if given {
					opts.TLS.RootCAs = nil
				}
				looptest.Await(t, m, "the end of the handshake", func() bool { return client.Noted("connack")() || client.Closed() })
				if !given {
					var unknown *tls.CertificateVerificationError
					if !errors.As(client.Err(t), &unknown) {
						t.Errorf("error %v, want an unknown authority", client.Err(t))
					}
					return
				}
				if len(client.Errs) > 0 {
					t.Errorf("errors %v", client.Errs)
				}
				c.Close()
			})
		}
	}
}

// Options.Deadlines are those of the connection, from the dialing to the end.
func TestConnectUsesDeadlinesOfOptions(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		clock := looptest.NewClock()
		m := looptest.NewManager(t, reactor.WithClock(clock.Now))
		r := &recorder{t: t}
		l, addr := looptest.ListenSocket(t)
		opts := &mqtt.Options{Deadlines: &reactor.Deadlines{Handshake: 3 * time.Second}}
		if _, err := mqtt.Connect(m, scheme+"://"+addr, opts, r.handle, nil); err != nil {
			t.Fatal(err)
		}
		opts.Deadlines.Handshake = time.Hour // a change has no effect
		p := &peer{Socket: l.AwaitAccept(m)}
		if p.ws = scheme == "ws"; p.ws {
			p.agree(m, answerMQTT)
		}
		looptest.Await(t, m, "CONNECT", func() bool { p.readAll(); return len(p.got) > 0 })
		clock.Advance(3*time.Second - 1)
		looptest.Settle(t, m)
		if len(r.Errs) > 0 {
			t.Fatalf("errors %v before the deadline", r.Errs)
		}
		clock.Advance(1)
		looptest.Await(t, m, "EvClose", r.Closed)
		looptest.WantErr(t, r.Err(t), nil, "handshake deadline of 3s")
	})
}
