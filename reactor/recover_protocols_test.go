package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// protocolPanics has, for each protocol, a server's handler that panics if a client asks for it.
var protocolPanics = map[string]struct {
	listen  func(m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, error)
	handler reactor.Handler
	begin   string // what a client sends first
	good    string // a message, and its answer
	answer  string
	bad     string // a message that makes the handler panic
	at      reactor.Event
}{
	"http": {
		listen: func(m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, error) {
			return http.Listen(m, "http://127.0.0.1:0", fn, nil)
		},
		handler: func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				http.Reply(c, 200, "", "%s", data.(*http.Message).URI)
				if string(data.(*http.Message).URI) == "/panic" {
					explode()
				}
			}
		},
		good: "GET /good HTTP/1.1\r\nHost: x\r\n\r\n", answer: "\r\n\r\n/good",
		bad: "GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n", at: reactor.EvHTTPMsg,
	},
	"ws": {
		listen: func(m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, error) {
			return ws.Listen(m, "ws://127.0.0.1:0", fn, nil)
		},
		handler: func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWSMsg {
				c.Write(data.(*ws.Message).Data)
				if string(data.(*ws.Message).Data) == "panic" { // before the bytes have a frame
					explode()
				}
				ws.Wrap(c, len(data.(*ws.Message).Data), ws.OpText)
			}
		},
		begin: "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		good: looptest.Frame(0x81, true, -1, "good"), answer: looptest.Frame(0x81, false, -1, "good"),
		bad: looptest.Frame(0x81, true, -1, "panic") + looptest.Frame(0x81, true, -1, "never"), at: reactor.EvWSMsg,
	},
	"mqtt": {
		listen: func(m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, error) {
			return mqtt.Listen(m, "mqtt://127.0.0.1:0", fn, nil)
		},
		handler: func(c *reactor.Conn, ev reactor.Event, data any) {
			switch {
			case ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect:
				mqtt.Connack(c, false, 0)
			case ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdPingreq:
				mqtt.Pong(c)
			case ev == reactor.EvMQTTMsg:
				mqtt.Pong(c)
				explode()
			}
		},
		begin: "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x",
		good:  "\xc0\x00", answer: "\xd0\x00",
		bad: "\x30\x04\x00\x01tp\xc0\x00", at: reactor.EvMQTTMsg,
	},
}

// The handler of a server panics inside of a message of a protocol. That connection fails, and no
// part of an answer is sent. The server and its other connections go on.
func TestRecoverInProtocols(t *testing.T) {
	for name, tt := range protocolPanics {
		t.Run(name, func(t *testing.T) {
			var log looptest.Warnings
			m := newManager(t, reactor.WithLogger(log.Logger()))
			var errs []error
			l, err := tt.listen(m, reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvError {
					errs = append(errs, data.(error))
				}
				tt.handler(c, ev, data)
			}))
			looptest.Must(t, err)
			serve := func(p *peer) {
				t.Helper()
				p.In = nil
				p.WriteString(tt.good)
				await(t, m, "an answer", func() bool { p.Receive(); return strings.HasSuffix(string(p.In), tt.answer) })
			}
			first, second := looptest.DialSocket(t, l.LocalAddr()), looptest.DialSocket(t, l.LocalAddr())
			first.WriteString(tt.begin)
			second.WriteString(tt.begin)
			serve(first)
			serve(second)
			second.In = nil
			second.WriteString(tt.bad)
			await(t, m, "the end of that connection", second.Ended)
			if strings.Contains(string(second.In), "never") || strings.Contains(string(second.In), "panic") || strings.Contains(string(second.In), "\xd0") {
				t.Errorf("the client has got %q", second.In)
			}
			var p *reactor.PanicError
			if len(errs) != 1 || !errors.As(errs[0], &p) || p.Event != tt.at {
				t.Errorf("errors %v", errs)
			}
			log.WantOneAt(t, "ERROR", "handler panicked", "event="+tt.at.String(), "reactor_test.explode", "recover_test.go:")
			serve(first)
			third := looptest.DialSocket(t, l.LocalAddr())
			third.WriteString(tt.begin)
			serve(third)
			log.WantNone(t)
		})
	}
}
