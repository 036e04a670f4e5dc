package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// testEnv is a manager with a WebSocket server, and a listener without a manager to which
// clients connect.
type testEnv struct {
	testing.TB
	manager      *reactor.Manager
	server       *reactor.Conn
	nextAccepted *testConn // gets the connection that is accepted next
	peerListener *looptest.Socket
	peerAddr     string
	opts         *ws.Options // of the side under test
	extensions   string      // the extensions that the peer offers or agrees to
}

func newEnv(t testing.TB, opts ...reactor.Option) *testEnv {
	t.Helper()
	env := &testEnv{TB: t, manager: looptest.NewStillManager(t, opts...)}
	l, err := http.Listen(env.manager, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvAccept {
			env.nextAccepted.conn, c.Fn = c, env.nextAccepted.events.handle
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	env.server = l
	env.peerListener, env.peerAddr = looptest.ListenSocket(t)
	return env
}

// role says which side is tested.
type role string

const (
	asServer role = "server"
	asClient role = "client"
)

var roles = []role{asServer, asClient}

// testConn is a connection under test and its peer.
type testConn struct {
	*testEnv
	conn      *reactor.Conn
	peer      *looptest.Socket
	events    *recorder
	role      role
	bytesSent int // number of bytes that the peer has sent
}

func upgradeAll(c *reactor.Conn, ev reactor.Event, data any, t testing.TB) {
	if ev == reactor.EvHTTPMsg {
		must(t, ws.Upgrade(c, data.(*http.Message), ""))
	}
}

// hook is what the handler of a test does after the recorder.
type hook func(c *reactor.Conn, ev reactor.Event, data any)

// open opens a WebSocket and clears its log.
func (env *testEnv) open(r role, h hook) *testConn {
	env.Helper()
	var tc *testConn
	if r == asServer {
		tc = env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				must(env, ws.Upgrade(c, data.(*http.Message), "", env.opts))
			}
			if h != nil {
				h(c, ev, data)
			}
		})
		tc.peerSends(strings.TrimSuffix(request, "\r\n") + env.extensionLine() + "\r\n")
		tc.readHead()
	} else {
		tc = env.connect("", h)
		tc.peerSends(looptest.Agreement(headerField(env, tc.readHead(), "Sec-WebSocket-Key"), env.extensionLine()))
	}
	await(env, env.manager, "OPEN", tc.events.Noted("OPEN"))
	tc.events.Lines = nil
	return tc
}

func (env *testEnv) extensionLine() string {
	if env.extensions == "" {
		return ""
	}
	return "Sec-WebSocket-Extensions: " + env.extensions + "\r\n"
}

// accept lets a peer connect to the server.
func (env *testEnv) accept(h hook) *testConn {
	env.Helper()
	tc := &testConn{testEnv: env, events: &recorder{hook: h}, role: asServer}
	env.nextAccepted = tc
	tc.peer = looptest.DialSocket(env, env.server.LocalAddr())
	await(env, env.manager, "an accepted connection", func() bool { return tc.conn != nil })
	return tc
}

// connect lets a client connect to a peer.
func (env *testEnv) connect(headers string, h hook) *testConn {
	env.Helper()
	tc := &testConn{testEnv: env, events: &recorder{hook: h}, role: asClient}
	c, err := ws.Connect(env.manager, "ws://"+env.peerAddr+"/", tc.events.handle, nil, headers, env.opts)
	if err != nil {
		env.Fatal(err)
	}
	tc.conn = c
	tc.peer = env.peerListener.AwaitAccept(env.manager)
	return tc
}

// readHead waits for an HTTP header and takes it out of the data that the peer has received.
func (tc *testConn) readHead() string {
	tc.Helper()
	end := -1
	await(tc, tc.manager, "an HTTP header", func() bool {
		tc.peer.Receive()
		end = bytes.Index(tc.peer.In, []byte("\r\n\r\n"))
		return end >= 0
	})
	h := string(tc.peer.In[:end+4])
	tc.peer.In = tc.peer.In[end+4:]
	return h
}

// peerSends lets the peer write pieces. It writes each one after the connection has read the
// one before.
func (tc *testConn) peerSends(pieces ...string) {
	tc.Helper()
	for _, s := range pieces {
		tc.peer.WriteIfOpen(s)
		tc.bytesSent += len(s)
		await(tc, tc.manager, "arrival", func() bool { return tc.events.Read >= tc.bytesSent || tc.ignoresInput() })
	}
}

// ignoresInput reports whether the connection reads no more input.
func (tc *testConn) ignoresInput() bool {
	if tc.events.LastErr() != nil || tc.events.Closed() || tc.conn.InputStopped() {
		return true
	}
	for _, l := range tc.events.Lines {
		if strings.HasPrefix(l, "CTL close") {
			return true
		}
	}
	return false
}

// frame returns a frame as the peer has to send it.
func (tc *testConn) frame(first byte, payload string) string {
	return buildFrame(first, tc.role == asServer, -1, payload)
}

// sent returns the frames that the peer has received, in words.
func (tc *testConn) sent() []string {
	tc.Helper()
	spin(tc, tc.manager)
	tc.peer.Receive()
	frames := describeFrames(tc, tc.peer.In, tc.role == asClient)
	tc.peer.In = nil
	return frames
}

// wantSent waits until the peer has received as many frames, and compares them.
func (tc *testConn) wantSent(frames ...string) {
	tc.Helper()
	await(tc, tc.manager, fmt.Sprint(len(frames), " frames"), func() bool { return tc.peer.Ended() || countFrames(tc.peer.In) >= len(frames) })
	wantLines(tc, "frames sent", tc.sent(), frames)
}

// awaitEnd closes the peer's side after the peer has received the end of stream, and waits until
// the connection is closed. After an exchange of Close frames the server closes first
// [RFC 6455 7.1.1].
func (tc *testConn) awaitEnd() {
	tc.Helper()
	if tc.role == asClient && tc.events.LastErr() == nil {
		tc.peer.Shutdown()
	}
	await(tc, tc.manager, "end of stream", tc.peer.Ended)
	tc.peer.Shutdown()
	await(tc, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
}

// closeBoth closes both sides of a connection that the test no longer needs.
func (tc *testConn) closeBoth() {
	tc.Helper()
	tc.conn.Close()
	tc.peer.Close()
	await(tc, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
}

// eachRole runs a test as server and as client.
func eachRole(t *testing.T, f func(t *testing.T, env *testEnv, r role)) {
	for _, r := range roles {
		t.Run(string(r), func(t *testing.T) { f(t, newEnv(t), r) })
	}
}

// startHandshake makes a connection before its handshake.
func (env *testEnv) startHandshake(r role) *testConn {
	env.Helper()
	if r == asClient {
		return env.connect("", nil)
	}
	return env.accept(func(c *reactor.Conn, ev reactor.Event, data any) { upgradeAll(c, ev, data, env) })
}

// onFirst returns a hook that calls do in the first event of a kind.
func onFirst(on reactor.Event, do func(c *reactor.Conn)) hook {
	done := false
	return func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == on && !done {
			done = true
			do(c)
		}
	}
}

// newTimedEnv returns an environment with a clock that the test sets.
func newTimedEnv(t testing.TB, d reactor.Deadlines) (*testEnv, *looptest.Clock) {
	t.Helper()
	clock := looptest.NewClock()
	return newEnv(t, reactor.WithDeadlines(d), reactor.WithClock(clock.Now)), clock
}

// wantDeadline waits for the end of the connection. It fails the test unless that deadline
// ended it.
func (tc *testConn) wantDeadline(name string) {
	tc.Helper()
	await(tc, tc.manager, "the end of the connection", func() bool { return tc.events.Closed() })
	var d *reactor.DeadlineError
	if !errors.As(tc.events.LastErr(), &d) || d.Deadline != name || !tc.events.Closed() {
		tc.Fatalf("%v, closed %v; want the %s deadline", tc.events.LastErr(), tc.events.Closed(), name)
	}
}

// wantAlive fails the test if the connection has failed or is closed.
func (tc *testConn) wantAlive(when string) {
	tc.Helper()
	spin(tc, tc.manager)
	if tc.events.LastErr() != nil || tc.events.Closed() {
		tc.Fatalf("%s: %v", when, tc.events.LastErr())
	}
}

// narrowBuffers makes the send buffer of the connection and the receive buffer of its peer small.
func (tc *testConn) narrowBuffers() {
	tc.Helper()
	looptest.NarrowReceive(tc, tc.peer.FD)
	looptest.NarrowSend(tc, tc.conn)
}

// backlog sends more than the two sockets hold, so that a rest stays in Send.
func (tc *testConn) backlog() {
	tc.Helper()
	tc.narrowBuffers()
	must(tc, ws.Send(tc.conn, make([]byte, 4<<20), ws.OpBinary))
	spin(tc, tc.manager)
	if tc.conn.Send.Len() == 0 {
		tc.Fatal("the sockets hold all of the message")
	}
}

// fillSockets does the same, and runs the loop until the kernel takes nothing more.
func (tc *testConn) fillSockets() {
	tc.Helper()
	tc.backlog()
	looptest.Fill(tc, tc.conn)
}

// expire moves the clock until a deadline ends a connection with a backlog. The deadline starts
// again when the kernel takes data, at the time took. It must not end the connection early.
func (tc *testConn) expire(took *time.Time, wait time.Duration, pass func(time.Duration)) {
	tc.Helper()
	for range looptest.Turns {
		last := *took
		pass(max(0, last.Add(wait-1).Sub(tc.manager.Now())))
		if *took == last {
			tc.wantAlive("a nanosecond early")
		}
		if *took == last {
			pass(1)
		}
		if tc.events.LastErr() != nil {
			return
		}
	}
	tc.Fatal("no deadline ended the connection")
}

// newClosingEnv returns an environment with the options o, and a function that moves the
// clock and runs the loop.
func newClosingEnv(t *testing.T, o ws.Options) (env *testEnv, pass func(time.Duration)) {
	t.Helper()
	env, clock := newTimedEnv(t, reactor.Deadlines{})
	env.opts = &o
	return env, func(d time.Duration) {
		clock.Advance(d)
		spin(t, env.manager)
	}
}

// wantNoTimer fails the test if the manager has a timer left.
func (tc *testConn) wantNoTimer() {
	tc.Helper()
	if d := tc.manager.NextTimeout(); d < math.MaxInt64 {
		tc.Errorf("a timer is due in %v", d)
	}
}

// bareConn returns a connection without a layer.
func bareConn(t testing.TB, m *reactor.Manager, r role) *reactor.Conn {
	t.Helper()
	if r == asClient {
		c, err := m.Connect("tcp://127.0.0.1:1", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, peer := looptest.Wrap(t, m, nil)
	peer.Close()
	return c
}
