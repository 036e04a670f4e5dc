package mqtt_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

func noHandler(t *testing.T) reactor.Handler {
	return func(_ *reactor.Conn, ev reactor.Event, _ any) { t.Errorf("%v on a connection that was refused", ev) }
}

// wantNoConns checks that a refused call left nothing behind.
func wantNoConns(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for c := range m.Conns() {
		t.Errorf("connection %d was left behind", c.ID())
		c.Fn = nil
	}
}

func TestConnBadURL(t *testing.T) {
	for _, row := range []struct{ url, words string }{
		{"", "bad URL"},
		{"127.0.0.1:1883", "bad URL"},
		{"http://127.0.0.1", "bad URL"},
		{"tcp://127.0.0.1:1883", "want mqtt:// or ws://"},
		{"mqtt://", "host"},
		{"ws://", "host"},
		{"ws:///path", "host"},
		{"mqtt://127.0.0.1:0", "port"},
		{"mqtt://127.0.0.1:65536", "port"},
		{"mqtt://127.0.0.1:", "port"},
		{"ws://127.0.0.1:x", "port"},
		{"mqtt://127.0.0.1/path", "path"},
		{"mqtt://127.0.0.1?a=b", "query"},
		{"ws://127.0.0.1/#f", "fragment"},
	} {
		for _, user := range []string{"", "me:secret@"} {
			url := row.url
			if scheme, rest, ok := strings.Cut(url, "://"); ok {
				url = scheme + "://" + user + rest
			}
			t.Run(url, func(t *testing.T) {
				m := newManager(t)
				_, err := mqtt.Connect(m, url, nil, noHandler(t), nil)
				if err == nil {
					t.Error("no error")
				} else if !strings.Contains(err.Error(), row.words) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %q, want %q and no password", err, row.words)
				}
				wantNoConns(t, m)
			})
		}
	}
}

func TestConnBadListenURL(t *testing.T) {
	for _, row := range []struct{ url, words string }{
		{"", "bad URL"},
		{"tcp://127.0.0.1:0", "want mqtt:// or ws://"},
		{"mqtt://me:secret@127.0.0.1:99999", "port"},
		{"http://me:secret@127.0.0.1:0", "want mqtt:// or ws://"},
		{"mqtt://no.such.host.invalid:0", "invalid"},
		{"ws://no.such.host.invalid:0", "invalid"},
	} {
		t.Run(row.url, func(t *testing.T) {
			m := newManager(t)
			_, err := mqtt.Listen(m, row.url, noHandler(t), nil)
			if err == nil || !strings.Contains(err.Error(), row.words) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q and no password", err, row.words)
			}
			wantNoConns(t, m)
		})
	}
}

// A zone is part of an IPv6 address and survives [RFC 6874 2].
func TestConnZone(t *testing.T) {
	for _, scheme := range transports {
		m := newManager(t)
		c, err := mqtt.Connect(m, scheme+"://[fe80::1%25lo]:9/", nil, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		c.Close()
	}
}

func TestConnBadOptions(t *testing.T) {
	for _, row := range []struct {
		name string
		opts mqtt.Options
		word string
	}{
		{"version 3", mqtt.Options{Version: 3}, "version"},
		{"version 6", mqtt.Options{Version: 6}, "version"},
		{"KeepAlive beyond 65535 s", mqtt.Options{KeepAlive: 65535*time.Second + 1}, "KeepAlive is 18h12m15.000000001s, a time.Duration"},
		{"KeepAlive for ever", mqtt.Options{KeepAlive: 1<<63 - 1}, "KeepAlive is 2562047h47m16.854775807s, a time.Duration"},
		{"KeepAlive in seconds", mqtt.Options{KeepAlive: 60}, "KeepAlive is 60ns, a time.Duration"},
		{"KeepAlive 1 ns", mqtt.Options{KeepAlive: 1}, "KeepAlive is 1ns, a time.Duration"},
		{"KeepAlive 1 s less 1 ns", mqtt.Options{KeepAlive: time.Second - 1}, "KeepAlive is 999.999999ms, a time.Duration"},
		{"KeepAlive -1 ns", mqtt.Options{KeepAlive: -1}, "KeepAlive is -1ns, a time.Duration"},
		{"KeepAlive -1 s", mqtt.Options{KeepAlive: -time.Second}, "KeepAlive is -1s, a time.Duration"},
		{"KeepAlive -2 s", mqtt.Options{KeepAlive: -2 * time.Second}, "KeepAlive is -2s, a time.Duration"},
		{"session that outlives a made-up client identifier", mqtt.Options{Version: 5, Props: []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 1}}}, "without ClientID"},
		{"MQTT-3.1.2-14 will QoS 3", mqtt.Options{Topic: "t", QoS: 3}, "QoS"},
		{"MQTT-3.1.2-22 password without user", mqtt.Options{Password: "p"}, "password"},
		{"MQTT-4.7.1-1 wildcard in will topic", mqtt.Options{Topic: "a/#"}, "MQTT-"},
		{"MQTT-1.5.3-2 NUL in client identifier", mqtt.Options{ClientID: "a\x00"}, "client identifier"},
		{"MQTT-1.5.3-1 user not UTF-8", mqtt.Options{User: "\xff"}, "user name"},
		{"password too long", mqtt.Options{User: "u", Password: tooLong}, "password"},
		{"will too long", mqtt.Options{Topic: "t", Message: []byte(tooLong)}, "will"},
		{"properties in 3.1.1", mqtt.Options{Props: []mqtt.Property{{ID: mqtt.PropReceiveMaximum, Int: 5}}}, "propert"},
		{"property of another packet", mqtt.Options{Version: 5, Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 5}}}, "Topic Alias"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			for _, scheme := range transports {
				_, err := mqtt.Connect(m, scheme+"://127.0.0.1:9", &row.opts, noHandler(t), nil)
				if err == nil {
					t.Errorf("%s: no error", scheme)
				} else {
					wantErr(t, err, nil, row.word)
				}
			}
			wantNoConns(t, m)
		})
	}
}

// Nothing that is logged, at any level, nor any error shows a password.
func TestConnRedaction(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		var out bytes.Buffer
		m := newManager(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		r := &recorder{t: t}
		fd, addr := listenOn(t)
		if _, err := mqtt.Connect(m, scheme+"://me:secret@"+addr, &mqtt.Options{ClientID: "c"}, r.handle, nil); err != nil {
			t.Fatal(err)
		}
		p := acceptPeer(t, m, fd)
		if p.ws = scheme == "ws"; p.ws {
			p.agree(m, answerMQTT)
		}
		p.send(pack("20 02 00 04"))
		await(t, m, "EvClose", r.closed)
		wantErr(t, r.err(), nil, "bad user name or password")
		if out.Len() == 0 {
			t.Error("nothing was logged at level Debug")
		}
		if text := out.String() + r.err().Error(); strings.Contains(text, "secret") {
			t.Errorf("the password shows:\n%s", text)
		}
	})
}
