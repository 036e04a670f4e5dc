package ws_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// sentRequest returns the request that a client sends. There is no server.
func sentRequest(t *testing.T, m *reactor.Manager, url, headers string) *http.Message {
	t.Helper()
	c, err := ws.Connect(m, url, nil, nil, headers)
	if err != nil {
		t.Fatalf("Connect to %s: %v", url, err)
	}
	defer c.Close()
	if n := c.Send.Len(); n != 0 {
		t.Fatalf("%d bytes before EvConnect", n)
	}
	c.Call(reactor.EvConnect, nil)
	msg := new(http.Message)
	var p http.Parser
	raw := []byte(string(c.Send.Bytes()))
	if n, err := p.Parse(raw, msg); err != nil || n != len(raw) {
		t.Fatalf("request %q: %d bytes parsed, %v", raw, n, err)
	}
	return msg
}

// TestRequest: the request has each required header once [RFC 6455 4.1].
func TestRequest(t *testing.T) {
	m := looptest.NewStillManager(t)
	msg := sentRequest(t, m, "ws://example.test/chat/a%20b?x=1&y=%2f", "Origin: http://o.test\r\nsec-websocket-protocol: mqtt, v1\r\nX-Empty:\r\n")
	if got := string(msg.Method) + " " + string(msg.URI) + " " + string(msg.Query) + " " + string(msg.Proto); got != "GET /chat/a%20b x=1&y=%2f HTTP/1.1" {
		t.Errorf("request line is %q", got)
	}
	want := map[string]string{"Host": "example.test", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
		"Origin": "http://o.test", "sec-websocket-protocol": "mqtt, v1", "X-Empty": ""}
	for _, h := range msg.Headers {
		if string(h.Name) == "Sec-WebSocket-Key" {
			if key, err := base64.StdEncoding.DecodeString(string(h.Value)); err != nil || len(key) != 16 {
				t.Errorf("key %q: %d bytes, %v", h.Value, len(key), err)
			}
			continue
		}
		if v, ok := want[string(h.Name)]; !ok || v != string(h.Value) {
			t.Errorf("header %s: %q, want %q", h.Name, h.Value, v)
		}
		delete(want, string(h.Name))
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	again := sentRequest(t, m, "ws://example.test/", "")
	if string(again.Header("Sec-WebSocket-Key")) == string(msg.Header("Sec-WebSocket-Key")) {
		t.Error("the same key again")
	}
}

func TestRequestTargetAndHost(t *testing.T) {
	m := looptest.NewStillManager(t)
	for _, tt := range []struct{ url, target, host string }{
		{"ws://h.test", "/", "h.test"},
		{"ws://h.test/", "/", "h.test"},
		{"ws://h.test?q", "/?q", "h.test"},
		{"ws://h.test/a?b=c?d", "/a?b=c?d", "h.test"},
		{"ws://h.test:80/", "/", "h.test"}, // [RFC 6455 4.1: the default port is left out]
		{"ws://h.test:443/", "/", "h.test:443"},
		{"ws://h.test:8080/x", "/x", "h.test:8080"},
		{"WS://127.0.0.1:1/", "/", "127.0.0.1:1"},
		{"ws://[::1]/", "/", "[::1]"},
		{"ws://[::1]:80/", "/", "[::1]"},
		{"ws://[2001:db8::1]:8000/", "/", "[2001:db8::1]:8000"},
		{"ws://[fe80::1%25eth0]/", "/", "[fe80::1]"}, // the zone has a meaning on this host only [RFC 6874 4]
		{"ws://[fe80::1%25eth0]:81/", "/", "[fe80::1]:81"},
		{"ws://u:p@h.test:81/", "/", "h.test:81"},
		{"ws://ex%C3%A4mple%2Etest:81/", "/", "ex%C3%A4mple.test:81"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			msg := sentRequest(t, m, tt.url, "")
			target := string(msg.URI)
			if msg.Query != nil {
				target += "?" + string(msg.Query)
			}
			if target != tt.target || string(msg.Header("Host")) != tt.host {
				t.Errorf("target %q, Host %q, want %q, %q", target, msg.Header("Host"), tt.target, tt.host)
			}
		})
	}
}

// A Host line replaces that of the URL, in its place.
func TestHostHeader(t *testing.T) {
	m := looptest.NewStillManager(t)
	for _, tt := range []struct{ url, headers, host string }{
		{"ws://h.test/", "Host: other.test:81\r\n", "other.test:81"},
		{"wss://h.test:1/", "A: b\r\nhOST:[::1]\r\nC: d\r\n", "[::1]"},
		{"ws://h.test/", "Hosts: x\r\n", "h.test"},
		{"unix:///run/x", "", "localhost"},
		{"unix:///run/x", "Host: app.test\r\n", "app.test"},
	} {
		msg := sentRequest(t, m, tt.url, tt.headers)
		hosts := 0
		for _, h := range msg.Headers {
			if strings.EqualFold(string(h.Name), "Host") {
				hosts++
			}
		}
		if hosts != 1 || string(msg.Header("Host")) != tt.host || string(msg.URI) != "/" {
			t.Errorf("%s with %q: %d Host headers, %q, target %q", tt.url, tt.headers, hosts, msg.Header("Host"), msg.URI)
		}
		if want := strings.Count(tt.headers, "A: b") + strings.Count(tt.headers, "Hosts"); want > 0 && msg.Header("A") == nil && msg.Header("Hosts") == nil {
			t.Errorf("%q: other headers are lost", tt.headers)
		}
	}
}

// TestCredentials: user and password are sent as Basic credentials [RFC 7617 2], unless the
// program sets an Authorization header itself.
func TestCredentials(t *testing.T) {
	m := looptest.NewStillManager(t)
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct{ url, headers, want string }{
		{"ws://h.test/", "", ""},
		{"ws://Aladdin:open%20sesame@h.test/", "", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"ws://u@h.test/", "", basic("u:")},
		{"ws://u:@h.test/", "", basic("u:")},
		{"ws://:p@h.test/", "", basic(":p")},
		{"ws://u:p%3aq%40@h.test/", "", basic("u:p:q@")},
		{"ws://u:p@h.test/", "X: y\r\nauthorization: Bearer t\r\n", "Bearer t"},
		{"ws://h.test/", "Authorization: Bearer t\r\n", "Bearer t"},
	} {
		msg := sentRequest(t, m, tt.url, tt.headers)
		n := 0
		for _, h := range msg.Headers {
			if strings.EqualFold(string(h.Name), "Authorization") {
				n++
			}
		}
		if got := string(msg.Header("Authorization")); got != tt.want || n > 1 {
			t.Errorf("%s %q: Authorization is %q (%d times), want %q", tt.url, tt.headers, got, n, tt.want)
		}
	}
}

// TestRequestIsSentFirst: data that the program wrote before EvConnect follows the request.
func TestRequestIsSentFirst(t *testing.T) {
	m := looptest.NewStillManager(t)
	c, err := ws.Connect(m, "ws://h.test/", nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Send.AppendString("early")
	c.Call(reactor.EvConnect, nil)
	if got := string(c.Send.Bytes()); !strings.HasPrefix(got, "GET / HTTP/1.1\r\n") || !strings.HasSuffix(got, "\r\n\r\nearly") {
		t.Errorf("Send is %q", got)
	}
	c.Close()
}

// TestConnectBadURL: a URL that is no ws:// or wss:// URL is an error, and no connection is made.
func TestConnectBadURL(t *testing.T) {
	m := looptest.NewStillManager(t)
	for _, tt := range []struct {
		url   string
		words []string
	}{
		{"", []string{"bad URL"}},
		{"h.test:80", []string{"bad URL"}},
		{"http://h.test/", []string{"bad URL", "http://h.test/", "ws://"}},
		{"tcp://h.test:1", []string{"bad URL", "ws://"}},
		{"ftp://u:secret@h.test/", []string{"bad URL", "xxxxx"}},
		{"ws:///path", []string{"bad URL", "host"}},
		{"ws://u:secret@/path", []string{"bad URL", "host"}},
		{"ws://h.test:0/", []string{"port"}},
		{"ws://h.test:65536/", []string{"port"}},
		{"ws://h.test:/", []string{"port"}},
		{"ws://h.test/#frag", []string{"fragment"}}, // [RFC 6455 3]
		{"ws://h.test/\r\nX: y", []string{"bad URL"}},
		{"ws://h.test/?a b", []string{"bad URL"}}, // it would end the request's target
		{"ws://h.test/?x HTTP/1.1", []string{"bad URL"}},
		{"ws://a%3Ab:secret@h.test/", []string{"colon"}}, // cannot be told from the password [RFC 7617 2]
	} {
		wantConnectError(t, m, tt.url, "", tt.words...)
	}
	wantNoConns(t, m)
}

// wantConnectError fails the test unless Connect fails with those words and without the password.
func wantConnectError(t *testing.T, m *reactor.Manager, url, headers string, words ...string) {
	t.Helper()
	c, err := ws.Connect(m, url, nil, nil, headers)
	if err == nil || c != nil {
		t.Errorf("%q with %q: no error", url, headers)
		return
	}
	looptest.WantErr(t, err, nil, words...)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q contains the password", err)
	}
}

func wantNoConns(t *testing.T, m *reactor.Manager) {
	t.Helper()
	for c := range m.Conns() {
		t.Errorf("connection %d was made", c.ID())
		c.Close()
	}
}

func TestConnectAfterManagerClose(t *testing.T) {
	m := looptest.NewStillManager(t)
	m.Close()
	if _, err := ws.Connect(m, "ws://h.test/", nil, nil, ""); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("error is %v", err)
	}
}
