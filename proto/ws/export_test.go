package ws

import "github.com/rikki-go/rikki/reactor"

// PushOpen makes a WebSocket of a connection without a handshake.
func PushOpen(c *reactor.Conn) { c.Push(&layer{opts: defaults, state: open}) }

// Spares says what a manager's WebSockets hold for reuse, and the bytes of
// Deflate.Budget that are taken.
func Spares(m *reactor.Manager) (messages, deflaters, inflaters, spent int) {
	s := reactor.Local[spares](m)
	return len(s.incoming), len(s.flate.deflaters), len(s.flate.inflaters), s.flate.spent
}

// Variants says how often a message was encoded.
func Variants(p *Prepared) int { return len(p.variants) }
