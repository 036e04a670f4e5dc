package reactor

import (
	"context"
	"iter"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/rikki-go/rikki/internal/rate"
	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Manager is an event loop with its connections, listeners and timers. The Manager and
// everything on it belong to one goroutine, the one that calls Poll. Only Post, Wakeup and Do
// may be called from other goroutines. New makes a Manager. The zero Manager is not usable.
type Manager struct {
	// Settings, which New makes from its options.
	log           *slog.Logger
	clock         func() time.Time
	systemClock   bool // clock is time.Now
	resolver      Resolver
	deadlines     Deadlines
	limits        Limits
	budget        memoryBudget
	descriptors   descriptorLimit
	sendThreshold int // smallest limit of unsent bytes, for a Conn without a threshold of its own
	sockets       Sockets
	tlsHandshakes TLSHandshakes
	checkingOwner bool // WithOwnerCheck
	timeHandlers  bool // WithHandlerTiming

	// The descriptors and their poller.
	poller     poll.Poller
	registered registrationTable
	batch      uint32 // number of the current batch of readiness
	unchecked  int    // waits that may block without a Check before, see waitUnchecked

	// All connections and listeners.
	conns  connTable
	lastID uint64
	// The sets of connections that listeners have accepted, by Conn.acceptedBy.
	acceptedSets []*acceptedSet
	idleChecks   uint64 // connections that searches for an idle one have looked at, for tests

	// The work of the loop. Each list is handled by one phase of Poll.
	newConns     turnList   // made by Connect, Listen or WrapFD; EvOpen is still to be raised
	dirty        turnList   // to be settled: flushed, shut down, freed or registered again
	inputs       turnList   // to be read although the poller does not report them
	catchUps     turnList   // to be read until their sockets are empty, see catchup.go
	redeliver    turnList   // Recv is to be delivered again
	grown        turnList   // Send has grown beyond a mark or limit
	checkingSend bool       // checkGrown is running
	turn         turnBudget // the time that the phase may take
	writeLeft    int        // bytes that connections may still write in this turn
	pollConns    []*Conn    // to get EvPoll in each turn
	ackQueue     []*Conn    // connections that have read; an early acknowledgement may be due
	timers       timerHeap
	timerSeq     uint64 // sequence number of the timer that was armed last
	turnTicks    int64  // the tick at which a countdown was started last in this turn; 0 if none
	posted       *postQueue

	// What connections share.
	readBuf   []byte       // reads go into it, unless Recv holds a large rest, see recvSpace
	readBytes int          // bytes read since deliver last settled
	readFull  bool         // the last read filled its space, so the socket may have more
	missing   missingBytes // of a message in Recv, see ExpectMore
	tls       *tlsBuffers
	admission admission
	pool      pool
	locals    map[any]any // by type, see Local
	shortage  descriptorShortage
	// Spare objects, see dropWatchdog.
	spareWatchdogs spares[watchdog]
	spareExtras    spares[extras]
	spareStacks    spares[layerStack]

	// Checks and counters.
	reports            []*report  // errors raised since the turn began
	records            rate.Limit // bounds the log records that connections cause
	owner              uint64     // number of the goroutine that polls; 0 if not checked
	handshakeGoroutine uint64     // number of the goroutine in a step of a TLS handshake, or 0
	stats              Stats      // the loop counts here and never reads it
	timingHandler      bool       // a handler is being timed

	// Where the loop is.
	epoch         time.Time // ticks counts from here
	inPoll        runner    // the goroutine that is inside Poll
	inCall        runner    // the goroutine that dispatches an event between two Polls
	polling       bool      // Poll is running
	outsidePoll   bool      // an event that was raised between two Polls is being dispatched
	layerChanges  uint64    // layers that were replaced or removed, on all connections
	depth         int       // handlers, timers and posted functions that are running, nested
	handlerCalled bool      // a handler, timer or posted function was called in this turn
	panicked      bool      // a panic of a handler has cut a turn short
	draining      bool      // Drain was called
	closeCalled   bool      // Close was called, perhaps in a handler
	closed        bool      // Close has taken effect

	// Data of the events that the loop raises. One variable for each is enough, because the
	// loop never raises such an event inside another of the same kind.
	pollTime   time.Time // of EvPoll
	readCount  int       // of EvRead
	writeCount int       // of EvWrite
	wakeupData []byte    // of EvWakeup
}

// readSize is the most bytes that one read of a stream adds to Recv. A plain stream is read
// once per turn.
const readSize = 64 << 10

// maxCopiedRest is the largest rest of Recv that is copied in front of the next read, in bytes.
// The next read can then use the large shared buffer, as it does when Recv is empty.
const maxCopiedRest = 16 << 10

// New makes a manager without connections. It opens the descriptors of the poller and of the
// wake-up, which Close closes. An error is that of the system call that failed.
func New(opts ...Option) (*Manager, error) {
	m := &Manager{
		log:       slog.Default(),
		resolver:  net.DefaultResolver,
		deadlines: defaultDeadlines,
	}
	for _, o := range opts {
		o(m)
	}
	if m.clock == nil {
		m.clock, m.systemClock = time.Now, true
	}
	m.epoch = m.clock()
	m.sendThreshold = min(effectiveLimit(m.limits.Send), effectiveLimit(m.limits.Backpressure, DefaultMaxBackpressure))
	m.admission.m = m
	m.pool.trimmer = Timer{m: m, fn: m.pool.trim, pos: -1}
	m.newReadBuf()
	m.budget.limit = effectiveLimit(m.budget.limit, DefaultMemoryBudget)
	m.readDescriptorLimit()
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

// Poll runs one turn of the loop: it waits until something is ready, and calls the handlers.
// The wait ends when a socket is ready, a timer is due, another goroutine calls Post or
// Wakeup, or timeout has passed. A negative timeout is no limit. With 0, Poll does not wait.
// If it has already called handlers in this turn, it does not wait either. So if a program calls
// Poll until a handler has set a variable, it sees the change at once.
//
// The error is ErrClosed after Close, ErrPanicked after a handler's panic, or that of a failed
// wait. Poll panics if it is called from within a handler, timer or posted function.
func (m *Manager) Poll(timeout time.Duration) error {
	m.assertIdle("Poll")
	if err := m.pollError(); err != nil {
		return err
	}
	m.polling, m.handlerCalled = true, false
	m.inPoll.enter()
	defer m.exitPoll()
	// Each phase handles what is on its list when the phase begins. What handlers add to a
	// list waits for the next run of its phase, so no handler keeps the loop busy. No phase
	// walks over connections that have nothing to do. The time of phases 4 and 6 to 10
	// is bounded, see fairness.go. What is left waits for the next turn, which does not block.

	// 1. Log the errors of earlier turns that the program has not handled.
	m.logReports()
	m.stats.Turns++
	m.writeLeft = maxWrites
	// 2. Raise EvOpen for new connections. Flush, register or close the marked ones.
	m.settle()
	// 3. Wait for readiness, unless there is work already.
	batch, err := m.wait(timeout)
	// 4. Accept and read on the ready sockets, and call the handlers.
	m.beginPhase()
	m.deliver(batch)
	// 5. Continue TLS handshakes that had to wait for this turn.
	m.admission.grantSteps()
	// 6. Read from connections that have input which the poller does not report.
	m.inputs.eachWithin(m, (*Conn).readScheduled)
	// 7. Call posted functions and raise EvWakeup.
	m.posted.deliver()
	// 8. Call the timers that are due.
	m.runTimers()
	// 9. Where a deadline has passed or a write has failed, read what the socket holds first.
	//    Then enforce the deadline, or fail the connection.
	m.catchUps.eachWithin(m, (*Conn).catchUp)
	// 10. Raise EvRead for what is left in Recv, after Resume or Redispatch, or by a
	//     connection that has yielded.
	m.redeliver.eachWithin(m, (*Conn).takeTurn)
	// 11. Raise EvPoll.
	m.raisePollEvents()
	// 12. Flush, register or close what the handlers of this turn marked.
	m.settle()
	if timeout == 0 { // the program may wait in another loop now
		m.sendAcks()
	}
	m.resetDispatch()
	m.polling = false
	// 13. Close the manager, if a handler called Close.
	if m.closeCalled {
		m.teardown()
	}
	return err
}

// settle raises EvOpen for new connections and then settles the marked ones, see Conn.settle.
func (m *Manager) settle() {
	m.newConns.each(m, (*Conn).start)
	m.dirty.each(m, (*Conn).settle)
	m.checkBudget()
}

// assertIdle panics if the loop is running already. With WithOwnerCheck the first goroutine
// that gets here becomes the owner, and a call from another one panics.
func (m *Manager) assertIdle(call string) {
	if m.checkingOwner && m.owner == 0 {
		m.owner = goroutineID()
	}
	m.checkOwner()
	if m.depth > 0 || m.polling {
		panic("reactor: " + call + " called from within a handler, timer or posted function")
	}
}

// NextTimeout returns how long the program may wait before it calls Poll again: 0 if there is
// work now, otherwise the time until the next timer. Without a timer, or after Close, it is
// math.MaxInt64. A program that runs the manager inside another loop waits until Fd is
// readable or this time has passed, then calls Poll(0).
//
// If more than 1,024 timers were reset to later times since the last turn, the result may be
// shorter: the time at which one of them was due before. So a call never takes long.
func (m *Manager) NextTimeout() time.Duration {
	m.checkOwner()
	if m.closed {
		return math.MaxInt64
	}
	if m.closeCalled || len(m.newConns.list)+len(m.dirty.list)+len(m.inputs.list)+len(m.catchUps.list)+len(m.redeliver.list) > 0 || m.admission.hasWork() || m.posted.hasRest() || m.hasUnhandledErrors() {
		return 0
	}
	if len(m.timers) == 0 {
		return math.MaxInt64
	}
	m.timers.settleFirst(maxSettled)
	return max(0, time.Duration(m.timers[0].when-m.ticks()))
}

// Fd returns the poller's descriptor, which is readable while a socket is ready or posted
// work waits. Timers, and work that the loop has postponed, do not make it readable: see
// NextTimeout. The manager owns it, and it stays valid until Close.
func (m *Manager) Fd() int { return m.poller.FD() }

// Conns returns an iterator over all connections and listeners, in no particular order. The
// program may make and close connections during the iteration. Accepted connections whose Opening
// is not done are left out, see Stack.SetOpening.
func (m *Manager) Conns() iter.Seq[*Conn] {
	m.checkOwner()
	return func(yield func(*Conn) bool) {
		for c := range m.conns.each() {
			if c.opening() == nil && !yield(c) {
				return
			}
		}
	}
}

// Logger returns the manager's logger.
func (m *Manager) Logger() *slog.Logger { return m.log }

// verbose reports whether level Debug is logged. The arguments of a log call are allocated
// even if the record is dropped, so frequent paths check this first.
func (m *Manager) verbose() bool { return m.log.Enabled(context.Background(), slog.LevelDebug) }

// Now returns the current time of the manager's clock, see WithClock.
func (m *Manager) Now() time.Time { return m.clock() }

// ticks returns the current time in nanoseconds since New.
func (m *Manager) ticks() int64 {
	if m.systemClock {
		return int64(time.Since(m.epoch)) // reads one clock of the system; time.Now reads two
	}
	return int64(m.clock().Sub(m.epoch))
}

// run calls a timer's function or a posted one.
func (m *Manager) run(fn func()) {
	m.depth++
	m.handlerCalled = true
	if m.timeHandlers && !m.timingHandler {
		m.timingHandler = true
		defer m.noteHandlerTime(m.clock())
	}
	fn()
	m.exitDispatch()
}

// exitDispatch ends a dispatch. At the end of the outermost one it carries out a Close that a
// handler called. Within Poll, Poll does that.
func (m *Manager) exitDispatch() {
	m.depth--
	if m.depth == 0 && m.closeCalled && !m.polling && !m.closed {
		m.teardown()
	}
}

// raisePollEvents raises EvPoll on the connections that have SetPoll on.
func (m *Manager) raisePollEvents() {
	if len(m.pollConns) == 0 {
		return
	}
	m.pollTime = m.clock()
	kept := m.pollConns[:0]
	for _, c := range m.pollConns { // range does not visit what SetPoll appends meanwhile
		if c.is(pollEvents) && !m.closeCalled {
			c.Call(EvPoll, &m.pollTime)
		}
	}
	for _, c := range m.pollConns {
		if c.is(pollEvents) && c.life < closed {
			kept = append(kept, c)
		} else {
			c.on &^= onPollEvents
		}
	}
	clear(m.pollConns[len(kept):])
	m.pollConns = kept
}

// turnList is a list of connections for one phase of the loop. A connection that is added
// while the phase runs waits for the next run, so handlers cannot keep the phase busy. The two
// slices are used alternately, so a turn does not allocate.
type turnList struct{ list, spare []*Conn }

func (t *turnList) add(c *Conn) { t.list = append(t.list, c) }

// each empties the list and calls fn for each connection that was on it. After Close it does
// not call fn.
func (t *turnList) each(m *Manager, fn func(*Conn)) {
	list := t.list
	t.list = t.spare[:0]
	for i, c := range list {
		list[i] = nil
		if !m.closeCalled {
			fn(c)
		}
	}
	t.spare = list[:0]
}
