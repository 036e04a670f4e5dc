package mqtt_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
)

// CheckConnect returns an error for what Connect refuses, and no other.
func TestCheckConnect(t *testing.T) {
	urls := []string{
		"mqtt://127.0.0.1", "mqtts://127.0.0.1:1", "ws://127.0.0.1/path?q", "wss://u:p@127.0.0.1",
		"", "127.0.0.1", "http://127.0.0.1", "tcp://127.0.0.1:1", "mqtt://127.0.0.1/path", "mqtt://127.0.0.1?q", "mqtt://",
		"ws://", "mqtt://127.0.0.1:0", "ws://127.0.0.1:0", "mqtt://127.0.0.1:99999", "mqtt://a b", "ws://127.0.0.1#x",
		"mqtt://u:" + strings.Repeat("p", 1<<16) + "@127.0.0.1", "ws://u%00:p@127.0.0.1", "mqtt://u%ff@127.0.0.1",
		"ws://ex%C3%A4mple", "ws://127.0.0.1/\x7f", "ws://:80", "mqtt://:p@127.0.0.1",
	}
	options := map[string]*mqtt.Options{
		"nil": nil, "none": {},
		"version":     {Version: 3},
		"keep-alive":  {KeepAlive: time.Millisecond},
		"will":        {Topic: "#"},
		"properties":  {Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}, Version: 5},
		"assigned":    {AssignID: true, ClientID: "c", Version: 5},
		"headers":     {Headers: "A: b\r\n"},
		"bad headers": {Headers: "A b"},
		"host":        {Headers: "Host: a\r\n"},
		"length":      {Headers: "Content-Length: 1\r\n"},
		"ping":        {WS: &ws.Options{Ping: 1}},
		"own user":    {User: "v", Password: "q"},
		"TLS":         {TLS: &tls.Config{}},
		"WebSocket":   {WS: &ws.Options{}},
		"origins":     {WS: &ws.Options{Origins: []string{"a"}}},
	}
	m := looptest.NewStillManager(t)
	for _, url := range urls {
		for name, o := range options {
			_, want := mqtt.Connect(m, url, o, nil, nil)
			got := mqtt.CheckConnect(url, o)
			if (got == nil) != (want == nil) {
				t.Errorf("%.80q with %s: CheckConnect %v, Connect %v", url, name, got, want)
			}
		}
	}
}
