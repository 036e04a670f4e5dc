package interop

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// If the broker refuses a login, the error has the name of the CONNACK's code.
func TestRefused(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		for _, r := range tg.refusals {
			l := newLoop(t)
			c := l.start(r.user, tg, mqtt.Options{Clean: true, User: r.user, Password: r.password})
			c.ended()
			var refused *mqtt.RefusedError
			if !errors.As(c.err, &refused) || refused.Cmd != mqtt.CmdConnack || refused.Code != c.code {
				t.Errorf("%s: CONNACK %d, error %v", r.user, c.code, c.err)
				continue
			}
			if want := r.names[tg.version]; !strings.Contains(c.err.Error()+":", " "+want+":") { // a reason string may follow
				t.Errorf("%s: error %q, want %q", r.user, c.err, want)
			}
		}
	})
}

// The credentials may be in the options or in the URL. Those in the options come first.
func TestCredentials(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		known := mqtt.Options{Clean: true, User: user, Password: password}
		l.open("by options", tg, known).disconnect()
		if tg.byHand {
			return // credentials in a ws:// URL are those of HTTP
		}
		u, err := url.Parse(tg.url)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, password)
		tg.url = u.String()
		l.open("by URL", tg, clean()).disconnect()
		u.User = url.UserPassword(user, "wrong")
		tg.url = u.String()
		l.open("by options rather than URL", tg, known).disconnect()
		c := l.start("by URL, wrongly", tg, clean())
		c.ended()
		if c.err == nil || !strings.HasPrefix(c.err.Error(), "mqtt: connection refused: ") {
			t.Errorf("wrong password in the URL: %v", c.err)
		}
	})
}

// TestForbidden subscribes to and publishes to a topic that the broker does not allow.
func TestForbidden(t *testing.T) {
	eachRoute(t, func(t *testing.T, tg target) {
		l := newLoop(t)
		c := l.open("client", tg, clean())
		want := map[uint8]string{4: "Failure", 5: "Not authorized"}[tg.version]
		if got := c.sub(secret, 1).Name(tg.version); tg.deniesFilter && got != want {
			t.Errorf("SUBACK says %q, want %q", got, want)
		}
		if tg.version == 5 { // in 3.1.1 a PUBACK has no code
			id := c.pub(mqtt.Options{Topic: secret, QoS: 1})
			if got := c.answer(mqtt.CmdPuback, id).Name(5); got != want {
				t.Errorf("PUBACK says %q, want %q", got, want)
			}
			id = c.pub(mqtt.Options{Topic: secret, QoS: 2})
			if got := c.answer(mqtt.CmdPubrec, id).Name(5); got != want {
				t.Errorf("PUBREC says %q, want %q", got, want)
			}
		}
		c.ping()
		c.disconnect()
	})
}

// TestNoMQTT connects to WebSocket servers that have no MQTT.
func TestNoMQTT(t *testing.T) {
	b := startMochi(t)
	base := strings.TrimSuffix(b.routes[1].url, "/whole")
	for path, want := range map[string]ws.HandshakeError{
		"/nothing": {Status: 404, Reason: "server answered 404 Not Found: \"404 page not found\""},
		"/bare":    {Status: 101, Header: "Sec-WebSocket-Protocol", Reason: "the server did not choose the subprotocol mqtt; check the path of the URL"},
	} {
		l := newLoop(t)
		c := l.start(path, target{b, route{path, base + path, false}, 4}, clean())
		c.ended()
		var got *ws.HandshakeError
		if !errors.As(c.err, &got) || *got != want {
			t.Errorf("%s: %v, want %v", path, c.err, &want)
		}
	}
}
