package ws

import "github.com/rikki-go/rikki/reactor"

// spares is what the WebSockets of one manager have in common.
type spares struct {
	incoming []*incoming
	held     int // bytes of their parts
	flate    flatePool
	scratch  []byte // of a message that is being compressed
}

// What spares keep at the most.
const (
	maxSpare      = 64      // messages
	maxSpareBytes = 4 << 20 // of their memory
)

func shared(c *reactor.Conn) *spares { return reactor.Local[spares](c.Manager()) }

// incoming returns the layer's message that is arriving; it begins one if there is
// none.
func (l *layer) incoming(c *reactor.Conn) *incoming {
	if l.in == nil {
		l.in = shared(c).getIncoming()
	}
	return l.in
}

// settle takes the message that was arriving away.
func (l *layer) settle(c *reactor.Conn) {
	if in := l.in; in != nil {
		l.in = nil
		shared(c).putIncoming(in)
	}
}

func (s *spares) getIncoming() *incoming {
	last := len(s.incoming) - 1
	if last < 0 {
		return new(incoming)
	}
	in := s.incoming[last]
	s.incoming[last] = nil
	s.incoming = s.incoming[:last]
	s.held -= cap(in.parts)
	return in
}

func (s *spares) putIncoming(in *incoming) {
	parts := in.parts[:0]
	if s.held+cap(parts) > maxSpareBytes {
		parts = nil
	}
	*in = incoming{parts: parts}
	if len(s.incoming) < maxSpare {
		s.held += cap(parts)
		s.incoming = append(s.incoming, in)
	}
}
