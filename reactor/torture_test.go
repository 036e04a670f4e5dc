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

// The torture test: clients that do everything a peer can do, against
// handlers that do everything a program can do, to any connection and at any
// time. RIKKI_TORTURE is how long each run takes, as "30s";
// RIKKI_TORTURE_SEED repeats the choices of a run, though not the kernel's.
const (
	tortureTime    = 1000 * time.Millisecond
	tortureConns   = 250      // no more are made while so many live
	tortureBuffer  = 1 << 20  // the limit of Send and of Recv
	tortureMemory  = 96 << 20 // how far the heap may grow meanwhile
	tortureRest    = 16 << 20 // and what may be left of that: pools, mostly
	tortureClients = 6
	tortureTurns   = 20 // at the least, however slow the machine
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
	}{
		{"the system's poller, closed by a handler", fast, func(*reactor.Manager) {}, (*torture).closeWithin},
		{"kqueue, drained", checked, func(m *reactor.Manager) { reactor.UseKqueue(t, m, false) }, (*torture).drain},
		{"kqueue, everything twice, closed", fast, func(m *reactor.Manager) { reactor.UseKqueue(t, m, true) }, (*torture).close},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newManager(t, tc.opts...)
			tc.setUp(m)
			x := newTorture(t, m)
			x.run(x.env("RIKKI_TORTURE", tortureTime))
			tc.end(x)
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
	urls  []string // of listeners and of nobody
	lives map[uint64]*history
	conns []*reactor.Conn // those that live, and some that do not
	live  int
	wraps []int // the other ends of WrapFD's descriptors
	tasks []*reactor.Timer
	depth int // of handlers, nested
	calls int // of EvRead, raised by us
	over  bool

	did    map[string]int // actions of handlers
	heard  map[reactor.Event]int
	faults int

	before, peak, queued uint64 // bytes
	clients              sync.WaitGroup
	quit                 atomic.Bool
	lastID               atomic.Uint64
	mu                   sync.Mutex
	done                 map[string]int // acts of clients
}

func newTorture(t *testing.T, m *reactor.Manager) *torture {
	x := &torture{t: t, m: m, lives: map[uint64]*history{}, did: map[string]int{}, heard: map[reactor.Event]int{}, done: map[string]int{}}
	x.seed = uint64(time.Now().UnixNano())
	if s := os.Getenv("RIKKI_TORTURE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		x.seed = seed
	}
	t.Logf("RIKKI_TORTURE_SEED=%d", x.seed)
	x.rnd = rand.New(rand.NewPCG(x.seed, 0))
	x.before = heap()
	return x
}

func (x *torture) env(name string, d time.Duration) time.Duration {
	if s := os.Getenv(name); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			x.t.Fatal(err)
		}
	}
	return d
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// run lets the clients loose and polls.
func (x *torture) run(d time.Duration) {
	targets := x.listen()
	var running atomic.Int32
	for i := range tortureClients {
		running.Add(1)
		x.clients.Add(1)
		v := newVandal(x, uint64(i+1), targets)
		go func() {
			defer x.clients.Done()
			v.run()
			running.Add(-1)
			x.m.Post(func() {}) // the loop may be waiting for this
		}()
	}
	end := time.Now().Add(d)
	for turn := 0; running.Load() > 0; turn++ {
		if turn >= tortureTurns && time.Now().After(end) {
			x.quit.Store(true)
		}
		if err := x.m.Poll(5 * time.Millisecond); err != nil {
			x.t.Fatal(err)
		}
		if x.rnd.IntN(10) == 0 { // calls from between the polls are as good as any
			x.act()
		}
		if turn%16 == 0 {
			s := x.m.Stats()
			x.queued = max(x.queued, uint64(s.Queued+s.Unread))
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			x.peak = max(x.peak, mem.HeapAlloc)
		}
	}
	x.clients.Wait()
}

func (x *torture) close() {
	if err := x.m.Close(); err != nil {
		x.t.Error(err)
	}
}

// closeWithin closes the manager from a posted function, which then goes on.
func (x *torture) closeWithin() {
	x.m.Post(func() {
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
	if err := x.m.Poll(time.Second); err != nil {
		x.t.Error(err)
	}
}

func (x *torture) drain() {
	late, err := x.m.Drain(100 * time.Millisecond)
	if err != nil {
		x.t.Error(err)
	}
	x.t.Logf("%d stragglers", len(late))
}
