package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// What SetLimits says of connections of each kind and in each state.
func TestSetLimits(t *testing.T) {
	closed := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		spin(t, c.Manager())
		return c
	}
	listener := func(w *world) *reactor.Conn {
		c, err := ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil)
		must(w, err)
		return c
	}
	for _, tt := range []struct {
		name string
		conn func(w *world) *reactor.Conn
		want error
	}{
		{"listener", listener, nil},
		{"paused listener", func(w *world) *reactor.Conn { l := listener(w); l.Pause(); return l }, nil},
		{"client before the handshake", func(w *world) *reactor.Conn { return w.connect("", nil).c }, nil},
		{"client", func(w *world) *reactor.Conn { return w.open(asClient, nil).c }, nil},
		{"server", func(w *world) *reactor.Conn { return w.open(asServer, nil).c }, nil},
		{"paused", func(w *world) *reactor.Conn { c := w.open(asServer, nil).c; c.Pause(); return c }, nil},
		{"HTTP", func(w *world) *reactor.Conn { return w.accept(nil).c }, ws.ErrNotWebSocket},
		{"HTTP listener", func(w *world) *reactor.Conn { return w.server }, ws.ErrNotWebSocket},
		{"bare", func(w *world) *reactor.Conn { return idle(w, w.m, asServer) }, ws.ErrNotWebSocket},
		{"closing", func(w *world) *reactor.Conn { c := w.open(asServer, nil).c; c.Close(); return c }, reactor.ErrClosed},
		{"failed", func(w *world) *reactor.Conn { c := w.open(asServer, nil).c; c.Fail(nil); return c }, reactor.ErrClosed},
		{"closed", func(w *world) *reactor.Conn { return closed(w.open(asClient, nil).c) }, reactor.ErrClosed},
		{"closed HTTP", func(w *world) *reactor.Conn { return closed(w.accept(nil).c) }, reactor.ErrClosed},
		{"closed listener", func(w *world) *reactor.Conn { return closed(listener(w)) }, reactor.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := ws.SetLimits(tt.conn(newWorld(t)), ws.Limits{Message: 1}); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// Whenever limits are set before a message comes they hold for it, and for no other
// connection.
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
			w := newWorld(t)
			e := &end{world: w, rec: &recorder{}, role: asServer}
			if e.rec.hook = func(*reactor.Conn, reactor.Event, any) {}; tt.in != 0 {
				e.rec.hook = first(tt.in, set)
			}
			l, err := ws.Listen(w.m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvAccept {
					e.c, c.Fn = c, e.rec.handle
				}
				e.rec.hook(c, ev, data)
			}, nil, &tt.opts)
			must(t, err)
			if tt.on != nil {
				tt.on(l)
			}
			e.p = dialPeer(t, l.LocalAddr())
			await(t, w.m, "an accepted connection", func() bool { return e.c != nil })
			e.feed(request)
			e.head()
			e.feed(e.frame(fin|text, "abc"))
			e.rec.want(t, "OPEN", "HTTP GET", `MSG text "abc"`)
			e.feed(header(fin|text, 4, "")(nil, true) + "\x00\x00\x00\x00")
			e.wantRefused(ws.CloseTooLarge, "more than 3 bytes")
		})
	}
	for _, when := range []string{"before the handshake", "after it"} {
		t.Run("client, "+when, func(t *testing.T) {
			w := newWorld(t)
			e, other := w.connect("", nil), w.connect("", nil)
			if when == "before the handshake" {
				set(e.c)
			}
			for _, x := range []*end{e, other} {
				x.feed(answer(field(t, x.head(), "Sec-WebSocket-Key")))
			}
			if when == "after it" {
				set(e.c)
			}
			other.feed(other.frame(fin|text, "abcd"))
			other.rec.want(t, "OPEN", `MSG text "abcd"`)
			e.rec.want(t, "OPEN")
			e.feed(header(fin|text, 4, "")(nil, false))
			e.wantRefused(ws.CloseTooLarge, "more than 3 bytes")
		})
	}
}

// A zero limit is the default, a negative one is none.
func TestDefaultAndNoLimit(t *testing.T) {
	long := "\x00\x00\x00\x00\x01\x00\x00\x01" // DefaultMaxMessage + 1
	eachRole(t, func(t *testing.T, w *world, r role) {
		w.opts = &ws.Options{Limits: ws.Limits{Message: -1}}
		e := w.open(r, nil)
		e.feed(header(fin|bin, 127, long)(nil, r == asServer))
		e.rec.want(t)
		e.drop()
		e = w.open(r, nil)
		must(t, ws.SetLimits(e.c, ws.Limits{}))
		in := header(fin|bin, 127, long)(nil, r == asServer)
		if r == asServer {
			in += "\x00\x00\x00\x00"
		}
		e.feed(in)
		e.wantRefused(ws.CloseTooLarge, fmt.Sprint(ws.DefaultMaxMessage))
	})
}

// Connect, Upgrade and Listen take one Options or none; nil is the defaults.
func TestOneOptions(t *testing.T) {
	w := newWorld(t)
	two := []*ws.Options{{}, nil}
	if _, err := ws.Connect(w.m, "ws://127.0.0.1:1", nil, nil, "", two...); err == nil || !strings.Contains(err.Error(), "Connect takes one *Options") {
		t.Errorf("Connect: %v", err)
	}
	if _, err := ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil, two...); err == nil || !strings.Contains(err.Error(), "Listen takes one *Options") {
		t.Errorf("Listen: %v", err)
	}
	said := 0
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvHTTPMsg {
			return
		}
		said++
		contains(t, ws.Upgrade(c, data.(*http.Message), "", two...), "Upgrade takes one *Options")
		contains(t, ws.Upgrade(c, nil, ""), "Upgrade without the *http.Message")
		if c.Send.Len() > 0 || http.Waiting(c) != nil {
			t.Error("the request was answered")
		}
		must(t, ws.Upgrade(c, data.(*http.Message), "", nil))
	})
	e.feed(request)
	e.rec.want(t, "HTTP GET", "OPEN")
	if said != 1 {
		t.Errorf("tried %d times", said)
	}
}

// Calls that are given nil where they need a value panic with their name.
func TestNilArguments(t *testing.T) {
	for call, f := range map[string]func(){
		"ws: Offers of a nil Message":     func() { ws.Offers(nil, "mqtt") },
		"ws: SameOrigin of a nil Message": func() { ws.SameOrigin(nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != call {
					t.Errorf("panic %q, want %q", got, call)
				}
			}()
			f()
		}()
	}
}

// sendCalls are those that send, but Wrap.
func sendCalls(t *testing.T) map[string]func(c *reactor.Conn) error {
	p, err := ws.Prepare([]byte("x"), ws.OpText)
	must(t, err)
	return map[string]func(c *reactor.Conn) error{
		"Send":          func(c *reactor.Conn) error { return ws.Send(c, []byte("x"), ws.OpText) },
		"Send of Close": func(c *reactor.Conn) error { return ws.Send(c, nil, ws.OpClose) },
		"Printf":        func(c *reactor.Conn) error { return ws.Printf(c, ws.OpText, "x") },
		"Ping":          func(c *reactor.Conn) error { return ws.Ping(c, nil) },
		"Close":         func(c *reactor.Conn) error { return ws.Close(c, ws.CloseNormal, "") },
		"NewWriter":     func(c *reactor.Conn) error { _, err := ws.NewWriter(c, ws.OpText, 1); return err },
		"Prepared.Send": p.Send,
		"Ready":         ws.Ready,
	}
}

// On a connection that does not speak WebSocket nothing is sent as if it did.
func TestSendWithoutWebSocket(t *testing.T) {
	closed := func(c *reactor.Conn) *reactor.Conn {
		c.Close()
		spin(t, c.Manager())
		return c
	}
	for _, tt := range []struct {
		name string
		conn func(w *world) *reactor.Conn
		want error
	}{
		{"accepted by http.Listen", func(w *world) *reactor.Conn { return w.accept(nil).c }, ws.ErrNotWebSocket},
		{"http.Connect", func(w *world) *reactor.Conn {
			c, err := http.Connect(w.m, "http://127.0.0.1:1", nil, nil)
			must(w, err)
			return c
		}, ws.ErrNotWebSocket},
		{"tcp client", func(w *world) *reactor.Conn { return idle(w, w.m, asClient) }, ws.ErrNotWebSocket},
		{"WrapFD", func(w *world) *reactor.Conn { return idle(w, w.m, asServer) }, ws.ErrNotWebSocket},
		{"udp", func(w *world) *reactor.Conn {
			c, err := w.m.Connect("udp://127.0.0.1:9", nil, nil)
			must(w, err)
			return c
		}, ws.ErrNotWebSocket},
		{"listener", func(w *world) *reactor.Conn {
			c, err := ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil)
			must(w, err)
			return c
		}, ws.ErrNotWebSocket},
		{"accepted by ws.Listen, not upgraded yet", func(w *world) (c *reactor.Conn) {
			l, err := ws.Listen(w.m, "ws://127.0.0.1:0", func(a *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvAccept {
					c = a
				}
			}, nil)
			must(w, err)
			dialPeer(w, l.LocalAddr())
			await(w, w.m, "an accepted connection", func() bool { return c != nil })
			return c
		}, ws.ErrNotOpen},
		{"closed", func(w *world) *reactor.Conn { return closed(w.accept(nil).c) }, reactor.ErrClosed},
	} {
		for call, f := range sendCalls(t) {
			t.Run(tt.name+"/"+call, func(t *testing.T) {
				c := tt.conn(newWorld(t))
				c.Send.AppendString("before")
				if err := f(c); !errors.Is(err, tt.want) || string(c.Send.Bytes()) != "before" {
					t.Errorf("%v, want %v; Send is %q", err, tt.want, c.Send.Bytes())
				}
				c.Send.Reset()
			})
		}
		t.Run(tt.name+"/Wrap", func(t *testing.T) {
			c := tt.conn(newWorld(t))
			var failed error
			c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvError {
					failed = data.(error)
				}
			}
			c.Send.AppendString("beforepayload")
			if n := ws.Wrap(c, 7, ws.OpText); n != 6 || string(c.Send.Bytes()) != "before" {
				t.Errorf("Wrap returned %d, Send is %q", n, c.Send.Bytes())
			}
			if want := tt.want; want == reactor.ErrClosed && failed != nil || want != reactor.ErrClosed && !errors.Is(failed, want) {
				t.Errorf("failed with %v, want %v", failed, want)
			}
			c.Send.Reset()
			looptest.Spin(t, c.Manager(), 1)
		})
	}
}

// A plain number is a duration of nanoseconds, which nobody means.
func TestPlainNumbersAsDurations(t *testing.T) {
	w := newWorld(t)
	for field, o := range map[string]*ws.Options{
		"Ping": {Ping: 30}, "Pong": {Ping: time.Minute, Pong: 10}, "CloseWait": {CloseWait: 999_999},
	} {
		_, err := ws.Connect(w.m, "ws://127.0.0.1:1", nil, nil, "", o)
		contains(t, err, "Options."+field)
		_, err = ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil, o)
		contains(t, err, "Options."+field)
	}
}
