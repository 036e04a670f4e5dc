package http

import (
	"slices"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// hostPool is what a Client knows about one origin: its connections and the requests that wait for
// one. It exists as long as there are any.
type hostPool struct {
	cl *Client
	origin
	prefixes  []string // the keys in Client.hosts
	conns     int      // connections that have not ended
	idle      []*clientConn
	queue     exchangeQueue
	finishing int // handlers that are called with the last event of a request
}

// maxPrefixes bounds the forms of the beginning of a URL that are kept for one origin: in upper
// case, with the default port and so on.
const maxPrefixes = 4

// find returns the pool for a URL, the request target, and the Authorization header. It makes the
// pool if there is none.
func (cl *Client) find(rawURL string) (h *hostPool, target, auth string, err error) {
	n := originEnd(rawURL)
	prefix, rest := rawURL[:n], rawURL[n:]
	if h := cl.hosts[prefix]; h != nil && isPlainTarget(rest) {
		if rest == "" {
			rest = "/"
		}
		return h, rest, "", nil
	}
	loc, err := parseLocation(rawURL)
	if err != nil {
		return nil, "", "", err
	}
	key := " " + loc.socket // the blank keeps it apart from the beginnings of URLs
	h = cl.hosts[key]
	if h == nil {
		h = &hostPool{cl: cl, origin: loc.origin}
		h.addPrefix(key)
	}
	if loc.auth == "" && !strings.Contains(prefix, "@") && len(h.prefixes) < maxPrefixes {
		h.addPrefix(prefix)
	}
	return h, loc.target, loc.auth, nil
}

func (h *hostPool) addPrefix(prefix string) {
	if !slices.Contains(h.prefixes, prefix) {
		prefix = strings.Clone(prefix) // the URL may be a part of something large
		h.prefixes = append(h.prefixes, prefix)
		h.cl.hosts[prefix] = h
	}
}

// originEnd returns the length of the scheme and the authority at the beginning of a URL.
func originEnd(rawURL string) int {
	begin := strings.Index(rawURL, "://")
	if begin < 0 {
		return len(rawURL)
	}
	begin += len("://")
	if n := strings.IndexAny(rawURL[begin:], "/?#"); n >= 0 {
		return begin + n
	}
	return len(rawURL)
}

// isPlainTarget reports whether the rest of a URL can be sent as it is, without looking closely.
func isPlainTarget(rest string) bool {
	if rest == "" {
		return true
	}
	return rest[0] == '/' && !strings.ContainsAny(rest, "\"<>\\^`{|}%") && checkTarget(rest) == nil
}

// hasRoom reports whether a request need not wait for a connection.
func (h *hostPool) hasRoom() bool {
	return h.queue.len() == 0 && (len(h.idle) > 0 || h.conns < h.cl.opts.ConnsPerHost)
}

// add queues a request, and starts it if there is a connection for it. If a connection is about to
// become free, the request waits for that: usually the handler of the last event sends the next
// request.
func (h *hostPool) add(x *exchange) {
	h.queue.push(x)
	if h.finishing == 0 {
		h.pump()
	}
}

// startQueueTimers bounds the waits of the requests that were added since the last call, in order.
func (h *hostPool) startQueueTimers() {
	for x := h.firstNew(); x != nil; x = x.next {
		x.startQueueTimer()
	}
}

// firstNew returns the first of the requests at the end of the queue whose waits are not bounded
// yet, or nil.
func (h *hostPool) firstNew() (first *exchange) {
	for x := h.queue.tail; x != nil && !x.timed; x = x.prev {
		first = x
	}
	return first
}

// pump starts queued requests, while there are connections for them. It calls no handler.
func (h *hostPool) pump() {
	cl := h.cl
	for h.queue.len() > 0 {
		if cl.closed || cl.m.Closing() {
			cl.failLater(h.queue.pop(), errClosing)
			continue
		}
		k := h.takeIdle(h.queue.first())
		if k == nil {
			if h.conns >= cl.opts.ConnsPerHost {
				h.startQueueTimers()
				return
			}
			var err error
			if k, err = h.dial(); err != nil {
				cl.failLater(h.queue.pop(), err)
				continue
			}
		}
		k.begin(h.queue.pop())
	}
	h.dropIfUnused()
}

// takeIdle takes an idle connection for x, the one that was used last. A request that a connection
// has lost gets a new connection: the others are as old. If there are too many, it makes room.
func (h *hostPool) takeIdle(x *exchange) *clientConn {
	for len(h.idle) > 0 {
		k := h.idle[len(h.idle)-1]
		if x.retried {
			if h.conns >= h.cl.opts.ConnsPerHost {
				k.leave()
				k.c.Drain()
			}
			return nil
		}
		k.unlist()
		if k.usable() {
			return k
		}
		k.leave() // it is closing, and EvClose comes soon
	}
	return nil
}

// dial makes a connection.
func (h *hostPool) dial() (*clientConn, error) {
	cl := h.cl
	k := &clientConn{host: h, wait: reactor.Deadline{Name: "response"}}
	k.handler = k.handle
	c, err := cl.m.Connect(h.socket, k.handler, nil)
	if err != nil {
		return nil, err
	}
	l := cl.spares.getLayer()
	*l = layer{spares: &cl.spares, pooled: k}
	l.parser.Response = true
	l.parser.Limits = cl.opts.Limits
	c.Stack().Push(l)
	k.c, k.l = c, l
	c.SetDeadlines(cl.opts.Deadlines)
	if h.tls && cl.opts.TLS != nil {
		c.StartTLS(cl.opts.TLS)
	}
	if cl.opts.Dial != nil {
		if err := cl.opts.Dial(c); err != nil {
			k.left = true
			c.Close()
			return nil, err
		}
	}
	h.conns++
	cl.conns[k] = struct{}{}
	return k, nil
}

// dropIfUnused forgets the pool if it has neither connections nor requests.
func (h *hostPool) dropIfUnused() {
	if h.conns == 0 && h.queue.len() == 0 && h.finishing == 0 {
		for _, p := range h.prefixes {
			delete(h.cl.hosts, p)
		}
		h.prefixes = nil
	}
}
