package reactor

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"math"
	"net"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Manager is an event loop and the connections, listeners and timers that live on it. It
// and everything on it belong to one goroutine, the one that calls Poll; only Post and
// Wakeup may be called from others.
type Manager struct {
	log        *slog.Logger
	clock      func() time.Time
	system     bool // it is time.Now
	resolver   Resolver
	deadlines  Deadlines
	limits     Limits
	trip       int // of connections without extras, see extras
	sockets    Sockets
	handshakes Handshakes

	poller     poll.Poller
	registered []registration // by descriptor
	batch      uint32         // counts what the poller reported

	conns  map[uint64]*Conn
	lastID uint64

	fresh     turnList // made by Connect, Listen or WrapFD; EvOpen is still to come
	dirty     turnList // to be settled: written to, drained, closed, registered differently
	inputs    turnList // whose transport has input that readiness does not tell of
	late      turnList // to be looked at once more before a deadline is judged
	redeliver turnList // what lies in Recv is to be offered again
	grown     turnList // whose Send has grown beyond a mark or limit
	checking  bool     // checkGrown is running
	asking    []*Conn  // want EvPoll
	acks      []*Conn  // have read; an acknowledgement may be due
	timers    timerHeap
	timerSeq  uint64
	posted    *postQueue

	rbuf      []byte // every read goes here first
	readBytes int    // since the last settle
	tls       *tlsBuffers
	admission admission
	pool      pool
	locals    map[any]any // see Local
	shortage  shortage    // of descriptors

	reports []*report // since the turn began

	checked            bool   // WithOwnerCheck
	owner              uint64 // the goroutine that polls, if checked
	handshakeGoroutine uint64 // takes a step of a TLS handshake meanwhile; 0 if none does
	stats              Stats  // what is counted as it happens; the loop never reads it
	timing             bool   // WithHandlerTiming
	timed              bool   // a handler is being timed

	epoch    time.Time // what ticks counts from
	polling  bool      // in Poll
	outside  bool      // a handler is running that Poll did not call
	depth    int       // handlers, timers and posts that are running now, nested
	called   bool      // a handler was called since the turn began
	panicked bool      // a handler's panic has ended a turn in the middle
	draining bool      // Drain was called
	ending   bool      // Close was called, perhaps inside a handler
	closed   bool      // Close has taken effect

	// Data of events that the loop itself raises. The loop does not nest, so neither does
	// their use.
	polledAt time.Time
	arrived  int
	wrote    int
	woken    []byte
}

// readSize is the most that one read brings: a stream has one per turn.
const readSize = 64 << 10

// smallRest is how many bytes of an incomplete message are moved about so that
// what follows them is read like the rest of the stream, in large pieces.
const smallRest = 16 << 10

// New makes a manager without connections.
func New(opts ...Option) (*Manager, error) {
	m := &Manager{
		log:       slog.Default(),
		resolver:  net.DefaultResolver,
		deadlines: defaultDeadlines,
		conns:     make(map[uint64]*Conn),
		rbuf:      make([]byte, smallRest+readSize),
	}
	for _, o := range opts {
		o(m)
	}
	if m.clock == nil {
		m.clock, m.system = time.Now, true
	}
	m.epoch = m.clock()
	m.trip = min(limit(m.limits.Send), limit(m.limits.Unsent, DefaultUnsent))
	m.admission.m = m
	var err error
	if m.poller, err = poll.New(); err != nil {
		return nil, err
	}
	if m.posted, err = newPostQueue(m); err != nil {
		m.poller.Close()
		return nil, err
	}
	return m, nil
}

// Poll runs one turn of the loop. It waits until a socket is ready, a timer is due,
// another goroutine calls Post or Wakeup, or timeout has passed (a negative timeout:
// without limit; 0: not at all), and calls the handlers. docs/design.md lists its phases.
// It does not block once handlers were called, so a loop that ends when one of them says
// so ends. It returns ErrClosed after Close, ErrPanicked after a handler's panic, or the
// error of a failed wait. It panics if called from within a handler.
func (m *Manager) Poll(timeout time.Duration) error {
	m.assertIdle("Poll")
	if err := m.usable(); err != nil {
		return err
	}
	m.polling, m.called = true, false
	defer m.exitPoll()
	m.logReports()
	m.stats.Turns++
	m.settle()
	batch, err := m.wait(timeout)
	m.deliver(batch)
	m.admission.run()
	m.inputs.each(m, (*Conn).takePending)
	m.posted.deliver()
	m.runTimers()
	m.late.each(m, (*Conn).look)
	m.redeliver.each(m, (*Conn).offer)
	m.tick()
	m.settle()
	if timeout == 0 { // another loop may wait now
		m.sendAcks()
	}
	m.recovered()
	m.polling = false
	if m.ending {
		m.teardown()
	}
	return err
}

// settle opens the connections that are new and makes the kernel's side agree with what
// handlers did.
func (m *Manager) settle() {
	m.fresh.each(m, (*Conn).start)
	m.dirty.each(m, (*Conn).settle)
}

// wait returns what is ready, and blocks for it if there is nothing else to do.
func (m *Manager) wait(timeout time.Duration) ([]poll.Ready, error) {
	batch, err := m.poller.Look()
	if len(batch) > 0 || err != nil || m.called { // the caller may wait for what the handlers have just done
		return batch, err
	}
	if timeout = m.waitTime(timeout); timeout == 0 {
		return nil, nil
	}
	m.sendAcks()
	return m.poller.Wait(timeout)
}

// assertIdle panics if the loop is running already, or on another goroutine.
func (m *Manager) assertIdle(call string) {
	if m.checked && m.owner == 0 {
		m.owner = goroutine()
	}
	m.own()
	if m.depth > 0 || m.polling {
		panic("reactor: " + call + " called from within a handler, timer or posted function")
	}
}

// maxWait is the longest that one wait takes: some kernels refuse years.
const maxWait = 24 * time.Hour

// waitTime is how long the loop may block: not at all while there is work, and not beyond
// the next timer.
func (m *Manager) waitTime(timeout time.Duration) time.Duration {
	next := m.NextTimeout()
	if timeout < 0 {
		if next == math.MaxInt64 {
			return -1
		}
		return min(next, maxWait)
	}
	return min(timeout, next, maxWait)
}

// NextTimeout returns how long a Poll that is to miss nothing may wait: 0 if
// there is work now, else the time until the next timer, or math.MaxInt64
// without one. A program that runs the manager inside another loop waits
// until Fd is readable or this time has passed, then calls Poll(0).
func (m *Manager) NextTimeout() time.Duration {
	m.own()
	if m.closed {
		return math.MaxInt64
	}
	if m.ending || len(m.fresh.list)+len(m.dirty.list)+len(m.inputs.list)+len(m.late.list)+len(m.redeliver.list)+len(m.admission.steps) > 0 || m.unheeded() {
		return 0
	}
	if len(m.timers) == 0 {
		return math.MaxInt64
	}
	return max(0, time.Duration(m.timers[0].when-m.ticks()))
}

// Fd returns the descriptor that becomes readable when Poll has something to
// do, timers excepted. It stays valid until Close.
func (m *Manager) Fd() int { return m.poller.FD() }

// Conns iterates over all connections, listeners included, in no particular
// order. The handlers may make and close connections meanwhile.
func (m *Manager) Conns() iter.Seq[*Conn] {
	m.own()
	return maps.Values(m.conns)
}

// Logger returns the manager's logger.
func (m *Manager) Logger() *slog.Logger { return m.log }

// verbose reports whether level Debug is logged. The arguments of a log call
// are allocated even if nobody reads them, so paths that are taken often ask first.
func (m *Manager) verbose() bool { return m.log.Enabled(context.Background(), slog.LevelDebug) }

// Now returns the time on the manager's clock.
func (m *Manager) Now() time.Time { return m.clock() }

// ticks is the time as nanoseconds since the manager was made.
func (m *Manager) ticks() int64 {
	if m.system {
		return int64(time.Since(m.epoch)) // reads one clock of the system, time.Now reads two
	}
	return int64(m.clock().Sub(m.epoch))
}

// run calls a function that is not a connection's handler.
func (m *Manager) run(fn func()) {
	m.depth++
	m.called = true
	if m.timing && !m.timed {
		m.timed = true
		defer m.time(m.clock())
	}
	fn()
	m.exitDispatch()
}

// exitDispatch ends a dispatch. A Close that waited for the outermost one outside Poll
// takes effect here; Poll sees to it itself.
func (m *Manager) exitDispatch() {
	m.depth--
	if m.depth == 0 && m.ending && !m.polling && !m.closed {
		m.teardown()
	}
}

// tick raises EvPoll on the connections that asked for it.
func (m *Manager) tick() {
	if len(m.asking) == 0 {
		return
	}
	m.polledAt = m.clock()
	keep := m.asking[:0]
	for _, c := range m.asking { // what SetPoll appends meanwhile is not ranged over
		if c.is(polled) && !m.ending {
			c.Call(EvPoll, &m.polledAt)
		}
	}
	for _, c := range m.asking {
		if c.is(polled) && c.life < closed {
			keep = append(keep, c)
		} else {
			c.on &^= onAsking
		}
	}
	clear(m.asking[len(keep):])
	m.asking = keep
}

// turnList holds connections that need the loop's attention once. What is
// added while the list is being worked off waits for the next turn, so that no
// handler can keep the loop by adding to it.
type turnList struct{ list, spare []*Conn }

func (t *turnList) add(c *Conn) { t.list = append(t.list, c) }

func (t *turnList) each(m *Manager, fn func(*Conn)) {
	list := t.list
	t.list = t.spare[:0]
	for i, c := range list {
		list[i] = nil
		if !m.ending {
			fn(c)
		}
	}
	t.spare = list[:0]
}
