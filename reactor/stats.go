package reactor

import "time"

// Stats are counters of what a manager has done since New, and sums of what it holds now.
type Stats struct {
	Conns          int // connections now, without listeners
	Listeners      int // listeners now
	Paused         int // connections and listeners that are paused now
	Queued         int // bytes in all Send buffers now, and ciphertext that sockets did not take
	TLSHandshaking int // slots that TLS handshakes take now, see TLSHandshakes.Concurrent
	Unread         int // bytes in all Recv buffers now
	Held           int // bytes of memory that count towards WithMemoryBudget now

	Opened uint64 // connections and listeners made
	// Accepted and Refused together count each connection that a listener got from the system
	// once, at the latest when it closes. Accepted are those that had EvAccept. Refused are the
	// others: a full listener closed them at once, or they ended in their Opening, for any reason.
	Accepted uint64
	Refused  uint64
	Evicted  uint64 // idle connections that a full listener closed for a new one, see WhenFull; they are in Accepted or Refused too
	Failed   uint64 // connections and listeners that had EvError
	Closed   uint64 // connections and listeners that had EvClose, or were closed in their Opening

	// Suppressed counts log records that connections would have caused. The manager logs a
	// burst of 100, and 10 in each second after that.
	Suppressed uint64

	Turns         uint64 // turns of the loop
	TLSHandshakes uint64 // TLS handshakes that succeeded
	TLSEvicted    uint64 // connections that have lost their slot, see ErrTLSEvicted

	Events   uint64 // events raised, on all connections
	Reads    uint64 // reads that returned bytes, and datagrams received
	Writes   uint64 // writes; all datagrams of one flush count as one
	BytesIn  uint64 // bytes read from sockets
	BytesOut uint64 // bytes written to sockets
	Pauses   uint64 // calls of Pause on connections that were not paused
	Yields   uint64 // times that a connection's input waited for a later turn, see Conn.InputStopped
	// DatagramDrops counts datagrams that arrived and that the kernel dropped, because a socket's
	// receive buffer was full or a checksum was wrong. It is always 0 on macOS and the
	// BSDs, which count them for the whole host only (netstat -s -p udp).
	DatagramDrops uint64
	// QuickAcks counts acknowledgements that were asked for early, so that a peer with
	// Nagle's algorithm on does not wait for them.
	QuickAcks uint64

	Lag    time.Duration // how late the timer that fired last was
	MaxLag time.Duration // the largest Lag since New
	// LongestHandler is the longest time that one event, timer or posted function took. For
	// an event that is the time of its layers and handler, including the events that they
	// raised. It is 0 without WithHandlerTiming.
	LongestHandler time.Duration
}

// WithHandlerTiming makes the manager measure Stats.LongestHandler. It reads the clock twice for
// each event, timer and posted function.
func WithHandlerTiming() Option { return func(m *Manager) { m.timeHandlers = true } }

// Stats returns the current numbers. It walks over all connections.
func (m *Manager) Stats() Stats {
	m.checkOwner()
	s := m.stats
	s.TLSHandshaking = m.admission.slotsUsed
	s.Held = m.budget.held
	for c := range m.conns.all() {
		if c.role == roleListener {
			s.Listeners++
		} else {
			s.Conns++
		}
		if c.is(paused) {
			s.Paused++
		}
		s.DatagramDrops += c.datagramDrops()
		s.Queued += c.unsentBytes()
		s.Unread += c.Recv.Len()
	}
	return s
}

// noteHandlerTime notes how long a handler took. It is called when the handler has returned,
// with the time at which the handler began.
func (m *Manager) noteHandlerTime(began time.Time) {
	m.timingHandler = false
	m.stats.LongestHandler = max(m.stats.LongestHandler, m.clock().Sub(began))
}

// noteLag notes that a timer fired d after it was due.
func (s *Stats) noteLag(d time.Duration) {
	s.Lag = d
	s.MaxLag = max(s.MaxLag, d)
}
