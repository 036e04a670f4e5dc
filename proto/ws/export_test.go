package ws

import "github.com/rikki-go/rikki/reactor"

// PushOpen makes a WebSocket of a connection without a handshake.
func PushOpen(c *reactor.Conn) {
	c.Stack().Push(&layer{common: shared(c).with(defaultOptions), state: open})
}

// Spares says what a manager's WebSockets hold for reuse, and the bytes of
// Deflate.Budget that are taken.
func Spares(m *reactor.Manager) (messages, deflaters, inflaters, spent int) {
	s := reactor.Local[spares](m)
	return len(s.incoming), len(s.flate.deflaters), len(s.flate.inflaters), s.flate.contextBytes
}

// Variants says how often a message was compressed.
func Variants(p *Prepared) (n int) {
	for _, v := range p.variants {
		if v.made {
			n++
		}
	}
	return n
}

// KeptBytes says how much memory a Prepared has for its frames.
func KeptBytes(p *Prepared) int {
	n := cap(p.plain.memory)
	for _, v := range p.variants {
		n += cap(v.memory)
	}
	return n
}

// PushDeflating is PushOpen with options, of a side that agreed to all that their
// Deflate asks for.
func PushDeflating(c *reactor.Conn, o *Options) {
	d := newDeflation(shared(c), o.Deflate, o.Deflate.requestedParams())
	c.Stack().Push(&layer{common: shared(c).with(o), state: open, extras: &extras{deflate: d}})
}

// Upgrading reports whether Listen's layer is still there.
func Upgrading(c *reactor.Conn) bool {
	_, ok := reactor.Find[*upgrader](c)
	return ok
}

// InflaterCost is what a decompressor counts towards the memory budget.
const InflaterCost = inflaterCost
