package http

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// The defaults of ClientOptions.
const (
	DefaultClientTimeout = 30 * time.Second
	DefaultConnsPerHost  = 8
	DefaultIdleConns     = 64
	DefaultIdleTime      = 30 * time.Second
	DefaultMaxQueued     = 10_000
)

// ErrQueueFull is returned by [Client.Do] if too many requests wait for a connection, see
// ClientOptions.MaxQueued.
var ErrQueueFull = errors.New("http: too many requests wait for a connection")

// ClientOptions are the options of a [Client]. In each number zero means the default. A negative
// number means no limit, except in IdleConns.
type ClientOptions struct {
	// TLS is the Config for https. nil means an empty Config: the system's authorities. With a
	// ClientSessionCache in it, connections resume the sessions of earlier ones.
	TLS *tls.Config
	// Deadlines are those of each connection. Zero fields mean the manager's.
	Deadlines reactor.Deadlines
	// Limits bound each response.
	Limits Limits
	// Timeout bounds two waits of each request: for a free connection, and, when the request is
	// written, for the header of the response. Interim responses (1xx) do not restart it. The
	// default is DefaultClientTimeout, 30 s: a server that accepts a request and never answers it
	// would hold a connection and the request forever. A request for which the server is to wait
	// (long polling) sets Request.Timeout to more, or to a negative value.
	//
	// Deadlines bound the other waits. While the body arrives, that is Deadlines.Message: for a
	// stream that is quiet for long times, such as server-sent events, set it to a negative value
	// at EvHTTPHdrs, with Conn.SetDeadlines, on a Client of its own.
	Timeout time.Duration
	// Redirects is how many redirects are followed for one request [RFC 9110 15.4]. 0 means none:
	// the program gets the response with the status 3xx.
	Redirects int
	// ConnsPerHost is how many connections to one origin (scheme, host and port) there are.
	// Requests beyond that wait. The default is DefaultConnsPerHost, 8.
	ConnsPerHost int
	// IdleConns is how many connections without a request are kept, to all servers together. The
	// default is DefaultIdleConns, 64. A negative value means that none is kept.
	IdleConns int
	// IdleTime is how long a connection without a request is kept. The default is
	// DefaultIdleTime, 30 s: many servers keep them for 60 s.
	IdleTime time.Duration
	// MaxQueued is how many requests may wait for a free connection, to all servers together. The
	// default is DefaultMaxQueued, 10,000. Beyond it Do returns ErrQueueFull.
	MaxQueued int
	// Dial is called with each new connection before it is dialed, if it is not nil. It may choose
	// a proxy or a UNIX-domain socket. An error fails the request. It must not raise events.
	Dial func(c *reactor.Conn) error
}

// A Client sends requests and keeps connections for further requests. It belongs to the goroutine
// of its manager. NewClient makes one.
//
// # Events of a request
//
// The handler that is given to Do gets the connection c on which the request is sent, with
// FnData set, and these events. The last one is EvHTTPMsg or EvError, and exactly one of these
// two comes:
//
//	EvOpen, EvResolve, EvConnect, EvTLSHS  if a new connection is made
//	EvWrite       the socket took bytes; from the first one on a Request with Stream may send
//	EvHTTPHdrs    the header of the response, and of each interim response (1xx)
//	EvHTTPBody    a piece of the body, if the handler has called StreamBody in EvHTTPHdrs
//	EvHTTPMsg     the response is complete
//	EvError       the request has failed
//
// c has the ID 0 and is closed if the request fails before it has a connection. After the last
// event c belongs to the Client again: do not use it, and do not keep it. Until then other events
// of c, such as EvWakeup, also get to the handler. EvRead does not. Do not replace c.Fn.
//
// To cancel a request, call c.Close in any event, or [Client.Cancel]. EvError follows, with
// reactor.ErrClosed. To slow a response down, use c.Pause and c.Resume.
//
// If a response ends HTTP on the connection (status 101, or 2xx in answer to CONNECT), and also if
// the handler replaces the HTTP layer in EvHTTPHdrs, the connection leaves the Client: it belongs
// to the handler, which gets all of its events from then on.
//
// # Connections
//
// A connection is used again if request and response are complete and neither says "Connection:
// close". A response that is complete before the body of the request ends the connection. If a
// connection that was used before ends without a byte of an answer, the server has usually closed
// it while it was idle. The request is then sent once more, on a new connection, if no byte of it
// was written, or if its method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE). A body from
// Reader or Stream cannot be sent twice. The same applies to a response with status 408 that ends
// such a connection, and to any response that arrives before a byte of the request was written: it
// answers nothing. A server may send 100 interim responses before the final one. One more is
// EvError.
//
// # Redirects
//
// With ClientOptions.Redirects, a response with status 301, 302, 303, 307 or 308 and a Location is
// followed, and the handler does not get it. For 307 and 308 the method and the body stay. For the
// others the method becomes GET, except for HEAD, and the body is dropped. It is EvError if there
// are too many redirects, if Location is no http or https URL, if it leads from https to http, or
// if a body from Reader or Stream would have to be sent again. If the new origin (scheme, host or
// port) is another one, Authorization, Cookie, Proxy-Authorization and Host in Headers, and the
// credentials of the URL, are not sent to it, nor to any later one.
type Client struct {
	m         *reactor.Manager
	opts      ClientOptions
	hosts     map[string]*hostPool // by " " and origin.socket, and by the beginning of URLs
	conns     map[*clientConn]struct{}
	idle      []*clientConn // longest idle first
	queued    int           // requests that wait for a connection
	waiting   waitingRequests
	failing   []*exchange // requests that have failed and whose handlers are not called yet
	idleTime  *reactor.Timer
	idleArmed bool // idleTime is armed
	spareEx   []*exchange
	spares    spares
	closed    bool
}

// NewClient returns a Client whose connections are on m. opts may be nil. They are copied.
func NewClient(m *reactor.Manager, opts *ClientOptions) *Client {
	cl := &Client{m: m, hosts: make(map[string]*hostPool), conns: make(map[*clientConn]struct{}), waiting: waitingRequests{}}
	if opts != nil {
		cl.opts = *opts
	}
	o := &cl.opts
	o.Timeout = cmp.Or(o.Timeout, DefaultClientTimeout)
	o.ConnsPerHost = orNoLimit(o.ConnsPerHost, DefaultConnsPerHost)
	o.IdleConns = max(0, cmp.Or(o.IdleConns, DefaultIdleConns))
	o.IdleTime = cmp.Or(o.IdleTime, DefaultIdleTime)
	o.MaxQueued = orNoLimit(o.MaxQueued, DefaultMaxQueued)
	reactor.Local[clients](m).add(cl)
	return cl
}

// orNoLimit returns n, def if n is 0, and the largest int if n is negative.
func orNoLimit(n, def int) int {
	if n < 0 {
		return math.MaxInt
	}
	return cmp.Or(n, def)
}

// Do sends a request, or queues it. It calls no handler before it returns. fn gets the events of
// the request, see Client. It may be nil. req is not kept, but see Request.Body and Cancel.
//
// If Do returns an error, fn is not called. The error is reactor.ErrClosed, [ErrQueueFull], or says
// what is wrong with req. An error that the program does not use is logged once at level Warn.
//
// After a warm-up a request on a connection that is kept does not allocate, if its URL begins like
// an earlier one's and has no user and nothing that must be escaped.
func (cl *Client) Do(req *Request, fn reactor.Handler, fnData any) error {
	if err := cl.do(req, fn, fnData); err != nil {
		return reported(reactor.ClosedConn(cl.m, nil, nil), err)
	}
	return nil
}

func (cl *Client) do(req *Request, fn reactor.Handler, fnData any) error {
	if cl.closed || cl.m.Closing() {
		return reactor.ErrClosed
	}
	lines, err := req.check()
	if err != nil {
		return err
	}
	if req.Method == "CONNECT" {
		return fmt.Errorf("http: Client cannot send CONNECT: use Connect and SendRequest")
	}
	h, target, auth, err := cl.find(req.URL)
	if err != nil {
		return err
	}
	if !h.hasRoom() && cl.queued >= cl.opts.MaxQueued {
		h.dropIfUnused()
		return ErrQueueFull
	}
	x := cl.newExchange()
	x.req, x.id, x.lines, x.fn, x.fnData = *req, req, lines, fn, fnData
	x.host, x.target, x.auth, x.hadBody = h, target, auth, req.Reader != nil
	h.add(x)
	return nil
}

// Cancel ends the requests for which Do was called with this req, and returns whether there was
// one. Its handler gets EvError with reactor.ErrClosed, after Cancel has returned. The time that it
// takes grows with the number of connections, and not with the number of requests that wait.
func (cl *Client) Cancel(req *Request) bool {
	found := false
	for k := range cl.conns {
		if k.x != nil && k.x.id == req {
			k.c.Close()
			found = true
		}
	}
	for x := cl.waiting[req]; x != nil; x = cl.waiting[req] {
		cl.cancelQueued(x)
		found = true
	}
	for _, h := range cl.hosts {
		for x := h.firstNew(); x != nil; {
			next := x.next
			if x.id == req {
				cl.cancelQueued(x)
				found = true
			}
			x = next
		}
	}
	return found
}

// cancelQueued cancels a request that waits for a connection.
func (cl *Client) cancelQueued(x *exchange) {
	x.host.queue.remove(x)
	cl.failLater(x, errCanceled)
}

// Close ends all requests, and closes all connections. The handlers get EvError with
// reactor.ErrClosed, after Close has returned. Do returns reactor.ErrClosed from then on.
func (cl *Client) Close() {
	if cl.closed {
		return
	}
	cl.closed = true
	if cl.idleTime != nil {
		cl.idleTime.Stop()
	}
	for k := range cl.conns {
		k.c.Close()
	}
	cl.failQueued()
	if len(cl.failing) == 0 {
		cl.forget()
	}
}

// forget makes the manager forget a Client that is closed.
func (cl *Client) forget() { delete(reactor.Local[clients](cl.m).all, cl) }

// failQueued fails all requests that wait for a connection.
func (cl *Client) failQueued() {
	for _, h := range cl.hosts {
		for h.queue.len() > 0 {
			cl.failLater(h.queue.pop(), errCanceled)
		}
	}
}

var errCanceled = fmt.Errorf("http: the request was canceled: %w", reactor.ErrClosed)

var errClosing = fmt.Errorf("http: no connection for the request: %w", reactor.ErrClosed)

// clients are the Clients of a manager.
type clients struct{ all map[*Client]struct{} }

func (s *clients) add(cl *Client) {
	if s.all == nil {
		s.all = make(map[*Client]struct{})
	}
	s.all[cl] = struct{}{}
}

// ManagerClosed implements [reactor.ManagerEnder]. It fails the requests that have no connection.
func (s *clients) ManagerClosed() {
	for cl := range s.all {
		cl.closed = true
		cl.failQueued()
		cl.flushFailed()
	}
}
