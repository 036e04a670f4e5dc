//go:build linux

package main

import (
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// maxUnsent is the number of unsent bytes above which the server stops reading from a client.
const maxUnsent = 1 << 20

func serveRikki(_ *serving, listening func(addr string)) error {
	return serveHTTP(listening, echoRikki)
}

// serveHTTP runs an HTTP server of rikki. Its handler may upgrade to WebSocket.
func serveHTTP(listening func(addr string), fn reactor.Handler) error {
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := http.Listen(m, "http://127.0.0.1:0", fn, nil)
	if err != nil {
		return err
	}
	listening(l.LocalAddr().String())
	for {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
}

// echoRikki does the same as the handler of examples/websocket-server, without logging.
func echoRikki(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSMsg:
		live.touch()
		m := data.(*ws.Message)
		ws.Forward(c, m)
		if c.Send.Len() > maxUnsent {
			c.Pause()
		}
	case reactor.EvWrite:
		if c.Send.Len() <= maxUnsent {
			c.Resume()
		}
	case reactor.EvHTTPMsg:
		ws.Upgrade(c, data.(*http.Message), "", rikkiOptions)
	case reactor.EvError:
		_ = data.(error).Error() // otherwise rikki logs it
	}
}

// rikkiOptions are the options of all connections, as in examples/websocket-server.
var rikkiOptions = &ws.Options{Limits: ws.Limits{Message: maxMessage}}
