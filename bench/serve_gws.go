//go:build linux

package main

import (
	"net"

	"github.com/lxzan/gws"
)

// listenTCP listens on a free port of 127.0.0.1.
func listenTCP(listening func(addr string)) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		listening(l.Addr().String())
	}
	return l, err
}

func serveGWS(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return gwsServer(gwsEcho{}).RunListener(l)
}

// gwsServer returns a server without compression. ParallelEnabled is for handlers that block.
func gwsServer(h gws.Event) *gws.Server {
	return gws.NewServer(h, &gws.ServerOption{ReadMaxPayloadSize: maxMessage, CheckUtf8Enabled: true})
}

// gwsEcho is the echo of the library's examples.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	live.touch()
	c.WriteMessage(m.Opcode, m.Bytes())
}
