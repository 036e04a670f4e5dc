package reactor

// Close: how a manager ends, and what a handler's panic does to it.
//
// The loop does not recover from panics. If the program does, the manager is in the middle of
// a turn: a list is half handled, or a layer is in the middle of a message. Therefore Poll and
// the calls that make connections return ErrPanicked from then on. Close closes everything.

// Close closes every connection, raises EvClose on each, and releases all that the manager
// holds. Called in a handler, it takes effect when the running handlers have returned. From
// the call on, no connection can be made. Poll, Drain, Connect, Listen, ListenFD, WrapFD,
// Post, Wakeup and Do return ErrClosed after Close, and so does a second Close.
//
// Close also works after a handler has panicked and the program has recovered. If a handler
// panics at EvClose, the other connections get their EvClose before the panic goes on.
//
// The error is that of closing the poller's descriptor. In a handler Close returns nil.
func (m *Manager) Close() error {
	m.checkOwner()
	if m.closeCalled && !(m.panicked && !m.closed) {
		return ErrClosed
	}
	m.closeCalled = true
	m.posted.refuse()
	if m.depth == 0 && !m.polling {
		return m.teardown()
	}
	return nil
}

// teardown carries out Close. If a handler panics at EvClose, the deferred function calls
// teardown again for the remaining connections.
func (m *Manager) teardown() error {
	m.closed = true
	done := false
	defer func() {
		if !done { // a handler has panicked at EvClose
			m.depth = 0
			m.teardown()
		}
	}()
	for m.conns.n > 0 {
		for c := range m.conns.each() {
			if c.life == closed { // its handler has panicked at EvClose
				c.dispose()
			}
			c.free()
		}
	}
	for len(m.locals) > 0 {
		for key, v := range m.locals {
			delete(m.locals, key)
			if e, ok := v.(ManagerEnder); ok {
				e.ManagerClosed()
			}
		}
	}
	done = true
	m.logUnhandledErrors()
	m.logSuppressed()
	m.posted.close()
	for _, s := range m.timers {
		s.t.pos = -1
	}
	m.newConns, m.dirty, m.inputs, m.catchUps, m.redeliver, m.grown = turnList{}, turnList{}, turnList{}, turnList{}, turnList{}, turnList{}
	m.timers, m.pollConns, m.ackQueue, m.registered = nil, nil, nil, registrationTable{}
	m.pool, m.locals, m.shortage = pool{}, nil, descriptorShortage{}
	return m.poller.Close()
}

// Closing reports whether Close or Drain was called, or a handler has panicked. No connection can
// be made any more, so a protocol that reconnects gives up.
func (m *Manager) Closing() bool { return m.newConnError() != nil }

// pollError returns the reason why the loop cannot run, or nil.
func (m *Manager) pollError() error {
	switch {
	case m.panicked && !m.closed:
		return ErrPanicked
	case m.closeCalled && !m.polling && m.depth == 0, m.closed:
		return ErrClosed
	}
	return nil
}

// newConnError returns the reason why no connection can be made, or nil.
func (m *Manager) newConnError() error {
	m.checkOwner()
	if m.panicked && !m.closed {
		return ErrPanicked
	}
	if m.closeCalled || m.draining {
		return ErrClosed
	}
	return nil
}

// exitPoll is deferred by Poll. If Poll did not get to its end, a handler has panicked.
func (m *Manager) exitPoll() {
	m.inPoll.exit()
	if m.polling {
		m.notePanic()
	}
}

// exitOutside does the same for an event that was raised between two Polls.
func (m *Manager) exitOutside() {
	m.inCall.exit()
	if m.outsidePoll {
		m.notePanic()
	}
}

// notePanic puts the manager into the state in which it can only be closed.
func (m *Manager) notePanic() {
	m.panicked = true
	m.posted.refuse() // no turn would deliver what is posted
	m.polling, m.outsidePoll, m.depth, m.timingHandler, m.handshakeGoroutine = false, false, 0, false, 0
}

// resetDispatch is called at the end of a turn, and of a dispatch between turns. A handler may
// have recovered from a panic in a nested dispatch. That dispatch did not reach its end, so
// depth is too high, or checkingSend is still set.
func (m *Manager) resetDispatch() { m.depth, m.checkingSend, m.turn.conn = 0, false, nil }
