package reactor

import "slices"

// Protocol is a layer hung on a connection: it sees every event before the
// user's handler does, reads its messages from Recv, and raises events of its
// own with Call. It must be a pointer, and keeps the protocol's state. In EvOpen
// it neither raises events nor fails the connection, for those above have not
// heard of it yet; EvConnect and EvAccept are the time for that.
//
// A layer that finds several messages in Recv asks Stopped after each event
// it raised. A handler may raise EvRead itself, so a layer that is in the
// middle of a message must expect to be called and do nothing.
type Protocol interface {
	Handle(c *Conn, ev Event, data any)
}

// Acceptor is implemented by layers of listeners whose protocol accepted
// connections are to speak: Accept returns the layer, with fresh state, for c.
// Layers without it are not inherited.
type Acceptor interface {
	Accept(c *Conn) Protocol
}

// Ender is implemented by layers that know whether the peer may end the
// stream now. End returns nil between messages; an error, which should wrap
// io.ErrUnexpectedEOF, fails the connection.
type Ender interface {
	End(c *Conn) error
}

// Finisher is implemented by layers whose messages say where they end. Finished
// reports that the peer has left nothing unsaid, so that a TLS stream may end
// without close_notify, which many peers leave out, and not be truncated.
type Finisher interface {
	Finished(c *Conn) bool
}

// finished asks the layers.
func (c *Conn) finished() bool {
	for _, p := range c.layers {
		if f, ok := p.(Finisher); ok && f.Finished(c) {
			return true
		}
	}
	return false
}

// Push hangs a layer on the connection, above those it has.
func (c *Conn) Push(p Protocol) {
	c.mgr.own()
	if !c.is(closed) {
		c.layers = append(c.layers, p)
	}
}

// Replace puts new in the place of old, or takes old away if new is nil. If
// an event is just being handled by old, new is offered the same event, so a
// layer that replaces another during EvRead gets the rest of Recv at once;
// otherwise Poll offers it what lies in Recv.
func (c *Conn) Replace(old, new Protocol) {
	c.mgr.own()
	i := slices.Index(c.layers, old)
	if i < 0 || c.is(closed) {
		return
	}
	if new == nil {
		c.layers = slices.Delete(c.layers, i, i+1)
		return
	}
	c.layers[i] = new
	if c.Recv.Len() > 0 {
		c.Redispatch()
	}
}

// Find returns the topmost layer of type T.
func Find[T Protocol](c *Conn) (T, bool) {
	for i := len(c.layers) - 1; i >= 0; i-- {
		if p, ok := c.layers[i].(T); ok {
			return p, true
		}
	}
	var none T
	return none, false
}

// Call raises an event: the layers handle it from the bottom up, then Fn.
// Events that input causes reach nobody once the connection has failed or is
// closing, and none does after EvClose. Call is for protocols and for
// programs' own events; it may be used from within handlers.
func (c *Conn) Call(ev Event, data any) {
	if !c.is(closed) {
		c.dispatch(ev, data)
	}
}

// dispatch is Call for a connection in any state. Whatever happens to a
// connection before its turn to open comes, EvOpen is first.
func (c *Conn) dispatch(ev Event, data any) {
	m := c.mgr
	m.own()
	m.depth++
	m.stats.Events++
	if m.timing && !m.timed {
		m.timed = true
		defer m.time(m.clock())
	}
	if !c.is(opened) {
		c.flags |= opened
		if ev != EvOpen {
			c.dispatch(EvOpen, nil)
		}
	}
	stop := flags(0)
	if ev.isInput() {
		stop = failed | closing
	}
	for i := 0; i < len(c.layers) && !c.is(stop); {
		p, before := c.layers[i], c.flags&again
		p.Handle(c, ev, data)
		switch {
		case i < len(c.layers) && c.layers[i] == p:
			i++
		case ev == EvRead: // replaced: its successor is next, so Poll need not offer Recv to it
			c.flags = c.flags&^again | before
		}
	}
	if c.Fn != nil && !c.is(stop) {
		c.Fn(c, ev, data)
	}
	m.leave()
}
