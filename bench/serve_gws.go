//go:build linux

package main

import (
	"net"

	"github.com/lxzan/gws"
)

func serveGWS(listening func(addr string)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := gws.NewServer(gwsEcho{}, &gws.ServerOption{ReadMaxPayloadSize: maxMessage, CheckUtf8Enabled: true})
	listening(l.Addr().String())
	return s.RunListener(l)
}

// gwsEcho is the echo of the library's examples.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	c.WriteMessage(m.Opcode, m.Bytes())
}
