package reactor_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A pause in any event, on either side, holds back what input causes until Resume, and
// nothing is lost: much comes back whole, each event in its place.
func TestTLSPauseInEveryEvent(t *testing.T) {
	msg := noise(300_000)
	for _, row := range []struct {
		role string
		ev   reactor.Event
	}{
		{"server", reactor.EvOpen}, {"server", reactor.EvAccept}, {"server", reactor.EvTLSHS}, {"server", reactor.EvRead}, {"server", reactor.EvWrite},
		{"client", reactor.EvConnect}, {"client", reactor.EvTLSHS}, {"client", reactor.EvRead}, {"client", reactor.EvWrite},
	} {
		t.Run(row.role+" "+row.ev.String(), func(t *testing.T) {
			m := newManager(t)
			var held *reactor.Conn
			pauses := 0
			side := func(role string, then *recorder) reactor.Handler {
				return func(c *reactor.Conn, ev reactor.Event, data any) {
					if c == held && (ev == reactor.EvRead || ev == reactor.EvTLSHS) {
						t.Errorf("%v while paused in %v", ev, row.ev)
					}
					if role == row.role && ev == row.ev {
						c.Pause()
						held = c
						pauses++
					}
					then.handle(c, ev, data)
				}
			}
			server, client := &recorder{on: hooks{reactor.EvRead: sendBack}}, &recorder{}
			_, url := tlsListen(t, m, serverConfig(), side("server", server))
			c := tlsConnect(t, m, url, authority().Client(), side("client", client))
			c.Write(msg)
			await(t, m, "the echo", func() bool {
				if held != nil {
					spin(t, m, 3)
					c := held
					held = nil
					c.Resume()
				}
				return len(client.got) >= len(msg)
			})
			c.Resume()
			c.Drain()
			await(t, m, "the end", func() bool {
				if held != nil {
					held.Resume()
				}
				return client.closed() && server.closed()
			})
			if !bytes.Equal(client.got, msg) || pauses == 0 || len(client.errs)+len(server.errs) > 0 {
				t.Errorf("%d bytes came back, %d pauses, errors %v, %v", len(client.got), pauses, client.errs, server.errs)
			}
			for _, r := range []*recorder{client, server} {
				for _, ev := range []reactor.Event{reactor.EvOpen, reactor.EvTLSHS, reactor.EvClose} {
					if r.count(ev) != 1 {
						t.Errorf("%d %v", r.count(ev), ev)
					}
				}
			}
		})
	}
}

// Drain waits for a peer that reads slowly: all that was written, then close_notify,
// then the end.
func TestTLSDrainToSlowReader(t *testing.T) {
	msg := noise(4 << 20)
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset() // or it is offered again when less than Limits.Unsent waits
				c.Write(msg)
				c.Drain()
			}}}
			h := startHand(t, m, role, r.handle)
			h.feed(h.data("go"), 1<<20)
			spin(t, m, 20)
			all := h.until(len(msg), 0)
			if r.closed() {
				t.Error("closed before the peer has ended")
			}
			end := h.until(-1, 0)
			if !bytes.Equal(all.data, msg) || len(end.data) > 0 || !end.alerted || end.alert != closeNotify || h.err != nil {
				t.Errorf("the peer got %d bytes and %+v, %v", len(all.data), end, h.err)
			}
			h.Write(join(h.data("too late"), h.alert(1, closeNotify)))
			h.shutdown()
			if await(t, m, "the end", r.closed); len(r.errs) > 0 || r.wrote != len(msg) {
				t.Errorf("EvWrite counted %d bytes, errors %v", r.wrote, r.errs)
			}
		})
	}
}

// What handlers wrote in a turn is encrypted in full records, 48 KB of them per
// system call.
func TestTLSRecordsPerWrite(t *testing.T) {
	const full, overhead = 16 << 10, 5 + 1 + 16
	cfg := serverConfig().Clone()
	cfg.DynamicRecordSizingDisabled = true
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c }}}
	l, _ := tlsListen(t, m, cfg, r.handle)
	h := openHand(t, m, "server", dialRaw(t, l.LocalAddr()))
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	for _, row := range []struct{ size, records, writes uint64 }{
		{1, 1, 1}, {full, 1, 1}, {full + 1, 2, 1}, {3 * full, 3, 1}, {3*full + 1, 4, 2}, {10 * full, 10, 4},
	} {
		before := m.Stats()
		for n := int(row.size); n > 0; n -= 1000 {
			conn.Write(make([]byte, min(n, 1000)))
		}
		all := h.until(int(row.size), 0)
		s := m.Stats()
		if writes, size := s.Writes-before.Writes, s.BytesOut-before.BytesOut; writes != row.writes || size != row.size+overhead*row.records {
			t.Errorf("%d bytes: %d system calls wrote %d bytes, want %d and %d", len(all.data), writes, size, row.writes, row.size+overhead*row.records)
		}
	}
}

// Idle hears every byte of a record that is not complete yet; what the peer does not
// take in time ends the connection.
func TestTLSIdleAndStall(t *testing.T) {
	for _, row := range []struct {
		deadlines reactor.Deadlines
		write     int
		says      string
	}{
		{reactor.Deadlines{Idle: 5 * time.Second}, 0, "idle deadline of 5s"},
		{reactor.Deadlines{Stall: 5 * time.Second}, 4 << 20, "stall deadline of 5s"},
	} {
		clock := newClock()
		m := newManager(t, reactor.WithClock(clock.now), reactor.WithDeadlines(row.deadlines))
		r := &recorder{on: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.Write(make([]byte, row.write)) }}}
		h := wrapHand(t, m, r.handle)
		spin(t, m, 5)
		if row.write == 0 {
			for _, b := range h.data("slow")[:10] {
				clock.advance(4 * time.Second)
				h.feed([]byte{b}, 1)
				spin(t, m, 2)
			}
		}
		if len(r.errs) > 0 {
			t.Fatal(r.errs)
		}
		clock.advance(5 * time.Second)
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), os.ErrDeadlineExceeded, row.says)
	}
}

// The limit of Recv counts plaintext, not what it was sent in.
func TestTLSRecvLimit(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.SetLimits(reactor.Limits{Recv: 1000}) },
		reactor.EvRead:  func(*reactor.Conn, any) {}, // leaves it there
	}}
	h := startHand(t, m, "server", r.handle)
	h.feed(times(1000, func() []byte { return h.data("x") }), 1<<20)
	if spin(t, m, 5); len(r.errs) > 0 {
		t.Fatal(r.errs)
	}
	h.feed(h.data("x"), 1<<20)
	await(t, m, "the end", r.closed)
	var limit *reactor.LimitError
	if err := r.err(t); !errors.As(err, &limit) || *limit != (reactor.LimitError{Buffer: "Recv", Held: 1001, Limit: 1000}) {
		t.Error(err)
	}
}

// enders is a layer that counts how often it is asked about the end of the stream.
type enders struct{ asked int }

func (*enders) Handle(*reactor.Conn, reactor.Event, any) {}
func (e *enders) End(*reactor.Conn) error                { e.asked++; return nil }

// The peer's close_notify ends the stream once, whatever handlers do while Send
// is on its way still.
func TestTLSEndsOnce(t *testing.T) {
	msg := noise(4 << 20)
	m := newManager(t)
	layer := &enders{}
	var conn *reactor.Conn
	r := &recorder{on: hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
			conn = c
			c.Write(msg)
		},
	}}
	h := wrapHand(t, m, r.handle)
	h.feed(h.alert(1, closeNotify), 1<<20)
	for range 3 {
		conn.Pause()
		spin(t, m, 2)
		conn.Resume()
		spin(t, m, 2)
	}
	all := h.until(-1, 0)
	if await(t, m, "the end", r.closed); !bytes.Equal(all.data, msg) || layer.asked != 1 || len(r.errs) > 0 {
		t.Errorf("the peer got %d bytes, the layer was asked %d times, errors %v", len(all.data), layer.asked, r.errs)
	}
}

// A violation behind a pause is heard of on Resume, or with the next write, which cannot be
// encrypted any more; the alert is not held back.
func TestTLSViolationBehindPause(t *testing.T) {
	for name, then := range map[string]func(c *reactor.Conn){
		"Resume": func(c *reactor.Conn) { c.Resume() },
		"Write":  func(c *reactor.Conn) { c.Write([]byte("never said")) },
	} {
		m := newManager(t)
		var conn *reactor.Conn
		r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
			conn = c
			c.Recv.Reset()
			c.Pause()
		}}}
		h := startHand(t, m, "server", r.handle)
		h.feed(join(h.data("x"), make([]byte, 100)), 1<<20)
		spin(t, m, 3)
		r.want(t, "OPEN ACCEPT TLS_HS READ")
		if kind, p := h.record(); kind != looptest.RecordAlert || p[1] != protocolVersion {
			t.Errorf("record of type %d, %v", kind, p)
		}
		then(conn)
		if end := h.until(-1, 0); len(end.data) > 0 || end.alerted {
			t.Errorf("after %s the peer has heard %+v", name, end)
		}
		h.shutdown()
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), nil, "tls: ")
		r.want(t, "OPEN ACCEPT TLS_HS READ ERROR CLOSE")
	}
}
