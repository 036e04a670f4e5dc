package nethttp

import (
	"context"
	"log"
	stdhttp "net/http"
	"sync"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// The defaults of Options.
const (
	DefaultWorkers = 1024
	DefaultQueue   = 1024
	DefaultBuffer  = 64 << 10
)

// Options are the settings of a Bridge. In each number zero means the default.
type Options struct {
	// Workers is how many handlers may run at once, each on its goroutine. A handler that has
	// hijacked its connection does not count. Handlers that wait, for example those that send
	// events, do. The default is DefaultWorkers, 1024.
	Workers int
	// Queue is how many requests may wait for a worker. Beyond it requests are answered with 503 at
	// once. A request whose connection has ended leaves the queue at once. If the queue is full, a
	// new request takes the place of one whose client has ended its side, which is answered with
	// 503. A negative value means that none waits. The default is DefaultQueue, 1024.
	Queue int
	// Buffer is how many bytes of a request's body may wait for the handler before the loop stops
	// reading, and how many bytes of a response may wait for the loop before Write waits. As many
	// may be in Conn.Send. The least is 2. The default is DefaultBuffer, 64 KiB.
	Buffer int
	// ErrorLog is for panics of handlers and for wrong calls of ResponseWriter, as in http.Server.
	// If it is nil, they are logged by package log.
	ErrorLog *log.Logger
	// BaseContext returns the context that those of the requests are derived from. It is called on
	// the loop's goroutine. If it is nil, it is context.Background.
	BaseContext func(c *reactor.Conn) context.Context
}

// Bridge runs a handler of net/http. Several managers may share one.
type Bridge struct {
	handler stdhttp.Handler
	opts    Options
	server  *stdhttp.Server // for ServerContextKey

	mu      sync.Mutex  // guards the fields below
	changed sync.Cond   // broadcast when active becomes 0
	running int         // workers that count towards Options.Workers
	active  int         // handlers that run, also those that have hijacked their connection
	queue   []*exchange // requests that wait for a worker
}

// New makes a Bridge for a handler. If h is nil, it is http.DefaultServeMux. opts may be nil.
func New(h stdhttp.Handler, opts *Options) *Bridge {
	b := new(Bridge)
	if opts != nil {
		b.opts = *opts
	}
	b.opts.Workers = orDefault(b.opts.Workers, DefaultWorkers)
	b.opts.Buffer = max(orDefault(b.opts.Buffer, DefaultBuffer), minBuffer)
	if b.opts.Queue == 0 {
		b.opts.Queue = DefaultQueue
	}
	if b.handler = h; h == nil {
		b.handler = stdhttp.DefaultServeMux
	}
	b.server = &stdhttp.Server{Handler: b.handler, ErrorLog: b.opts.ErrorLog}
	b.changed.L = &b.mu
	return b
}

// minBuffer is the smallest Buffer that a water mark can be below, see exchange.begin.
const minBuffer = 2

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// Listen starts an HTTP server whose requests are answered by h. It is http.Listen with a handler
// that calls Bridge.Serve. A program that waits for its handlers at the end uses a Bridge instead.
func Listen(m *reactor.Manager, url string, h stdhttp.Handler, opts *Options) (*reactor.Conn, error) {
	return http.Listen(m, url, New(h, opts).Handle, nil)
}

// Handle is a handler of events that serves all requests. Pass it to http.Listen.
func (b *Bridge) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvHTTPHdrs {
		b.Serve(c, data.(*http.Message))
	}
}

// Serve answers a request with the Bridge's handler. It must be called in EvHTTPHdrs of a server's
// connection, once. Until the response is complete, c.Fn and the water marks of c are replaced. The
// previous Fn gets all events, except EvHTTPBody and EvHTTPMsg of this request, and EvHighWater and
// EvLowWater of the Bridge's marks. It must not change Fn, the water marks or Pause meanwhile. If
// Send is above the Bridge's mark at the end, a previous Fn with marks gets EvHighWater then. Serve
// turns SetHalfClose on, so that a client that has ended its side gets its answer.
//
// The request waits in the queue if all workers are busy. If the queue is full too, the answer is
// 503 with Retry-After. A request target that package net/url does not accept is answered with 400.
// A request with a body whose EvHTTPHdrs is over is answered with 500, and that is logged.
func (b *Bridge) Serve(c *reactor.Conn, hm *http.Message) {
	if http.CheckReply(c) != nil || !hm.IsRequest() { // a response, or answered already
		return
	}
	p := peerOf(c)
	r, err := newRequest(c, p, hm)
	if err != nil {
		http.Reply(c, stdhttp.StatusBadRequest, "Content-Type: text/plain; charset=utf-8\r\n", "400 Bad Request: %v\n", err)
		return
	}
	c.SetHalfClose(true)
	x := newExchange(b, c, p, r, len(hm.Head))
	if err := x.stream(hm); err != nil { // too late: the body was collected, or streamed before
		x.cancel()
		b.logf("nethttp: Bridge.Serve not called in EvHTTPHdrs: %v", err)
		http.Reply(c, stdhttp.StatusInternalServerError, "", "")
		return
	}
	if !b.submit(x) {
		x.cancel()
		http.Reply(c, stdhttp.StatusServiceUnavailable, busyHeaders, busyText)
		return
	}
	x.begin()
}

// Wait waits until no handler runs and no request waits for one, or until ctx is done. The error is
// that of ctx. Call it after Manager.Drain or Manager.Close, so that handlers do not outlive what
// they use. Before them handlers may wait for a loop that does not run: then Wait waits for ctx.
func (b *Bridge) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed.Broadcast()
	})
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.active > 0 || len(b.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.changed.Wait()
	}
	return nil
}

// logf logs as http.Server does.
func (b *Bridge) logf(format string, args ...any) {
	if b.opts.ErrorLog != nil {
		b.opts.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}
