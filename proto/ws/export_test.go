package ws

import "github.com/rikki-go/rikki/reactor"

// PushOpen makes a WebSocket of a connection without a handshake.
func PushOpen(c *reactor.Conn) { c.Stack().Push(&layer{opts: defaultOptions, state: open}) }

// Spares says what a manager's WebSockets hold for reuse, and the bytes of
// Deflate.Budget that are taken.
func Spares(m *reactor.Manager) (messages, deflaters, inflaters, spent int) {
	s := reactor.Local[spares](m)
	return len(s.incoming), len(s.flate.deflaters), len(s.flate.inflaters), s.flate.contextBytes
}

// Variants says how often a message was encoded.
func Variants(p *Prepared) int { return len(p.variants) }

// PushDeflating is PushOpen with options, of a side that agreed to all that their
// Deflate asks for.
func PushDeflating(c *reactor.Conn, o *Options) {
	d := newDeflation(shared(c), o.Deflate, o.Deflate.requestedParams())
	c.Stack().Push(&layer{opts: o, state: open, extras: &extras{deflate: d}})
}

// Upgrading reports whether Listen's layer is still there.
func Upgrading(c *reactor.Conn) bool {
	_, ok := reactor.Find[*upgrader](c)
	return ok
}

// InflaterCost is what a decompressor counts towards the memory budget.
const InflaterCost = inflaterCost
