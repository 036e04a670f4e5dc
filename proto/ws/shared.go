package ws

import "github.com/rikki-go/rikki/reactor"

// spares is the memory that the WebSockets of one manager share.
type spares struct {
	incoming   []*incoming // unused ones
	partsBytes int         // number of bytes in the parts of incoming
	flate      flatePool
	scratch    []byte     // scratch buffer for the message that is being compressed
	events     []*Message // the data of events, one for each that is being handled, nested
	depth      int        // number of events that are being handled
	commons    []*common  // the ones that were made last, at most maxCommons
}

// common is what the connections of a manager with the same Options share. Each layer has a pointer
// to it, which takes 8 bytes instead of 16. A layer then needs 32 bytes, not 48.
type common struct {
	opts   *Options
	spares *spares
}

// maxCommons is how many values of common are kept. Beyond that, connections with the same Options
// do not always share one.
const maxCommons = 8

// with returns the common of these Options.
func (s *spares) with(o *Options) *common {
	for _, k := range s.commons {
		if k.opts == o {
			return k
		}
	}
	k := &common{o, s}
	if len(s.commons) == maxCommons {
		copy(s.commons, s.commons[1:])
		s.commons[maxCommons-1] = k
	} else {
		s.commons = append(s.commons, k)
	}
	return k
}

// event returns the data for the next event. A handler may raise an event of another connection, so
// events are nested.
func (s *spares) event() *Message {
	if s.depth == len(s.events) {
		s.events = append(s.events, new(Message))
	}
	return s.events[s.depth]
}

// raise raises an event with m, which is what event has returned.
func (s *spares) raise(c *reactor.Conn, ev reactor.Event, m *Message) {
	at := s.depth
	s.depth = at + 1
	c.Call(ev, m)
	s.depth = at // a handler may have recovered from a panic in a nested event
	m.Data = nil
}

// The limits of spares.
const (
	maxSpare      = 64      // number of unused incoming values
	maxSpareBytes = 4 << 20 // number of bytes in the parts of all of them
)

// shared returns the spares of the connection's manager.
func shared(c *reactor.Conn) *spares { return reactor.Local[spares](c.Manager()) }

// ensureCurrent returns the message that is arriving. If there is none, it begins one.
func (l *layer) ensureCurrent(c *reactor.Conn) *incoming {
	if l.current == nil {
		l.current = shared(c).getIncoming()
	}
	return l.current
}

// dropIncoming puts the message that is arriving, if there is one, back into the spares.
func (l *layer) dropIncoming(c *reactor.Conn) {
	if in := l.current; in != nil {
		l.current = nil
		l.putIncoming(c, in)
	}
}

// putIncoming puts a message that was the current one back into the spares. What it holds does not
// count towards the manager's memory budget any more.
func (l *layer) putIncoming(c *reactor.Conn, in *incoming) {
	c.Stack().AddHeld(-in.held())
	shared(c).putIncoming(in)
}

// keepPart appends p to the fragments of the current message.
func (l *layer) keepPart(c *reactor.Conn, p []byte) {
	l.current.parts = append(l.current.parts, p...)
	c.Stack().AddHeld(len(p))
}

// held returns how many bytes of the message count towards the manager's memory budget, besides
// those in Recv.
func (in *incoming) held() int {
	if in.inflater != nil {
		return len(in.parts) + in.wholeHeld + inflaterCost
	}
	return len(in.parts)
}

// getIncoming takes an empty incoming from the spares or creates one.
func (s *spares) getIncoming() *incoming {
	last := len(s.incoming) - 1
	if last < 0 {
		return new(incoming)
	}
	in := s.incoming[last]
	s.incoming[last] = nil
	s.incoming = s.incoming[:last]
	s.partsBytes -= cap(in.parts)
	return in
}

// putIncoming puts in, its inflater and its inflated part back into the spares.
func (s *spares) putIncoming(in *incoming) {
	if in.inflater != nil {
		s.flate.putInflater(in.inflater)
	}
	if in.whole != nil {
		s.putIncoming(in.whole)
	}
	parts := in.parts[:0]
	if s.partsBytes+cap(parts) > maxSpareBytes {
		parts = nil
	}
	*in = incoming{parts: parts}
	if len(s.incoming) < maxSpare {
		s.partsBytes += cap(parts)
		s.incoming = append(s.incoming, in)
	}
}
