package ws_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestLimit: the limit holds for all fragments of a message together. The header of a frame that
// exceeds it is refused, before the payload arrives. Control frames do not count.
func TestLimit(t *testing.T) {
	long := "\x00\x01" // 65,537 bytes
	for _, tt := range []struct {
		name, want string
		limit      int
		in         func(f func(byte, string) string, masked bool) string
	}{
		{"at the limit", `MSG text "0123456789"`, 10, frames(fin|text, "0123456789")},
		{"beyond", "", 10, header(fin|text, 11, "")},
		{"far beyond", "", 10, header(fin|bin, 127, "\x00\x00\x00\x00\x00\x01\x00\x00")},
		{"fragments at the limit", `MSG text "0123456789"`, 10, frames(text, "01234", cont, "", fin|cont, "56789")},
		{"fragments beyond", "", 10, func(f func(byte, string) string, masked bool) string {
			return f(text, "01234") + header(fin|cont, 6, "")(f, masked)
		}},
		{"control frames", `CTL ping "0123456789AB"`, 10, frames(text, "01234567", fin|ping, "0123456789AB")},
		{"default", "", 0, header(fin|bin, 127, "\x00\x00\x00\x00\x01\x00\x00\x01")},
		{"other", "", 65536, header(fin|bin, 127, "\x00\x00\x00\x00\x00\x01"+long)},
	} {
		eachRole(t, func(t *testing.T, env *testEnv, r role) {
			tc := env.open(r, nil)
			limit := ws.DefaultMaxMessage
			if tt.limit > 0 {
				limit = tt.limit
				must(t, ws.SetLimits(tc.conn, ws.Limits{Message: limit}))
			}
			in := tt.in(tc.frame, r == asServer)
			if tt.want != "" {
				tc.peerSends(in)
				tc.events.WantLines(t, tt.want)
				return
			}
			if r == asServer {
				in += "\x00\x00\x00\x00" // the key ends the header
			}
			tc.peerSends(in)
			tc.wantRefused(ws.StatusMessageTooBig, "message", strconv.Itoa(limit))
		})
	}
}

// TestSetLimits calls SetLimits on connections of each kind and in each state.
func TestSetLimits(t *testing.T) {
	closed := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		spin(t, c.Manager())
		return c
	}
	listener := func(env *testEnv) *reactor.Conn {
		c, err := ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil)
		must(env, err)
		return c
	}
	for _, tt := range []struct {
		name string
		conn func(env *testEnv) *reactor.Conn
		want error
	}{
		{"listener", listener, nil},
		{"paused listener", func(env *testEnv) *reactor.Conn { l := listener(env); l.Pause(); return l }, nil},
		{"client before the handshake", func(env *testEnv) *reactor.Conn { return env.connect("", nil).conn }, nil},
		{"client", func(env *testEnv) *reactor.Conn { return env.open(asClient, nil).conn }, nil},
		{"server", func(env *testEnv) *reactor.Conn { return env.open(asServer, nil).conn }, nil},
		{"paused", func(env *testEnv) *reactor.Conn { c := env.open(asServer, nil).conn; c.Pause(); return c }, nil},
		{"HTTP", func(env *testEnv) *reactor.Conn { return env.accept(nil).conn }, ws.ErrNotWebSocket},
		{"HTTP listener", func(env *testEnv) *reactor.Conn { return env.server }, ws.ErrNotWebSocket},
		{"bare", func(env *testEnv) *reactor.Conn { return bareConn(env, env.manager, asServer) }, ws.ErrNotWebSocket},
		{"closing", func(env *testEnv) *reactor.Conn { c := env.open(asServer, nil).conn; c.Close(); return c }, reactor.ErrClosed},
		{"failed", func(env *testEnv) *reactor.Conn { c := env.open(asServer, nil).conn; c.Fail(nil); return c }, reactor.ErrClosed},
		{"closed", func(env *testEnv) *reactor.Conn { return closed(env.open(asClient, nil).conn) }, reactor.ErrClosed},
		{"closed HTTP", func(env *testEnv) *reactor.Conn { return closed(env.accept(nil).conn) }, reactor.ErrClosed},
		{"closed listener", func(env *testEnv) *reactor.Conn { return closed(listener(env)) }, reactor.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := ws.SetLimits(tt.conn(newEnv(t)), ws.Limits{Message: 1}); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// TestSetLimitsInTime: limits that are set before a message arrives hold for it. They do not hold
// for other connections.
func TestSetLimitsInTime(t *testing.T) {
	set := func(c *reactor.Conn) { must(t, ws.SetLimits(c, ws.Limits{Message: 3})) }
	for _, tt := range []struct {
		name string
		in   reactor.Event // in which event of the connection; 0 is none
		opts ws.Options
		on   func(l *reactor.Conn)
	}{
		{name: "of the options", opts: ws.Options{Limits: ws.Limits{Message: 3}}},
		{name: "of the listener", on: set},
		{name: "in EvAccept", in: reactor.EvAccept},
		{name: "in EvHTTPHdrs", in: reactor.EvHTTPHdrs},
		{name: "in EvWSOpen", in: reactor.EvWSOpen},
		{name: "in EvHTTPMsg", in: reactor.EvHTTPMsg},
		{name: "in Check", opts: ws.Options{Check: func(c *reactor.Conn, _ *http.Message) error { set(c); return nil }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := newEnv(t)
			tc := &testConn{testEnv: env, events: &recorder{}, role: asServer}
			if tc.events.hook = func(*reactor.Conn, reactor.Event, any) {}; tt.in != 0 {
				tc.events.hook = onFirst(tt.in, set)
			}
			l, err := ws.Listen(env.manager, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvAccept {
					tc.conn, c.Fn = c, tc.events.handle
				}
				tc.events.hook(c, ev, data)
			}, nil, &tt.opts)
			must(t, err)
			if tt.on != nil {
				tt.on(l)
			}
			tc.peer = looptest.DialSocket(t, l.LocalAddr())
			await(t, env.manager, "an accepted connection", func() bool { return tc.conn != nil })
			tc.peerSends(request)
			tc.readHead()
			tc.peerSends(tc.frame(fin|text, "abc"))
			tc.events.WantLines(t, "OPEN", "HTTP GET", `MSG text "abc"`)
			tc.peerSends(header(fin|text, 4, "")(nil, true) + "\x00\x00\x00\x00")
			tc.wantRefused(ws.StatusMessageTooBig, "more than 3 bytes")
		})
	}
	for _, when := range []string{"before the handshake", "after it"} {
		t.Run("client, "+when, func(t *testing.T) {
			env := newEnv(t)
			tc, other := env.connect("", nil), env.connect("", nil)
			if when == "before the handshake" {
				set(tc.conn)
			}
			for _, x := range []*testConn{tc, other} {
				x.peerSends(looptest.Agreement(headerField(t, x.readHead(), "Sec-WebSocket-Key"), ""))
			}
			if when == "after it" {
				set(tc.conn)
			}
			other.peerSends(other.frame(fin|text, "abcd"))
			other.events.WantLines(t, "OPEN", `MSG text "abcd"`)
			tc.events.WantLines(t, "OPEN")
			tc.peerSends(header(fin|text, 4, "")(nil, false))
			tc.wantRefused(ws.StatusMessageTooBig, "more than 3 bytes")
		})
	}
}

// TestDefaultAndNoLimit: zero means the default limit, a negative value means none.
func TestDefaultAndNoLimit(t *testing.T) {
	long := "\x00\x00\x00\x00\x01\x00\x00\x01" // DefaultMaxMessage + 1
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		env.opts = &ws.Options{Limits: ws.Limits{Message: -1}}
		tc := env.open(r, nil)
		tc.peerSends(header(fin|bin, 127, long)(nil, r == asServer))
		tc.events.WantLines(t)
		tc.closeBoth()
		tc = env.open(r, nil)
		must(t, ws.SetLimits(tc.conn, ws.Limits{}))
		in := header(fin|bin, 127, long)(nil, r == asServer)
		if r == asServer {
			in += "\x00\x00\x00\x00"
		}
		tc.peerSends(in)
		tc.wantRefused(ws.StatusMessageTooBig, fmt.Sprint(ws.DefaultMaxMessage))
	})
}
