package reactor

// How a manager ends: by Close, or by a handler's panic, after which it can only be closed.

// Close closes every connection, each with its EvClose, and releases what the manager
// holds. Inside a handler it takes effect when the handlers that are running have returned;
// new connections are refused from the call on. Later calls of Poll, Drain, Connect, Listen,
// ListenFD, WrapFD, Post and Wakeup return ErrClosed, and so does a second Close.
//
// After a handler's panic that the program has recovered from, Close is what can be called:
// it closes everything. So does a Close during which a handler panics.
func (m *Manager) Close() error {
	m.own()
	if m.ending && !(m.panicked && !m.closed) {
		return ErrClosed
	}
	m.ending = true
	m.posted.shut()
	if m.depth == 0 && !m.polling {
		return m.teardown()
	}
	return nil
}

func (m *Manager) teardown() error {
	m.closed = true
	done := false
	defer func() {
		if !done { // a handler has panicked at EvClose; the others hear of theirs all the same
			m.depth = 0
			m.teardown()
		}
	}()
	for len(m.conns) > 0 {
		for _, c := range m.conns {
			if c.life == closed { // that one's
				c.dispose()
			}
			c.free()
		}
	}
	done = true
	m.logLostReports()
	m.posted.close()
	for _, t := range m.timers {
		t.pos = -1
	}
	m.fresh, m.dirty, m.inputs, m.late, m.redeliver, m.grown = turnList{}, turnList{}, turnList{}, turnList{}, turnList{}, turnList{}
	m.timers, m.asking, m.acks, m.registered = nil, nil, nil, nil
	m.pool, m.locals, m.shortage = pool{}, nil, shortage{}
	return m.poller.Close()
}

// usable returns why nothing can be made or done any more.
func (m *Manager) usable() error {
	switch {
	case m.panicked && !m.closed:
		return ErrPanicked
	case m.ending && !m.polling && m.depth == 0, m.closed:
		return ErrClosed
	}
	return nil
}

// mayMake returns why no connection can be made any more.
func (m *Manager) mayMake() error {
	m.own()
	if m.panicked && !m.closed {
		return ErrPanicked
	}
	if m.ending || m.draining {
		return ErrClosed
	}
	return nil
}

// exitPoll notes a panic that ends a turn in the middle.
func (m *Manager) exitPoll() {
	if m.polling {
		m.notePanic()
	}
}

// exitOutside does the same for a handler that Poll did not call.
func (m *Manager) exitOutside() {
	if m.outside {
		m.notePanic()
	}
}

// notePanic makes the manager one that can only be closed: lists were being worked off,
// and layers are in the middle of something.
func (m *Manager) notePanic() {
	m.panicked = true
	m.posted.shut() // it would not be delivered
	m.polling, m.outside, m.depth, m.timed, m.handshakeGoroutine = false, false, 0, false, 0
}

// recovered forgets handlers that have panicked inside of another one that recovered: they
// have not ended their dispatch.
func (m *Manager) recovered() { m.depth, m.checking = 0, false }
