package broker

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// TestClient uses the broker through mqtt.Connect.
func TestClient(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		for _, v := range []uint8{4, 5} {
			for qos := range uint8(3) {
				t.Run(fmt.Sprintf("%s/v%d/QoS%d", transport, v, qos), func(t *testing.T) {
					h := newFixture(t)
					url := strings.Replace(h.urls[transport], "tcp:", "mqtt:", 1)
					var got []string
					closed := false
					opts := mqtt.Options{Version: v, Clean: true}
					_, err := mqtt.Connect(h.m, url, &opts, func(c *reactor.Conn, ev reactor.Event, data any) {
						switch ev {
						case reactor.EvMQTTOpen:
							mqtt.Sub(c, &mqtt.Options{Topic: "mg/#", QoS: 2})
							mqtt.Pub(c, &mqtt.Options{Topic: "mg/test", Message: []byte("hello"), QoS: qos})
						case reactor.EvMQTTMsg:
							got = append(got, show(data.(*mqtt.Message)))
							mqtt.Disconnect(c, nil)
							c.Drain()
						case reactor.EvError:
							t.Error(data)
						case reactor.EvClose:
							closed = true
						}
					}, nil)
					if err != nil {
						t.Fatal(err)
					}
					h.until("the end", func() bool { return closed && len(h.b.clients) == 0 })
					if want := []string{fmt.Sprintf("PUBLISH q%d mg/test=hello", qos)}; !slices.Equal(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
				})
			}
		}
	}
}

func TestClose(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(4, "a"), "a: CONNACK 0x0"},
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
	})
	h.dial("c", "tcp")
	if n := h.b.Clients(); n != 2 {
		t.Errorf("%d clients, want 2", n)
	}
	h.b.Close()
	h.until("the end of all", func() bool { return h.alive() == 0 })
	h.expect("a: closed; b: DISCONNECT 0x8b, closed; c: closed")
	for c := range h.m.Conns() {
		t.Errorf("connection %d is left", c.ID())
	}
}

func TestListenErrors(t *testing.T) {
	m, err := reactor.New()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := New(m, slog.New(slog.DiscardHandler))
	used, err := b.Listen("mqtt://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "nonsense", "tcp://127.0.0.1:0",
		"mqtt://no.such.host.invalid:0", "mqtt://" + used.LocalAddr().String(), "ws://" + used.LocalAddr().String()} {
		if c, err := b.Listen(url); err == nil || c != nil {
			t.Errorf("Listen(%q) returns no error", url)
		}
	}
	if n := len(b.listeners); n != 1 {
		t.Errorf("%d listeners, want 1", n)
	}
}
