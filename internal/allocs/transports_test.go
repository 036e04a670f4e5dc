package allocs_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// transportRows are messages of each protocol on each transport, there and back. Both sides are on
// one manager.
var transportRows = []measurement{
	{name: "an echo over unix://, 64 bytes", setup: exchange(64, unixEcho)},
	{name: "a request over https:// on a connection that is kept, both sides", pooled: true, setup: httpsRequest},
	{name: "a message of 64 bytes over ws://, there and back, both sides", setup: wsThereAndBack("ws", nil)},
	{name: "a message of 64 bytes over wss://, there and back, both sides", pooled: true, setup: wsThereAndBack("wss", nil)},
	{name: "a compressed message of 64 bytes, there and back, both sides", pooled: true,
		setup: wsThereAndBack("ws", &ws.Options{Deflate: &ws.Deflate{Threshold: -1}})},
	{name: "a PUBLISH of QoS 1 over mqtt://, there and back, both sides", setup: mqttThereAndBack("mqtt")},
	{name: "a PUBLISH of QoS 1 over mqtts://, there and back, both sides", pooled: true, setup: mqttThereAndBack("mqtts")},
	{name: "a PUBLISH of QoS 1 over ws://, there and back, both sides", setup: mqttThereAndBack("ws")},
	{name: "a PUBLISH of QoS 1 over wss://, there and back, both sides", pooled: true, setup: mqttThereAndBack("wss")},
}

func unixEcho(t *testing.T) *client {
	path := t.TempDir() + "/socket"
	m := looptest.NewManager(t)
	if _, err := m.Listen("unix://"+path, echo, nil); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	s := looptest.NewSocket(t, fd)
	must(t, unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	looptest.Settle(t, m)
	return newClient(m, s)
}

// secured starts TLS on a listener of a secure scheme, and returns the function that does so on a
// client.
func secured(t *testing.T, scheme string, l *reactor.Conn, err error) func(*reactor.Conn, error) *reactor.Conn {
	t.Helper()
	must(t, err)
	if scheme != "wss" && scheme != "mqtts" && scheme != "https" {
		return func(c *reactor.Conn, err error) *reactor.Conn { must(t, err); return c }
	}
	authority := looptest.NewAuthority(t)
	l.StartTLS(authority.Server(t))
	return func(c *reactor.Conn, err error) *reactor.Conn {
		must(t, err)
		c.StartTLS(authority.Client())
		return c
	}
}

func httpsRequest(t *testing.T) func() {
	m := looptest.NewManager(t)
	l, err := http.Listen(m, "https://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHTTPMsg {
			http.ReplyBytes(c, 200, "", hello)
		}
	}, nil)
	secure := secured(t, "https", l, err)
	done, req := 0, &http.Request{URL: "/"}
	c := secure(http.Connect(m, "https://"+l.LocalAddr().String(), func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvHTTPMsg {
			done++
		}
	}, nil))
	return func() {
		before := done
		must(t, http.SendRequest(c, req))
		until(t, m, func() bool { return done > before })
	}
}

func wsThereAndBack(scheme string, opts *ws.Options) func(*testing.T) func() {
	return func(t *testing.T) func() {
		m := looptest.NewManager(t)
		l, err := ws.Listen(m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg {
				ws.Send(c, data.(*ws.Message).Data, ws.OpText)
			}
		}, nil, opts)
		secure := secured(t, scheme, l, err)
		open, got := false, 0
		c := secure(ws.Connect(m, scheme+"://"+l.LocalAddr().String(), func(_ *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvWSOpen:
				open = true
			case reactor.EvWSMsg:
				got++
			}
		}, nil, "", opts))
		until(t, m, func() bool { return open })
		message := words[:64]
		return func() {
			before := got
			must(t, ws.Send(c, message, ws.OpText))
			until(t, m, func() bool { return got > before })
		}
	}
}

// mqttThereAndBack measures a message to the server, the same message to the client, and both
// acknowledgements.
func mqttThereAndBack(scheme string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		m := looptest.NewManager(t)
		opts := &mqtt.Options{Topic: "a/b", Message: hello, QoS: 1}
		acks := 0
		l, err := mqtt.Listen(m, scheme+"://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
			switch msg, _ := data.(*mqtt.Message); {
			case ev == reactor.EvMQTTMsg:
				mqtt.Pub(c, opts)
			case ev != reactor.EvMQTTCmd:
			case msg.Cmd == mqtt.CmdConnect:
				mqtt.Connack(c, false, mqtt.ReasonSuccess)
			case msg.Cmd == mqtt.CmdPuback:
				acks++
			}
		}, nil)
		secure := secured(t, scheme, l, err)
		open := false
		c := secure(mqtt.Connect(m, scheme+"://"+l.LocalAddr().String(), nil, func(_ *reactor.Conn, ev reactor.Event, data any) {
			switch msg, _ := data.(*mqtt.Message); {
			case ev == reactor.EvMQTTOpen:
				open = true
			case ev == reactor.EvMQTTCmd && msg.Cmd == mqtt.CmdPuback:
				acks++
			}
		}, nil))
		until(t, m, func() bool { return open })
		return func() {
			before := acks
			_, err := mqtt.Pub(c, opts)
			must(t, err)
			until(t, m, func() bool { return acks == before+2 })
		}
	}
}
