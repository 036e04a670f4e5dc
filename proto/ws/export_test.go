package ws

import "github.com/rikki-go/rikki/reactor"

// PushOpen makes a WebSocket of a connection without a handshake.
func PushOpen(c *reactor.Conn) { c.Push(&layer{opts: defaults, state: open}) }
