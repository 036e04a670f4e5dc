package reactor

// Call raises an event: the layers handle it from the bottom up, then Fn. Events that
// input causes (see Event) are not delivered once the connection has failed or is
// closing, and no event is delivered after EvClose. Call is for protocols and for
// programs' own events. It may be used from within handlers.
func (c *Conn) Call(ev Event, data any) {
	if c.life == closed {
		return
	}
	if m := c.mgr; m.depth == 0 && !m.polling {
		c.callOutside(ev, data)
		return
	}
	c.dispatch(ev, data)
}

// callOutside is Call between two Polls. A panic there is the program's to recover from,
// and must not leave the manager in the middle of a dispatch.
func (c *Conn) callOutside(ev Event, data any) {
	m := c.mgr
	m.own()
	m.outside = true
	defer m.exitOutside()
	c.dispatch(ev, data)
	m.outside = false
	m.recovered()
	if m.ending && !m.closed {
		m.teardown()
	}
}

// dispatch is Call for a connection in any state. Whatever happens to a connection
// before its turn to open comes, EvOpen is first.
func (c *Conn) dispatch(ev Event, data any) {
	m := c.mgr
	m.own()
	m.depth++
	m.called = true
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
	input := ev.isInput()
	for i := 0; i < len(c.layers) && (!input || !c.over()); {
		p, before := c.layers[i], c.on&onRedeliver
		p.Handle(c, ev, data)
		switch {
		case i < len(c.layers) && c.layers[i] == p:
			i++
		case ev == EvRead: // replaced: its successor is next, so Poll need not offer Recv to it
			c.on = c.on&^onRedeliver | before
		}
	}
	if c.Fn != nil && (!input || !c.over()) {
		c.Fn(c, ev, data)
	}
	if len(m.grown.list) > 0 && (input || ev >= EvUser) {
		m.checkGrown()
	}
	m.exitDispatch()
}

// over reports whether input is not delivered any more.
func (c *Conn) over() bool { return c.is(failed) || c.life >= closing }
