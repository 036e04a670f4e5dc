package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// first does something in the first event of a kind.
func first(on reactor.Event, do func(c *reactor.Conn)) hook {
	done := false
	return func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == on && !done {
			done = true
			do(c)
		}
	}
}

func (e *end) abc() string {
	return e.frame(fin|text, "a") + e.frame(fin|ping, "p") + e.frame(fin|text, "b") + e.frame(fin|text, "c")
}

// A paused connection hears nothing more until Resume, which needs no bytes
// from the socket; what was cut goes on too.
func TestPauseBetweenFrames(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, first(reactor.EvWSMsg, (*reactor.Conn).Pause))
		half := e.frame(fin|text, "half")
		e.feed(e.abc() + half[:3])
		spin(t, w.m)
		e.rec.want(t, `MSG text "a"`)
		e.wantSent() // the ping behind it was not looked at
		e.p.write(half[3:])
		spin(t, w.m)
		e.rec.want(t)
		e.c.Resume()
		await(t, w.m, "the rest", e.rec.saw(`MSG text "half"`))
		e.rec.want(t, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, `MSG text "half"`)
		e.wantSent(`pong "p"`)
	})
}

// Each event may pause, those of the handshake too.
func TestPauseInEveryEvent(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.begin(r)
		e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			if r == asServer {
				upgradeAll(c, ev, data, t)
			}
			if ev == reactor.EvWSOpen || ev == reactor.EvWSMsg || ev == reactor.EvWSCtl {
				e.rec.note("pause")
				c.Pause()
				must(t, w.m.Post(c.Resume))
			}
		}
		hello := request
		if r == asClient {
			hello = answer(field(t, e.head(), "Sec-WebSocket-Key"))
		}
		e.p.write(hello + e.abc() + e.frame(fin|closs, closing(1000, "")) + e.frame(fin|text, "late"))
		if r == asServer {
			e.head()
		}
		e.ends()
		if e.rec.log[0] == "HTTP GET" {
			e.rec.log = e.rec.log[1:]
		}
		e.rec.want(t, "OPEN", "pause", `MSG text "a"`, "pause", `CTL ping "p"`, "pause",
			`MSG text "b"`, "pause", `MSG text "c"`, "pause", `CTL close 1000 ""`, "pause", "CLOSE")
		e.wantSent(`pong "p"`, `close 1000 ""`)
	})
}

// The end of stream does not overtake frames that wait for Resume.
func TestEndWhilePaused(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, first(reactor.EvWSMsg, (*reactor.Conn).Pause))
		e.feed(e.abc())
		e.p.shutdown()
		spin(t, w.m)
		e.rec.want(t, `MSG text "a"`)
		e.c.Resume()
		e.ends()
		e.rec.want(t, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, "CLOSE")
	})
}

func TestCloseInHandler(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		for _, on := range []reactor.Event{reactor.EvWSMsg, reactor.EvWSCtl} {
			e := w.open(r, first(on, func(c *reactor.Conn) {
				must(t, ws.Send(c, []byte("dropped"), ws.OpText))
				c.Close()
				if err := ws.Send(c, nil, ws.OpText); !errors.Is(err, reactor.ErrClosed) {
					t.Errorf("Send after Close: %v", err)
				}
			}))
			e.feed(e.abc())
			e.ends()
			want := []string{`MSG text "a"`, `CTL ping "p"`, "CLOSE"}
			if on == reactor.EvWSMsg {
				want = []string{`MSG text "a"`, "CLOSE"}
			}
			e.rec.want(t, want...)
			e.wantSent()
			e.p.close()
		}
	})
}

func TestFailInHandler(t *testing.T) {
	cause := errors.New("enough")
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.open(r, first(reactor.EvWSMsg, func(c *reactor.Conn) {
			must(t, ws.Send(c, []byte(closing(1008, "")), ws.OpClose))
			c.Fail(cause)
		}))
		e.feed(e.abc())
		e.ends()
		e.rec.want(t, `MSG text "a"`, "ERROR", "CLOSE")
		if !errors.Is(e.rec.err, cause) {
			t.Errorf("error is %v", e.rec.err)
		}
		e.wantSent(`close 1008 ""`)
	})
}

// Drain goes on delivering what is there already, and sends what is answered.
func TestDrainInHandler(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		drain := first(reactor.EvWSMsg, (*reactor.Conn).Drain)
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			drain(c, ev, data)
			if ev == reactor.EvWSMsg {
				must(t, ws.Send(c, data.(*ws.Message).Data, ws.OpText))
			}
		})
		e.feed(e.abc())
		e.ends()
		e.rec.want(t, `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`, "CLOSE")
		e.wantSent(`text "a"`, `pong "p"`, `text "b"`, `text "c"`)
	})
}

// EvRead raised by a handler does not enter the parser again, nor does it lose
// or repeat anything.
func TestNestedRead(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		depth := 0
		e := w.open(r, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvWSMsg && ev != reactor.EvWSCtl {
				return
			}
			if depth++; depth > 1 {
				t.Error("entered again")
			}
			was := string(data.(*ws.Message).Data)
			none := 0
			c.Call(reactor.EvRead, &none)
			if is := string(data.(*ws.Message).Data); is != was {
				t.Errorf("data was %q, is %q", was, is)
			}
			depth--
		})
		e.feed(e.abc())
		e.rec.want(t, `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	})
}

// The same from within EvWSOpen, when the frames behind the handshake wait.
func TestNestedReadInOpen(t *testing.T) {
	eachRole(t, func(t *testing.T, w *world, r role) {
		e := w.begin(r)
		e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			if r == asServer {
				upgradeAll(c, ev, data, t)
			}
			if ev == reactor.EvWSOpen {
				none := 0
				c.Call(reactor.EvRead, &none)
				e.rec.note("opened")
			}
		}
		hello := request
		if r == asClient {
			hello = answer(field(t, e.head(), "Sec-WebSocket-Key"))
		}
		e.feed(hello + e.abc())
		if e.rec.log[0] == "HTTP GET" {
			e.rec.log = e.rec.log[1:]
		}
		e.rec.want(t, "OPEN", "opened", `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	})
}

// The request is not taken for frames if EvRead is raised behind Upgrade.
func TestNestedReadAfterUpgrade(t *testing.T) {
	w := newWorld(t)
	for _, before := range []string{"", "\r\n"} { // an empty line may precede a request [RFC 9112 2.2]
		e := w.begin(asServer)
		e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
			upgradeAll(c, ev, data, t)
			if ev == reactor.EvHTTPMsg {
				none := 0
				c.Call(reactor.EvRead, &none)
			}
		}
		e.feed(before + request + e.abc())
		e.rec.want(t, "HTTP GET", "OPEN", `MSG text "a"`, `CTL ping "p"`, `MSG text "b"`, `MSG text "c"`)
	}
}

// Handlers of two connections run inside one another, each with its own data.
func TestNestedDispatch(t *testing.T) {
	w := newWorld(t)
	inner := w.open(asServer, nil)
	outer := w.open(asServer, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			none := 0
			inner.c.Recv.AppendString(inner.frame(fin|text, "in"))
			inner.c.Call(reactor.EvRead, &none)
			if got := string(data.(*ws.Message).Data); got != "out" {
				t.Errorf("outer's data became %q", got)
			}
		}
	})
	outer.feed(outer.frame(fin|text, "out"))
	outer.rec.want(t, `MSG text "out"`)
	inner.rec.want(t, `MSG text "in"`)
}
