package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Nobody turned a default off.
func TestDefaultLimits(t *testing.T) {
	want := Limits{Conns: 1000, Packet: 4 << 20, Filters: 1000, Levels: 128, Client: 4 << 20, Queue: 1000, Sessions: 1000,
		Kept: 64 << 20, Expiry: 24 * time.Hour, Send: 1 << 20, Total: 256 << 20, Retained: 4 << 20, KeepAlive: time.Hour}
	h := newFixture(t)
	if got := h.b.limits; got != want {
		t.Errorf("the defaults are %+v, want %+v", got, want)
	}
	h.b.SetLimits(Limits{Filters: 7})
	if want.Filters = 7; h.b.limits != want {
		t.Errorf("with 7 filters: %+v", h.b.limits)
	}
	if off := (Limits{Conns: -1, Packet: -1, Client: -1}).resolved(); off.Conns < 1<<30 || off.Client < 1<<30 || off.Packet != anySize {
		t.Errorf("without limits: %+v", off)
	}
}

// At the limit, a connection that has not sent CONNECT makes room. Clients stay.
func TestConnectionLimit(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Conns: 2})
	l, err := h.b.Listen("mqtt://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.urls["tcp"] = "tcp://" + l.LocalAddr().String()
	h.dial("silent", "tcp")
	play(h, "tcp", []step{
		{"a", connect(4, "a"), "a: CONNACK 0x0"},
		{"b", connect(4, "b"), "b: CONNACK 0x0; silent: closed"},
		{"c", connect(4, "c"), "c: closed"},
		{"a", disconnect(4, 0), "a: closed"},
		{"d", connect(4, "d"), "d: CONNACK 0x0"},
	})
}

func TestLevels(t *testing.T) {
	most := strings.Repeat("a/", MaxLevels-1)
	beyond := most + "/"
	will := func(topic string) func(*mqtt.ConnectPacket) {
		return func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: topic} }
	}
	run(t, []script{
		{"at the limit", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a", will(most)), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter(most, 0)), "a: SUBACK 1 00"},
				{"a", publish(v, 0, most, "x"), "a: PUBLISH q0 " + most + "=x"},
			}
		}},
		{"beyond", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter(beyond, 0), filter("t", 0)), "a: SUBACK 1 8f00"},
				{"a", publish(v, 0, beyond, "x"), "a: DISCONNECT 0x90, closed"},
				{"b", connect(v, "b", will(beyond)), "b: CONNACK 0x90, closed"},
			}
		}},
		{"beyond", 4, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter(beyond, 0), filter("t", 0)), "a: SUBACK 1 8000"},
				{"a", publish(v, 0, beyond, "x"), "a: closed"},
				{"b", connect(v, "b", will(beyond)), "b: CONNACK 0x3, closed"},
			}
		}},
	})
}

func TestKeepAliveLimit(t *testing.T) {
	for _, tc := range []struct {
		limit   time.Duration
		asked   uint16
		version uint8
		want    uint16
	}{
		{0, 0, 5, 3600},
		{0, 3600, 5, 3600},
		{0, 3601, 5, 3600},
		{0, 0, 4, 0},
		{0, 65535, 4, 65535},
		{time.Minute, 61, 5, 60},
		{time.Minute, 10, 5, 10},
		{-1, 0, 5, 0},
		{100 * time.Hour, 0, 5, 65535},
	} {
		l := Limits{KeepAlive: tc.limit}.resolved()
		if got, changed := l.keepAlive(tc.asked, tc.version); got != tc.want || changed != (got != tc.asked) {
			t.Errorf("%+v: %d, changed %v", tc, got, changed)
		}
	}
}

// A SUBSCRIBE beyond the limit of the mqtt layer disconnects the client, however short the filters
// are.
func TestFiltersOfAPacket(t *testing.T) {
	many := make([]mqtt.Filter, mqtt.DefaultMaxFilters+1)
	for i := range many {
		many[i] = filter("a", 0)
	}
	run(t, []script{{"", 5, func(v uint8) []step {
		return []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"a", subscribe(v, 1, many...), "a: DISCONNECT 0x97, closed"},
		}
	}}})
}
