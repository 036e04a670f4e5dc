package blocking

import "sync"

// Loop is what a Monitor needs of the loop: *reactor.Manager has it.
type Loop interface {
	Post(work func()) error // makes the loop call work
	InHandler() bool        // whether the caller runs on the loop
}

// Monitor is the lock of what the loop shares with goroutines that wait for it. A goroutine that
// finds that it has to wait calls Wait. One that has something for the loop calls UnlockAndPost.
// Changed.Broadcast follows each change. Init must be called before the first use.
type Monitor struct {
	sync.Mutex
	Changed sync.Cond
	loop    Loop
	work    func() // a value that is made once, so that posting it does not allocate
	posted  bool   // work is posted, and has not begun
}

// Init sets the loop, and the function that UnlockAndPost makes the loop call. That function calls
// Begin first. It may be nil if nothing is posted.
func (m *Monitor) Init(loop Loop, work func()) {
	m.Changed.L = &m.Mutex
	m.loop, m.work = loop, work
}

// Wait waits for a broadcast of Changed. The caller holds the lock. If it runs on the loop, which
// would wait for itself, Wait unlocks and panics. call names the method for the text of the panic.
func (m *Monitor) Wait(call string) {
	if m.loop.InHandler() {
		m.Unlock()
		panic(call + " has to wait within a handler, timer or posted function: the loop would wait for itself")
	}
	m.Changed.Wait()
}

// UnlockAndPost unlocks. If needed is true, it makes the loop call work, unless a call is on its
// way already. The error is that of Post: work is not called then.
func (m *Monitor) UnlockAndPost(needed bool) error {
	post := needed && !m.posted
	m.posted = m.posted || post
	m.Unlock()
	if !post {
		return nil
	}
	return m.loop.Post(m.work)
}

// Begin locks for work, on the loop. What is posted from now on makes the loop call work again.
func (m *Monitor) Begin() {
	m.Lock()
	m.posted = false
}
