package mqtt_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// admit accepts every client.
func admit(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvMQTTCmd && !c.IsClient() && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
		mqtt.Connack(c, false, 0)
	}
}

// login connects and waits for CONNACK.
func login(t *testing.T, m *reactor.Manager, url string, opts *mqtt.Options) {
	t.Helper()
	open := false
	if _, err := mqtt.Connect(m, url, opts, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvError {
			t.Error(data)
		}
		open = open || ev == reactor.EvMQTTOpen
	}, nil); err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "CONNACK from "+url, func() bool { return open })
}

// dialing returns Options with which another address is dialed.
func dialing(url string) *mqtt.Options {
	return &mqtt.Options{Clean: true, Dial: func(c *reactor.Conn) error { return c.SetDialURL(url) }}
}

// Bare MQTT and MQTT over WebSocket work over UNIX-domain sockets.
func TestUnixURL(t *testing.T) {
	m := looptest.NewManager(t)
	dir := t.TempDir()
	bare, framed := "unix://"+filepath.Join(dir, "bare"), "unix://"+filepath.Join(dir, "ws")
	if _, err := mqtt.Listen(m, bare, admit, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := mqtt.Listen(m, framed, admit, nil, &ws.Options{}); err != nil {
		t.Fatal(err)
	}
	login(t, m, bare, nil)
	login(t, m, "mqtt://broker.test", dialing(bare))
	login(t, m, "ws://broker.test/mqtt", dialing(framed))
}

func TestListenFD(t *testing.T) {
	m := looptest.NewManager(t)
	for url, opts := range map[string][]*ws.Options{"mqtt://": nil, "ws://": {{}}} {
		s, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 4)
		if _, err := mqtt.ListenFD(m, s.FD, admit, nil, &ws.Options{Protocols: []string{"other"}}); err == nil {
			t.Error("bad Options: no error")
		}
		fd := s.FD
		s.FD = -1 // it belongs to the listener
		if _, err := mqtt.ListenFD(m, fd, admit, nil, opts...); err != nil {
			t.Fatal(err)
		}
		login(t, m, url+addr.String(), nil)
	}
	udp, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if _, err := mqtt.ListenFD(m, udp.FD, admit, nil); err == nil || !strings.Contains(err.Error(), "want a stream socket") {
		t.Errorf("udp: %v", err)
	}
}

// The error of Dial is that of Connect, and the handler gets no event.
func TestDialFails(t *testing.T) {
	m := looptest.NewManager(t)
	refusal := errors.New("no proxy")
	for _, url := range []string{"mqtt://127.0.0.1", "ws://127.0.0.1"} {
		c, err := mqtt.Connect(m, url, &mqtt.Options{Dial: func(*reactor.Conn) error { return refusal }}, noHandler(t), nil)
		if c != nil || !errors.Is(err, refusal) {
			t.Errorf("%s: %v", url, err)
		}
	}
	looptest.Settle(t, m)
	wantNoConns(t, m)
	if err := mqtt.Login(looptestConn(t, m), &mqtt.Options{Dial: func(*reactor.Conn) error { return nil }}); err == nil || !strings.Contains(err.Error(), "Login with Options.Dial") {
		t.Errorf("Login: %v", err)
	}
}

func looptestConn(t *testing.T, m *reactor.Manager) *reactor.Conn {
	c, _ := looptest.Wrap(t, m, nil)
	return c
}
