package ws_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// world is a manager with a WebSocket server on it, and a bare listener for
// its clients to connect to.
type world struct {
	testing.TB
	m      *reactor.Manager
	server *reactor.Conn
	next   *end // whose connection is accepted next
	bare   *peer
	port   int
	opts   *ws.Options // of the side under test
	ext    string      // the extensions that the peer offers or agrees to
}

func newWorld(t testing.TB, opts ...reactor.Option) *world {
	t.Helper()
	w := &world{TB: t, m: looptest.NewManager(t, opts...)}
	l, err := http.Listen(w.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvAccept {
			w.next.c, c.Fn = c, w.next.rec.handle
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.server = l
	w.bare, w.port = listenPeer(t)
	return w
}

// A role is the side that is tested.
type role string

const (
	asServer role = "server"
	asClient role = "client"
)

var roles = []role{asServer, asClient}

// end is a connection under test, and its peer.
type end struct {
	*world
	c    *reactor.Conn
	p    *peer
	rec  *recorder
	role role
	fed  int // bytes
}

func upgradeAll(c *reactor.Conn, ev reactor.Event, data any, t testing.TB) {
	if ev == reactor.EvHTTPMsg {
		must(t, ws.Upgrade(c, data.(*http.Message), ""))
	}
}

// hook is what a test's handler does beside being recorded.
type hook func(c *reactor.Conn, ev reactor.Event, data any)

// open makes an open WebSocket. Its log is empty then.
func (w *world) open(r role, h hook) *end {
	w.Helper()
	var e *end
	if r == asServer {
		e = w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				must(w, ws.Upgrade(c, data.(*http.Message), "", w.opts))
			}
			if h != nil {
				h(c, ev, data)
			}
		})
		e.feed(strings.TrimSuffix(request, "\r\n") + w.extLine() + "\r\n")
		e.head()
	} else {
		e = w.connect("", h)
		e.feed(looptest.Agreement(field(w, e.head(), "Sec-WebSocket-Key"), w.extLine()))
	}
	await(w, w.m, "OPEN", e.rec.saw("OPEN"))
	e.rec.log = nil
	return e
}

func (w *world) extLine() string {
	if w.ext == "" {
		return ""
	}
	return "Sec-WebSocket-Extensions: " + w.ext + "\r\n"
}

// accept has a peer connect to the server.
func (w *world) accept(h hook) *end {
	w.Helper()
	e := &end{world: w, rec: &recorder{hook: h}, role: asServer}
	w.next = e
	e.p = dialPeer(w, w.server.LocalAddr())
	await(w, w.m, "an accepted connection", func() bool { return e.c != nil })
	return e
}

// connect has a client connect to a peer.
func (w *world) connect(headers string, h hook) *end {
	w.Helper()
	e := &end{world: w, rec: &recorder{hook: h}, role: asClient}
	c, err := ws.Connect(w.m, fmt.Sprintf("ws://127.0.0.1:%d/", w.port), e.rec.handle, nil, headers, w.opts)
	if err != nil {
		w.Fatal(err)
	}
	e.c = c
	await(w, w.m, "a connection", func() bool { e.p = w.bare.accept(); return e.p != nil })
	return e
}

// head takes an HTTP header off what the peer has got.
func (e *end) head() string {
	e.Helper()
	end := -1
	await(e, e.m, "an HTTP header", func() bool {
		e.p.pump()
		end = bytes.Index(e.p.in, []byte("\r\n\r\n"))
		return end >= 0
	})
	h := string(e.p.in[:end+4])
	e.p.in = e.p.in[end+4:]
	return h
}

func answer(key string) string { return looptest.Agreement(key, "") }

// feed has the peer write pieces, each when the one before was dealt with.
func (e *end) feed(pieces ...string) {
	e.Helper()
	for _, s := range pieces {
		e.p.write(s)
		e.fed += len(s)
		await(e, e.m, "arrival", func() bool { return e.rec.read >= e.fed || e.deaf() })
	}
}

// deaf reports whether nothing more is read.
func (e *end) deaf() bool {
	if e.rec.err != nil || e.rec.closed || e.c.Stopped() {
		return true
	}
	for _, l := range e.rec.log {
		if strings.HasPrefix(l, "CTL close") {
			return true
		}
	}
	return false
}

// frame is one as the peer has to send it.
func (e *end) frame(first byte, payload string) string {
	return build(first, e.role == asServer, -1, payload)
}

// sent returns what the peer got, in words.
func (e *end) sent() []string {
	e.Helper()
	spin(e, e.m)
	e.p.pump()
	frames := decode(e, e.p.in, e.role == asClient)
	e.p.in = nil
	return frames
}

// wantSent compares what the peer got.
func (e *end) wantSent(frames ...string) {
	e.Helper()
	wantLines(e, "frames sent", e.sent(), frames)
}

// ends closes the peer's side when it has got the end of stream, and waits
// until the connection is gone. After Close frames were exchanged it is the server
// that closes [RFC 6455 7.1.1].
func (e *end) ends() {
	e.Helper()
	if e.role == asClient && e.rec.err == nil {
		e.p.shutdown()
	}
	await(e, e.m, "end of stream", e.p.ended)
	e.p.shutdown()
	await(e, e.m, "CLOSE", func() bool { return e.rec.closed })
}

// drop ends a connection that the test has no more use for.
func (e *end) drop() {
	e.Helper()
	e.c.Close()
	e.p.close()
	await(e, e.m, "CLOSE", func() bool { return e.rec.closed })
}
