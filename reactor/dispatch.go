package reactor

// Call raises an event: the layers handle it from the lowest to the topmost, and then Fn.
// Call returns when they have returned. Call is for protocols, and for a program's own
// events. It may be called in handlers.
//
// An input event (see Event) is not delivered if the connection has failed or is closing. No
// event is delivered after EvClose.
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

// callOutside dispatches an event that the program raises between two Polls. If a handler
// panics there and the program recovers, the manager must not stay in the middle of a
// dispatch. Therefore exitOutside notes the panic.
func (c *Conn) callOutside(ev Event, data any) {
	m := c.mgr
	m.checkOwner()
	m.outsidePoll = true
	m.inCall.enter()
	defer m.exitOutside()
	c.dispatch(ev, data)
	m.outsidePoll = false
	m.resetDispatch()
	if m.closeCalled && !m.closed {
		m.teardown()
	}
}

// dispatch delivers an event to the layers and to Fn, in any state of the connection. If the
// connection has not had EvOpen yet, dispatch raises EvOpen first.
func (c *Conn) dispatch(ev Event, data any) {
	m := c.mgr
	m.checkOwner()
	m.depth++
	m.handlerCalled = true
	m.stats.Events++
	if m.timeHandlers && !m.timingHandler {
		c.dispatchTimed(ev, data)
	} else {
		c.dispatchToAll(ev, data)
	}
	m.exitDispatch()
}

// dispatchTimed is dispatchToAll, measured for Stats.LongestHandler. It is a function of its own,
// because a deferred call makes each event more expensive, even if it is not reached.
func (c *Conn) dispatchTimed(ev Event, data any) {
	m := c.mgr
	m.timingHandler = true
	defer m.noteHandlerTime(m.clock())
	c.dispatchToAll(ev, data)
}

// dispatchToAll calls the layers and Fn.
func (c *Conn) dispatchToAll(ev Event, data any) {
	m := c.mgr
	if !c.is(opened) {
		c.flags |= opened
		if ev != EvOpen {
			c.dispatch(EvOpen, nil)
		}
	}
	input := ev.isInput()
	for i := 0; i < c.layers.len() && (!input || !c.inputOver()); {
		p, before, changes := c.layers.at(i), c.on&onRedeliver, m.layerChanges
		p.Handle(c, ev, data)
		switch {
		case m.layerChanges == changes: // nearly always; comparing two interfaces takes longer
			i++
		case i < c.layers.len() && c.layers.at(i) == p:
			i++
		case ev == EvRead && !c.is(yielded):
			// The layer was replaced. The new one is called next, so Poll need not redeliver.
			c.on = c.on&^onRedeliver | before
		}
	}
	if c.Fn != nil && (!input || !c.inputOver()) {
		c.Fn(c, ev, data)
	}
	if input || ev >= EvUser {
		if len(m.grown.list) > 0 {
			m.checkGrown()
		}
		if m.turn.units++; m.turn.units >= m.turn.nextLook {
			m.look(ev == EvRead && !c.isDatagram())
		}
	}
}

// inputOver reports whether no more input is delivered: the connection has failed, is closing
// or is closed.
func (c *Conn) inputOver() bool { return c.is(failed) || c.life >= closing }
