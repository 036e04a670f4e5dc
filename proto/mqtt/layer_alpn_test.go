package mqtt_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// A client of mqtts:// works with each server that accepts a client without ALPN, whatever names
// the server knows: a proxy that knows h2 and http/1.1, or a broker that knows mqtt. A name that
// the program gives is offered.
func TestALPNOfClient(t *testing.T) {
	for _, row := range []struct {
		scheme         string
		server, client []string // NextProtos
		want           string   // the negotiated protocol; "refused" if there is none in common
	}{
		{"mqtts", []string{"h2", "http/1.1"}, nil, ""},
		{"mqtts", []string{"mqtt"}, nil, ""},
		{"mqtts", nil, nil, ""},
		{"mqtts", []string{}, nil, ""},
		{"mqtts", []string{"mqtt"}, []string{"mqtt"}, "mqtt"},
		{"mqtts", []string{"x-amzn-mqtt-ca"}, []string{"x-amzn-mqtt-ca"}, "x-amzn-mqtt-ca"},
		{"mqtts", []string{"h2", "http/1.1"}, []string{"mqtt"}, "refused"},
		{"wss", []string{"h2", "http/1.1"}, nil, "http/1.1"},
		{"wss", nil, nil, "http/1.1"},
		{"wss", []string{}, nil, ""},
		{"wss", []string{"mqtt"}, []string{"mqtt"}, "mqtt"},
		{"wss", []string{"mqtt"}, []string{}, ""},
	} {
		t.Run(row.scheme+" "+strings.Join(row.server, ",")+" for "+strings.Join(row.client, ","), func(t *testing.T) {
			m, authority := looptest.NewManager(t), looptest.NewAuthority(t)
			l, err := mqtt.Listen(m, row.scheme+"://127.0.0.1:0", newRecorder(t, acceptAll).handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			cfg, own := authority.Server(t), authority.Client()
			cfg.NextProtos, own.NextProtos = row.server, row.client
			l.StartTLS(cfg)
			r := newRecorder(t, nil)
			url := row.scheme + "://" + l.LocalAddr().String()
			c, err := mqtt.Connect(m, url, &mqtt.Options{TLS: own}, r.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			looptest.Await(t, m, "the end of the handshake", func() bool { return r.Noted("connack")() || r.Closed() })
			switch {
			case row.want == "refused":
				looptest.WantErr(t, r.Err(t), nil, "no application protocol")
			case len(r.Errs) > 0:
				t.Errorf("errors %v, want the protocol %q", r.Errs, row.want)
			case c.TLS().NegotiatedProtocol != row.want:
				t.Errorf("negotiated %q, want %q", c.TLS().NegotiatedProtocol, row.want)
			}
		})
	}
}

// A listener of mqtts:// without NextProtos accepts clients that offer mqtt or nothing. It refuses
// clients that offer only other protocols: a browser that was led to the port cannot speak there.
func TestALPNOfListener(t *testing.T) {
	authority := looptest.NewAuthority(t)
	for _, row := range []struct {
		offer []string
		want  string // "refused", or the negotiated protocol
	}{
		{nil, ""},
		{[]string{"mqtt"}, "mqtt"},
		{[]string{"h2", "mqtt", "http/1.1"}, "mqtt"},
		{[]string{"h2"}, "refused"},
		{[]string{"h2", "http/1.1"}, "refused"},
	} {
		t.Run(strings.Join(row.offer, ","), func(t *testing.T) {
			m, r := looptest.NewManager(t), newRecorder(t, nil)
			l, err := mqtt.Listen(m, "mqtts://127.0.0.1:0", r.handle, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.StartTLS(authority.Server(t))
			cfg := authority.Client()
			cfg.NextProtos, cfg.ServerName = row.offer, "127.0.0.1"
			got := make(chan error, 1)
			var state tls.ConnectionState
			go func() {
				c, err := tls.Dial("tcp", l.LocalAddr().String(), cfg)
				if err == nil {
					state = c.ConnectionState()
					err = c.Close()
				}
				got <- err
			}()
			looptest.Await(t, m, "EvClose", func() bool { return slices.Contains(r.Lines, "CLOSE") })
			err = <-got
			switch {
			case row.want == "refused" && (err == nil || len(r.Errs) == 0):
				t.Errorf("error of the client %v, of the server %v, want both", err, r.Errs)
			case row.want == "refused":
			case err != nil, state.NegotiatedProtocol != row.want:
				t.Errorf("negotiated %q, error %v, want %q", state.NegotiatedProtocol, errors.Join(append(r.Errs, err)...), row.want)
			}
		})
	}
}
