package ws_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// CheckConnect returns an error for what Connect refuses, and no other.
func TestCheckConnect(t *testing.T) {
	urls := []string{
		"ws://127.0.0.1", "wss://127.0.0.1:1/path?q", "ws://u:p@127.0.0.1", "",
		"127.0.0.1", "http://127.0.0.1", "ws://", "ws://:80", "ws://127.0.0.1:0", "wss://127.0.0.1:99999", "ws://127.0.0.1#x",
		"ws://127.0.0.1/#", "ws://a%3Ab@127.0.0.1", "ws://ex%C3%A4mple", "ws://127.0.0.1/a b", "unix:///x", "unix:///x?y", "unix://x", "unix:",
	}
	m := looptest.NewStillManager(t)
	for _, url := range urls {
		for _, headers := range []string{"", "A: b\r\n", "A b", "Host: a\r\n"} {
			for _, opts := range [][]*ws.Options{nil, {nil}, {{Ping: time.Second}}, {{Ping: 1}}, {nil, nil}} {
				_, want := ws.Connect(m, url, nil, nil, headers, opts...)
				got := ws.CheckConnect(url, headers, opts...)
				if (got == nil) != (want == nil) {
					t.Errorf("%q, headers %q: CheckConnect %v, Connect %v", url, headers, got, want)
				}
			}
		}
	}
}
