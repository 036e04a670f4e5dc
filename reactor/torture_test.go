package reactor_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// The torture test: clients do everything that a peer can do. Handlers do everything that a
// program can do, to any connection and at any time. Meanwhile a quiet client
// (torture_quiet_test.go) must get its service.
//
// Chance chooses what happens and when. It never decides whether the test passes: a script does
// each action of a handler and each act of a client once, and the quiet client's handshake and
// messages are awaited.
//
// RIKKI_TORTURE makes each run go on for that long, as "30s". RIKKI_TORTURE_SEED repeats the
// choices of a run, but not those of the kernel.
const (
	tortureActs    = 80       // that each client chooses, after the script
	tortureConns   = 250      // no more connections are made while so many are open
	tortureBuffer  = 1 << 20  // the limit of Send and of Recv
	tortureRest    = 16 << 20 // how much larger the heap may be at the end: most of it is in pools
	tortureClients = 6
)

func TestTorture(t *testing.T) {
	fast := []reactor.Option{
		reactor.WithLimits(reactor.Limits{Send: tortureBuffer, Recv: tortureBuffer}),
		reactor.WithResolver(addresses("127.0.0.1", "::1", "127.0.0.2")),
	}
	checked := append(slices.Clone(fast), reactor.WithOwnerCheck(), reactor.WithHandlerTiming())
	for _, tc := range []struct {
		name  string
		opts  []reactor.Option
		setUp func(m *reactor.Manager)
		end   func(x *torture)
		// panics makes handlers panic, which Recover recovers.
		panics bool
	}{
		{"the system's poller, closed by a handler", fast, func(*reactor.Manager) {}, (*torture).closeWithin, false},
		{"handlers panic", checked, func(*reactor.Manager) {}, (*torture).close, true},
		{"kqueue, drained", checked, func(m *reactor.Manager) { reactor.UseKqueue(t, m, false) }, (*torture).drain, false},
		{"kqueue, everything twice, closed", fast, func(m *reactor.Manager) { reactor.UseKqueue(t, m, true) }, (*torture).close, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, tc.opts...)
			tc.setUp(m)
			x := newTorture(t, m)
			x.panics = tc.panics
			x.run()
			tc.end(x)
			x.quiet.end(t)
			x.judge()
		})
	}
}

// torture is one run. What has no lock belongs to the loop's goroutine.
type torture struct {
	t     *testing.T
	m     *reactor.Manager
	rnd   *rand.Rand
	seed  uint64
	urls  []string // of listeners, and some where nobody listens
	lives map[uint64]*history
	conns []*reactor.Conn // those that live, and some that do not
	live  int
	wraps []int // the other ends of WrapFD's descriptors
	tasks []*reactor.Timer
	depth int // of handlers, nested
	calls int // of EvRead, raised by us
	over  bool

	panics bool           // handlers panic now and then
	did    map[string]int // actions of handlers, and of the script
	heard  map[reactor.Event]int
	faults int

	before, peak, queued uint64 // bytes
	quiet                *quietClient
	quit                 atomic.Bool
	lastID               atomic.Uint64
	mu                   sync.Mutex
	done                 map[string]int // acts of clients
}

func newTorture(t *testing.T, m *reactor.Manager) *torture {
	x := &torture{t: t, m: m, lives: map[uint64]*history{}, did: map[string]int{}, heard: map[reactor.Event]int{}, done: map[string]int{}}
	x.seed = tortureSeed(t)
	x.rnd = rand.New(rand.NewPCG(x.seed, 0))
	x.before = heap()
	return x
}

// tortureSeed returns what RIKKI_TORTURE_SEED says, or another number each time.
func tortureSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("RIKKI_TORTURE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("RIKKI_TORTURE_SEED=%d", seed)
	return seed
}

// longer returns what RIKKI_TORTURE says, or 0.
func (x *torture) longer() (d time.Duration) {
	if s := os.Getenv("RIKKI_TORTURE"); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			x.t.Fatal(err)
		}
	}
	return d
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // a sync.Pool is empty after the second
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// run starts the clients and polls until all of them have finished.
func (x *torture) run() {
	targets := x.listen()
	x.startQuiet()
	x.doEach()
	done := make(chan struct{}, tortureClients)
	for i := range tortureClients {
		v := newVandal(x, uint64(i+1), targets)
		go func() {
			v.run()
			done <- struct{}{}
			x.m.Post(func() {}) // the loop may be waiting for this
		}()
	}
	end := time.Now().Add(x.longer())
	for turn, running := 0, tortureClients; running > 0; turn++ {
		if !x.quit.Load() && time.Now().After(end) {
			x.quit.Store(true)
		}
		x.turn()
		if x.rnd.IntN(10) == 0 { // calls between two Polls are allowed too
			x.act()
		}
		if turn%16 == 0 {
			s := x.m.Stats()
			x.queued = max(x.queued, uint64(s.Queued+s.Unread))
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			x.peak = max(x.peak, mem.HeapAlloc)
		}
		select {
		case <-done:
			running--
		default:
		}
	}
	x.finishQuiet()
}

func (x *torture) turn() {
	if err := x.m.Poll(5 * time.Millisecond); err != nil {
		x.t.Fatal(err)
	}
	if err := reactor.CheckAccounts(x.m); err != nil {
		x.fault("%v", err)
	}
}

func (x *torture) close() {
	if err := x.m.Close(); err != nil {
		x.t.Error(err)
	}
}

// closeWithin closes the manager in a posted function, which then continues.
func (x *torture) closeWithin() {
	closed := false
	x.m.Post(func() {
		closed = true
		for range 20 {
			x.act()
		}
		if err := x.m.Close(); err != nil {
			x.t.Error(err)
		}
		for range 20 {
			x.act()
		}
	})
	for !closed { // other posted functions come first, and a turn may not get to all of them
		if err := x.m.Poll(time.Second); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *torture) drain() {
	late, err := x.m.Drain(100 * time.Millisecond)
	if err != nil {
		x.t.Error(err)
	}
	x.t.Logf("%d stragglers", len(late))
}
