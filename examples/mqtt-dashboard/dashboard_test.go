package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/rikki-go/rikki/internal/looptest"
)

func get(t *testing.T, url, etag string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequest("GET", url, nil)
	looptest.Must(t, err)
	if etag != "" {
		q.Header.Set("If-None-Match", etag)
	}
	r, err := http.DefaultClient.Do(q)
	looptest.Must(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	looptest.Must(t, err)
	return r, string(body)
}

// The page is part of the program, and works without any other server. The browser asks whether a
// file has changed.
func TestPage(t *testing.T) {
	_, page, _, _ := start(t, "-devices", "0")
	for name, kind := range map[string]string{"": "text/html", "main.css": "text/css", "main.js": "text/javascript", "mqtt.js": "text/javascript",
		"device.js": "text/javascript", "chart.js": "text/javascript"} {
		r, body := get(t, "http://"+page+"/"+name, "")
		if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), kind) {
			t.Errorf("/%s: %s %s", name, r.Status, r.Header.Get("Content-Type"))
		}
		if policy := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self';") {
			t.Errorf("/%s: Content-Security-Policy %q", name, policy)
		}
		for _, word := range []string{"https://", "@import", "url(", "innerHTML", "insertAdjacentHTML", "outerHTML", "document.write", "eval("} {
			if strings.Contains(body, word) {
				t.Errorf("/%s has %q", name, word)
			}
		}
		if r, _ := get(t, "http://"+page+"/"+name, r.Header.Get("ETag")); r.StatusCode != 304 {
			t.Errorf("/%s again: %s", name, r.Status)
		}
	}
	if r, _ := get(t, "http://"+page+"/none", ""); r.StatusCode != 404 {
		t.Errorf("/none: %s", r.Status)
	}
}

// The page learns where the broker is.
func TestConfig(t *testing.T) {
	_, page, _, ws := start(t, "-devices", "0", "-topic", "house")
	_, body := get(t, "http://"+page+"/config.json", "")
	if want := `{"port":` + ws[strings.LastIndex(ws, ":")+1:] + `,"path":"/mqtt","topic":"house"}`; body != want {
		t.Errorf("%s, want %s", body, want)
	}
	p := looptest.Start(t, "-listen", "http://127.0.0.1:0", "-broker", "wss://broker.example/mqtt", "-devices", "0")
	_, body = get(t, p.Await(`the page is (\S+)$`)[1]+"config.json", "")
	var c pageConfig
	looptest.Must(t, json.Unmarshal([]byte(body), &c))
	if c != (pageConfig{Broker: "wss://broker.example/mqtt", Topic: "mg_mqtt_dashboard"}) {
		t.Errorf("%s", body)
	}
}

// Only pages of this program may connect to its broker, and those of -origin.
func TestOrigins(t *testing.T) {
	_, page, _, broker := start(t, "-devices", "0", "-origin", "http://other.example")
	port := page[strings.LastIndex(page, ":"):]
	for origin, good := range map[string]bool{"http://127.0.0.1" + port: true, "http://localhost" + port: true, "http://[::1]" + port: true,
		"http://other.example": true, "http://evil.example": false, "http://evil.example" + port: false, "https://127.0.0.1" + port: false, "null": false} {
		d := ws.Dialer{Protocols: []string{"mqtt"}, Header: ws.HandshakeHeaderHTTP{"Origin": {origin}}}
		c, _, _, err := d.Dial(context.Background(), "ws://"+broker+"/mqtt")
		if err == nil {
			c.Close()
		}
		if (err == nil) != good {
			t.Errorf("a page of %s: %v", origin, err)
		}
	}
}

// A page by an address of the flag may connect too.
func TestAllowed(t *testing.T) {
	m := looptest.NewManager(t)
	for listen, want := range map[string]string{"http://127.0.0.1:0": "", "http://localhost:0": "", "http://:0": "", "http://127.0.0.2:0": "http://127.0.0.2:"} {
		l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
		looptest.Must(t, err)
		d := &dashboard{options: options{listen: listen}, page: l}
		got := d.allowed()
		if i := slices.IndexFunc(got, func(s string) bool { return want != "" && strings.HasPrefix(s, want) }); (i >= 0) != (want != "") ||
			len(got) != 3+min(len(want), 1) {
			t.Errorf("%s: %q", listen, got)
		}
	}
}
