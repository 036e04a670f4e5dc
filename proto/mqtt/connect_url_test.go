package mqtt_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// noHandler fails the test if it gets an event.
func noHandler(t *testing.T) reactor.Handler {
	return func(_ *reactor.Conn, ev reactor.Event, _ any) {
		t.Errorf("%v after Connect or Listen returned an error", ev)
	}
}

// wantNoConns checks that a failed call has left no connection.
func wantNoConns(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for c := range m.Conns() {
		t.Errorf("connection %d exists, want none", c.ID())
		c.Fn = nil
	}
}

// Connect returns an error for an invalid URL. The error does not contain the password.
func TestConnectRefusesInvalidURL(t *testing.T) {
	for _, row := range []struct{ url, words string }{
		{"", "bad URL"},
		{"127.0.0.1:1883", "bad URL"},
		{"http://127.0.0.1", "bad URL"},
		{"tcp://127.0.0.1:1883", "want mqtt://, mqtts://, ws://, wss:// or unix://"},
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
				m := looptest.NewManager(t)
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

// The URL may contain an IPv6 address with a zone [RFC 6874 2].
func TestConnectAcceptsIPv6Zone(t *testing.T) {
	for _, scheme := range transports {
		m := looptest.NewManager(t)
		c, err := mqtt.Connect(m, scheme+"://[fe80::1%25lo]:9/", nil, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		c.Close()
	}
}

// No log record and no error contains the password.
func TestPasswordIsNotLogged(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		var out bytes.Buffer
		m := looptest.NewManager(t, reactor.WithLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		r := &recorder{t: t}
		l, addr := looptest.ListenSocket(t)
		if _, err := mqtt.Connect(m, scheme+"://me:secret@"+addr, &mqtt.Options{ClientID: "c"}, r.handle, nil); err != nil {
			t.Fatal(err)
		}
		p := &peer{Socket: l.AwaitAccept(m)}
		if p.ws = scheme == "ws"; p.ws {
			p.agree(m, answerMQTT)
		}
		p.send(pack("20 02 00 04"))
		looptest.Await(t, m, "EvClose", func() bool { p.endIfDone(); return r.Closed() })
		looptest.WantErr(t, r.Err(t), nil, "0x04 Bad user name or password")
		if out.Len() == 0 {
			t.Error("nothing was logged at level Debug")
		}
		if text := out.String() + r.Err(t).Error(); strings.Contains(text, "secret") {
			t.Errorf("the password is in the log or in the error:\n%s", text)
		}
	})
}
