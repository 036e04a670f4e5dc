package proxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/reactor"
)

// A session goes through its proxy in each attempt.
func TestSessionThroughProxy(t *testing.T) {
	m := looptest.NewManager(t)
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", serve, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := startSOCKS5(t, login)
	ups, dials := 0, 0
	s, err := session.New(m, &session.Options{
		URLs:    []string{fmt.Sprintf("mqtt://server.test:%d", l.LocalAddr().Port())},
		Backoff: session.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		Login: mqtt.Options{ClientID: "c", Clean: true, Dial: func(c *reactor.Conn) error {
			dials++
			return proxy.Dial(c, "socks5://user:pass%20word@"+p.addr)
		}},
	}, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvSessionUp {
			if ups++; ups < 3 {
				c.Close() // as if the network had failed
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "three connections", func() bool { return ups == 3 })
	target := fmt.Sprintf("server.test:%d", l.LocalAddr().Port())
	if got := p.asked(); dials != 3 || !slices.Equal(got, []string{target, target, target}) {
		t.Errorf("%d dials, the proxy was asked for %q", dials, got)
	}
	s.Close()
	looptest.Settle(t, m)
}
