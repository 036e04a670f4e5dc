//go:build linux

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// stallServers answer HTTP requests, or upgrade and echo.
var stallServers = []*subject{{name: "rikki", kind: "stall", path: rikkiPath, serve: serveAnswers,
	about: "server or client of the peer that sends in two writes"}}

func serveAnswers(_ *serving, listening func(addr string)) error {
	return serveHTTP(listening, answer)
}

func answer(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		if hm := data.(*http.Message); hm.HasToken("Upgrade", "websocket") {
			ws.Upgrade(c, hm, "")
		} else {
			http.Reply(c, 200, "", "ok")
		}
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		ws.Send(c, m.Data, m.Op)
	}
}

// question is the client's HTTP request.
const question = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// askMain runs the process of a client. It sends a request as soon as it has the answer to
// the one before, until the connection or standard input ends.
func askMain(protocol, addr string) error {
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	open, payload := true, make([]byte, stallPayload)
	ask := func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvHTTPMsg:
			io.WriteString(c, question)
		case reactor.EvWSOpen, reactor.EvWSMsg:
			ws.Send(c, payload, ws.OpBinary)
		case reactor.EvClose:
			open = false
		}
	}
	switch protocol {
	case "http":
		var c *reactor.Conn
		if c, err = http.Connect(m, "http://"+addr, ask, nil); err == nil {
			io.WriteString(c, question)
		}
	case "ws":
		_, err = ws.Connect(m, "ws://"+addr+"/", ask, nil, "")
	default:
		err = fmt.Errorf("unknown protocol %q", protocol)
	}
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for err == nil && open {
		err = m.Poll(-1)
	}
	return err
}
