package reactor

import "time"

// Stats are what a manager has done since it was made, and what it holds now.
type Stats struct {
	Conns     int // connections now, listeners not counted
	Listeners int
	Paused    int // of both, those that are paused
	Queued    int // bytes in all Send buffers, and ciphertext of TLS that sockets did not take
	HalfOpen  int // slots for TLS handshakes that are taken, see Handshakes
	Unread    int // bytes in all Recv buffers

	Opened   uint64 // connections and listeners made
	Accepted uint64 // of those, by listeners
	Failed   uint64 // of those, that had EvError
	Closed   uint64 // of those, that had EvClose

	Turns      uint64 // of the loop
	Handshakes uint64 // of TLS, that succeeded

	Events   uint64 // raised, on all connections
	Reads    uint64 // reads that brought bytes, and datagrams
	Writes   uint64 // writes, or rounds of datagrams
	BytesIn  uint64
	BytesOut uint64
	Pauses   uint64 // calls of Pause
	// QuickAcks counts acknowledgements that were asked for early, so that a peer with
	// Nagle's algorithm on does not wait for them.
	QuickAcks uint64

	Lag    time.Duration // how late the last timer fired
	MaxLag time.Duration // how late any did
	// LongestHandler is the longest that layers and handler took with an event, those
	// they raised themselves included, or a timer or posted function; 0 unless
	// WithHandlerTiming was given.
	LongestHandler time.Duration
}

// WithHandlerTiming makes the manager time every handler, timer and posted
// function, which costs two readings of the clock for each.
func WithHandlerTiming() Option { return func(m *Manager) { m.timing = true } }

// Stats returns a copy. It looks at each connection once.
func (m *Manager) Stats() Stats {
	m.own()
	s := m.stats
	s.HalfOpen = m.admission.used
	for _, c := range m.conns {
		if c.role == roleListener {
			s.Listeners++
		} else {
			s.Conns++
		}
		if c.is(paused) {
			s.Paused++
		}
		s.Queued += c.queued()
		s.Unread += c.Recv.Len()
	}
	return s
}

// time notes how long a handler took that began then.
func (m *Manager) time(began time.Time) {
	m.timed = false
	m.stats.LongestHandler = max(m.stats.LongestHandler, m.clock().Sub(began))
}

// late notes how late a timer fired, d after its time.
func (s *Stats) late(d time.Duration) {
	s.Lag = d
	s.MaxLag = max(s.MaxLag, d)
}
