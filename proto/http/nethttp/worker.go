package nethttp

import (
	stdhttp "net/http"
	"runtime"
	"slices"
)

// Workers: the goroutines that run handlers. One is started for a request if fewer than
// Options.Workers run. When its handler has returned, it takes the next request from the queue, or
// ends.

// submit gives a request to a worker, or to the queue. If both are full, it takes the place of a
// request whose client has ended its side: that one is answered with 503. If there is none, submit
// returns false.
func (b *Bridge) submit(x *exchange) bool {
	loser, ok := b.place(x)
	if loser != nil {
		loser.replyBusy()
	}
	return ok
}

// place is submit. loser has lost its place to x.
func (b *Bridge) place(x *exchange) (loser *exchange, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.running < b.opts.Workers:
		b.running++
		b.active++
		go b.work(x)
	case len(b.queue) < b.opts.Queue:
		b.queue = append(b.queue, x)
	default:
		i := slices.IndexFunc(b.queue, (*exchange).isCancelled)
		if i < 0 {
			return nil, false
		}
		loser = b.queue[i]
		b.queue = append(slices.Delete(b.queue, i, i+1), x)
	}
	return loser, true
}

// isCancelled reports whether the request's context has ended.
func (x *exchange) isCancelled() bool { return x.req.Context().Err() != nil }

// The response to a request that gets no worker.
const (
	busyHeaders = "Content-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
	busyText    = "503 Service Unavailable: all workers are busy\n"
)

// replyBusy answers a request that has lost its place in the queue. It may be called from any
// goroutine.
func (x *exchange) replyBusy() {
	x.mu.Lock()
	x.head = replyHead{status: stdhttp.StatusServiceUnavailable, headers: busyHeaders, size: int64(len(busyText))}
	x.out.Append([]byte(busyText))
	x.mu.Unlock()
	x.end("", false)
}

// forget removes a request from the queue. It returns false if the request does not wait there.
func (b *Bridge) forget(x *exchange) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.queue, x)
	if i < 0 {
		return false
	}
	b.queue = slices.Delete(b.queue, i, i+1)
	return true
}

// work is a worker.
func (b *Bridge) work(x *exchange) {
	for x != nil {
		if !x.isGone() {
			x.run()
		}
		x = b.next(x)
	}
}

// next ends the request x, and returns the next one for the same worker, or nil.
func (b *Bridge) next(x *exchange) *exchange {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.active--
	defer func() {
		if b.active == 0 {
			b.changed.Broadcast()
		}
	}()
	if x.released {
		return nil
	}
	return b.take()
}

// release says that the handler of x does not count towards Options.Workers any more. If a request
// waits, another worker is started for it.
func (b *Bridge) release(x *exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x.released {
		return
	}
	x.released = true
	if next := b.take(); next != nil {
		go b.work(next)
	}
}

// take takes the next request from the queue for a worker that has become free. If there is none,
// it returns nil and the worker does not run any more.
func (b *Bridge) take() *exchange {
	if len(b.queue) == 0 {
		b.running--
		return nil
	}
	x := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	b.active++
	return x
}

// run calls the handler. A panic is logged as in net/http, and ends the connection.
func (x *exchange) run() {
	w := &x.writer
	returned := false
	defer func() {
		x.cancel()
		if returned {
			return
		}
		v := recover()
		if v != nil && v != stdhttp.ErrAbortHandler {
			trace := make([]byte, 64<<10)
			trace = trace[:runtime.Stack(trace, false)]
			x.b.logf("http: panic serving %v: %v\n%s", x.req.RemoteAddr, v, trace)
		}
		x.end("", true)
		if v == nil { // runtime.Goexit: this goroutine ends
			x.b.release(x)
			x.b.next(x)
		}
	}()
	h := x.b.handler
	if x.req.RequestURI == "*" && x.req.Method == "OPTIONS" {
		h = stdhttp.HandlerFunc(answerOptions)
	}
	h.ServeHTTP(w, x.req)
	x.cancel()
	w.finish()
	returned = true
}

// answerOptions answers OPTIONS *, which asks about the server and not about a resource, as
// net/http does.
func answerOptions(w stdhttp.ResponseWriter, _ *stdhttp.Request) {
	w.Header().Set("Content-Length", "0")
}
