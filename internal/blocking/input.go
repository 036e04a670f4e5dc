package blocking

// Input is the bytes that the loop has received for goroutines that read. It says when the loop is
// to stop receiving, and how much memory counts as held. The lock of a Monitor guards it.
type Input struct {
	Queue
	Limit   int // with this many bytes or more the loop stops receiving
	readers int // goroutines that wait for bytes
	paused  bool
	counted int // bytes of memory that the loop has counted
}

// Receive adds p. It is called by the loop. If pause is true the loop stops receiving, until Resume
// returns true.
func (in *Input) Receive(p []byte) (pause bool) {
	in.Append(p)
	if in.paused || in.Len() < in.Limit {
		return false
	}
	in.paused = true
	return true
}

// Wait waits for a change, see Monitor.Wait.
func (in *Input) Wait(m *Monitor, call string) {
	in.readers++
	defer func() { in.readers-- }()
	m.Wait(call)
}

// HasReader reports whether a goroutine waits for bytes. It takes them at once, so the loop need
// not count them: if some are left, the reader finds that with NeedsLoop.
func (in *Input) HasReader() bool { return in.readers > 0 }

// NeedsLoop reports whether the loop has to call Resume or Count. A reader asks after it has taken
// bytes, and when it ends its wait without.
func (in *Input) NeedsLoop() bool { return in.mayResume() || in.Memory() != in.counted }

func (in *Input) mayResume() bool { return in.paused && in.Len() <= in.Limit/2 }

// Resume reports whether the loop is to receive again, because half of Limit or less is left. It is
// called by the loop.
func (in *Input) Resume() bool {
	if !in.mayResume() {
		return false
	}
	in.paused = false
	return true
}

// EndPause ends the pause. It reports whether there was one. It is called by the loop.
func (in *Input) EndPause() (was bool) {
	was, in.paused = in.paused, false
	return was
}

// Count counts the memory as it is now, and returns the difference to the last call. It is called
// by the loop.
func (in *Input) Count() (delta int) {
	delta = in.Memory() - in.counted
	in.counted += delta
	return delta
}
