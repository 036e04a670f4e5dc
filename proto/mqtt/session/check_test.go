package session_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// Each invalid option is an error of New that names the option. New opens no connection then.
func TestInvalidOptions(t *testing.T) {
	prop := func(id mqtt.PropID) func(o *session.Options) {
		return func(o *session.Options) {
			o.Login.Version = 5
			o.Login.Props = []mqtt.Property{{ID: id, Int: 1}}
		}
	}
	tests := []struct {
		words  string
		change func(o *session.Options)
	}{
		{"Options.URLs", func(o *session.Options) { o.URLs = nil }},
		{"Options.URLs[1]", func(o *session.Options) { o.URLs = append(o.URLs, "http://host") }},
		{"Options.URLs[1]", func(o *session.Options) { o.URLs = append(o.URLs, "host") }},
		{"Options.URLs[1]", func(o *session.Options) { o.URLs = append(o.URLs, "mqtt://host/path") }},
		{"Options.URLs[1]", func(o *session.Options) { o.URLs = append(o.URLs, "mqtt://") }},
		{"Options.URLs[1]", func(o *session.Options) { o.URLs = append(o.URLs, "ws://host:0") }},
		{"Options.Login.Version", func(o *session.Options) { o.Login.Version = 3 }},
		{"Options.Expiry", func(o *session.Options) { o.Expiry = -1 }},
		{"Options.Expiry", func(o *session.Options) { o.Expiry, o.Login.ClientID = time.Hour, "" }},
		{"Options.Store", func(o *session.Options) { o.Store, o.Login.ClientID = newLogStore(), "" }},
		{"Options.Auth", func(o *session.Options) { o.Auth = &scram{} }},
		{"Options.Auth", func(o *session.Options) { o.Auth, o.Login.Version = &scram{noMethod: true}, 5 }},
		{"Options.Inflight", func(o *session.Options) { o.Inflight = -1 }},
		{"Options.Inflight", func(o *session.Options) { o.Inflight = 65536 }},
		{"Options.Queue.Full", func(o *session.Options) { o.Queue.Full = session.DropQoS0 + 1 }},
		{"Options.Backoff.Min", func(o *session.Options) { o.Backoff.Min = -1 }},
		{"Options.Backoff.Max", func(o *session.Options) { o.Backoff.Max = -1 }},
		{"Options.Backoff.Stable", func(o *session.Options) { o.Backoff.Stable = -1 }},
		{"Options.Backoff.Min", func(o *session.Options) { o.Backoff = session.Backoff{Min: 2, Max: 1} }},
		{"Options.Login", func(o *session.Options) { o.Login.ID = 1 }},
		{"Options.Login", func(o *session.Options) { o.Login.RetransmitID = 1 }},
		{"use Options.Expiry", prop(mqtt.PropSessionExpiryInterval)},
		{"use Options.ReceiveMaximum", prop(mqtt.PropReceiveMaximum)},
		{"use Options.Auth", prop(mqtt.PropAuthenticationMethod)},
		{"use Options.Auth", prop(mqtt.PropAuthenticationData)},
		{"Login", func(o *session.Options) { o.Login.Props = []mqtt.Property{{ID: mqtt.PropTopicAliasMaximum}} }},
		{"AssignID", func(o *session.Options) { o.Login.AssignID = true }},
		{"KeepAlive", func(o *session.Options) { o.Login.KeepAlive = time.Millisecond }},
		{"KeepAlive", func(o *session.Options) { o.Login.KeepAlive = 100 * time.Hour }},
		{"Login", func(o *session.Options) { o.Login.Topic = "will/#" }},
		{"Headers", func(o *session.Options) { o.Login.Headers = "A: b\r\n" }},
		{"TLS", func(o *session.Options) { o.Login.TLS = &tls.Config{} }},
	}
	for _, test := range tests {
		t.Run(test.words, func(t *testing.T) {
			m, _ := newLoop(t)
			o := session.Options{URLs: []string{"mqtt://127.0.0.1"}, Login: mqtt.Options{ClientID: "c"}}
			test.change(&o)
			s, err := session.New(m, &o, nil, nil)
			if err == nil || s != nil || !strings.HasPrefix(err.Error(), "session: ") || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error %v, want %q", err, test.words)
			}
			for range m.Conns() {
				t.Error("a connection was made")
			}
			if m.NextTimeout() < time.Hour {
				t.Error("the loop has work")
			}
		})
	}
	m, _ := newLoop(t)
	if _, err := session.New(m, nil, nil, nil); err == nil {
		t.Error("nil Options")
	}
	looptest.Must(t, m.Close())
	if _, err := session.New(m, &session.Options{URLs: []string{"mqtt://127.0.0.1"}}, nil, nil); err != reactor.ErrClosed {
		t.Errorf("closed manager: %v", err)
	}
}

// Options of one transport are not used with the URLs of others. New does not change its Options.
func TestOptionsOfTransports(t *testing.T) {
	m, k := newLoop(t)
	plain, secure := newServer(t, m, "mqtt"), newServer(t, m, "wss")
	o := session.Options{URLs: []string{plain.url, secure.url}, Login: mqtt.Options{Headers: "X-Token: abc\r\n"}}
	plain.refuse = mqtt.ConnackServerUnavailable
	cl := newClient(t, m, k, o)
	cl.await("retry")
	cl.k.Advance(time.Second)
	cl.await("up")
	if o.Login.Version != 0 || o.Login.KeepAlive != 0 || o.Login.TLS != nil {
		t.Errorf("the options were changed: %+v", o)
	}
}
