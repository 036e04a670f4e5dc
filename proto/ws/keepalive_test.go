package ws_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// pinging is an open WebSocket with a keep-alive, in the test's time.
func pinging(t *testing.T, r role, o ws.Options) (e *end, pass func(time.Duration)) {
	t.Helper()
	w, now := timedWorld(t, reactor.Deadlines{})
	w.opts = &o
	e = w.open(r, nil)
	return e, func(d time.Duration) {
		*now = now.Add(d)
		spin(t, w.m)
	}
}

// A silent peer is pinged, and pinged again after it has answered.
func TestKeepAlive(t *testing.T) {
	for _, o := range []ws.Options{
		{Ping: 10 * time.Second},
		{Ping: 10 * time.Second, Pong: time.Second},
		{Ping: 10 * time.Second, Pong: time.Minute},
	} {
		for _, r := range roles {
			e, pass := pinging(t, r, o)
			pass(10*time.Second - 1)
			e.wantSent()
			for range 3 {
				pass(1)
				e.wantSent(`ping ""`)
				pass(time.Second / 2)
				e.feed(e.frame(fin|pong, "")) // from here on it is silent again
				pass(10*time.Second - 1)
				e.wantSent()
			}
			e.drop()
		}
	}
}

// With a negative Pong a peer need not answer: it is pinged again and never given up.
func TestKeepAliveWithoutPongs(t *testing.T) {
	for _, r := range roles {
		e, pass := pinging(t, r, ws.Options{Ping: 10 * time.Second, Pong: -1})
		for range 3 {
			pass(10*time.Second - 1)
			e.wantSent()
			pass(1)
			e.wantSent(`ping ""`)
		}
		pass(time.Second)
		e.feed(e.frame(fin|text, "busy")) // from here on it is silent again
		pass(10*time.Second - 1)
		e.wantSent()
		pass(1)
		e.wantSent(`ping ""`)
		e.drop()
	}
}

// What the peer sends counts, be it one byte of a frame.
func TestKeepAliveOfABusyPeer(t *testing.T) {
	for _, r := range roles {
		e, pass := pinging(t, r, ws.Options{Ping: 10 * time.Second})
		f := e.frame(fin|text, "many seconds")
		for i := range f {
			pass(9 * time.Second)
			e.feed(f[i : i+1])
		}
		e.wantSent()
		pass(10 * time.Second)
		e.wantSent(`ping ""`)
		for range 3 { // nor does it fail for lack of a pong then
			pass(9 * time.Second)
			e.feed(e.frame(fin|text, "busy"))
			e.wantNone("while it sends")
		}
		pass(10*time.Second - 1)
		e.wantNone("a nanosecond early")
		pass(1)
		e.wantDeadline("pong")
		e.wantSent()
	}
}

// A peer that does not answer is given up.
func TestKeepAliveWithoutAnswer(t *testing.T) {
	for _, tt := range []struct {
		opts  ws.Options
		after time.Duration // the ping
	}{
		{ws.Options{Ping: 10 * time.Second}, 10 * time.Second},
		{ws.Options{Ping: 10 * time.Second, Pong: 3 * time.Second}, 3 * time.Second},
		{ws.Options{Ping: 10 * time.Second, Pong: 45 * time.Second}, 45 * time.Second},
	} {
		for _, r := range roles {
			e, pass := pinging(t, r, tt.opts)
			pass(10 * time.Second)
			e.wantSent(`ping ""`)
			for d := tt.after - 1; d > 0; d -= min(d, 7*time.Second) {
				pass(min(d, 7*time.Second))
			}
			e.wantNone("a nanosecond early")
			e.wantSent()
			pass(1)
			e.wantDeadline("pong")
			var d *reactor.DeadlineError
			if errors.As(e.rec.err, &d); d.After != tt.after {
				t.Errorf("after %v, want %v", d.After, tt.after)
			}
			e.rec.want(t, "ERROR", "CLOSE")
			pass(time.Hour)
			e.rec.want(t)
		}
	}
}

// While the connection is paused the peer cannot be heard, and a loop that is late
// reads before it judges.
func TestKeepAliveOfWhoWasNotHeard(t *testing.T) {
	for _, r := range roles {
		e, pass := pinging(t, r, ws.Options{Ping: 10 * time.Second})
		e.c.Pause()
		for range 10 {
			pass(time.Minute)
		}
		e.wantSent()
		e.c.Resume()
		pass(9 * time.Second)
		e.wantSent()
		pass(10 * time.Second)
		e.wantSent(`ping ""`)
		e.c.Pause()
		e.p.write(e.frame(fin|pong, ""))
		pass(9 * time.Second)
		e.m.AddTimer(time.Second-1, reactor.TimerOnce, e.c.Resume) // in the same turn as the judgement, before it
		pass(time.Hour)
		e.wantNone("after Resume")
		pass(10 * time.Second)
		e.sent()
		e.p.write(e.frame(fin|pong, ""))
		pass(time.Hour)
		e.wantNone("in a loop that is late")
		e.drop()
	}
}

// The ping waits behind what the peer has yet to read: one that reads is alive.
func TestKeepAliveBehindABacklog(t *testing.T) {
	for _, r := range roles {
		w, now := timedWorld(t, reactor.Deadlines{})
		w.opts = &ws.Options{Ping: 10 * time.Second}
		e := w.open(r, nil)
		e.fill()
		buf := make([]byte, 64<<10)
		for range 3 {
			*now = now.Add(9 * time.Second)
			before := e.c.Send.Len()
			await(t, w.m, "progress", func() bool {
				unix.Read(e.p.fd, buf)
				return e.c.Send.Len() < before
			})
			e.wantNone("while it reads")
		}
		if e.c.Send.Len() == 0 {
			t.Fatal("there is no backlog")
		}
		for range 4 { // and now it does not
			*now = now.Add(10 * time.Second)
			spin(t, w.m)
		}
		e.wantDeadline("pong")
	}
}

// There is no keep-alive after the end, nor in the closing handshake.
func TestKeepAliveEnds(t *testing.T) {
	for _, r := range roles {
		e, pass := pinging(t, r, ws.Options{Ping: time.Second, CloseWait: time.Hour})
		must(t, ws.Close(e.c, ws.CloseNormal, ""))
		pass(time.Minute)
		e.wantNone("in the closing handshake")
		e.wantSent(`close 1000 ""`)
		e.drop()
		e, _ = pinging(t, r, ws.Options{Ping: time.Second})
		e.drop()
		e.wantNoTimer()
	}
}
