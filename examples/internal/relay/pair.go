// Package relay forwards bytes between two connections, in both directions and in bounded memory
// and time. tcp-proxy and socks5-server use it.
//
// An end of stream is forwarded after all data, while the other direction continues. A reset or
// another failure is forwarded as a reset, after the data that came before it.
package relay

import (
	"errors"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// The water marks for the unsent bytes of a connection. Above high, no more is read from the other
// connection. At low it continues.
const low, high = 64 << 10, 256 << 10

// finalTime is how long one side may take to read what waits for it in the proxy when the other
// side has failed. Then it is reset.
const finalTime = 10 * time.Second

// errIdle is the reason why a pair is reset if both sides are silent for too long.
var errIdle = errors.New("both sides were idle for too long")

// Pair is two connections that bytes are forwarded between.
type Pair struct {
	sides [2]side // of the client and of the target
	open  int     // the sides that are not closed
	idle  time.Duration
	log   *slog.Logger // for records that peers cause: their number is limited
	timer *reactor.Timer
	quiet int // ticks of the timer since the last byte
}

// side is one connection of a pair. It is the connection's FnData.
type side struct {
	conn  *reactor.Conn
	other *side
	pair  *Pair
	ended bool // the peer has ended its stream
	final bool // the other side has failed: this one is reset when everything is written
}

// idleTicks is how many ticks the timer of a pair has in the time of Options.Idle. A pair that is
// silent is reset one tick later at most.
const idleTicks = 4

// Join forwards the bytes of two connections to each other. It sets their handlers and FnData.
// idle is how long both sides may be silent; 0 means no limit. log is for records that peers
// cause, see termlog.Limit.
//
// If the target d is not connected yet, the caller pauses c, and EvConnect of d resumes it. If d is
// connected, the caller calls Start.
func Join(c, d *reactor.Conn, idle time.Duration, log *slog.Logger) *Pair {
	p := &Pair{open: 2, idle: idle, log: log}
	p.sides[0] = side{conn: c, other: &p.sides[1], pair: p}
	p.sides[1] = side{conn: d, other: &p.sides[0], pair: p}
	for i := range p.sides {
		conn := p.sides[i].conn
		conn.Fn, conn.FnData = forward, &p.sides[i]
		conn.SetHalfClose(true)
		conn.SetWater(low, high)
	}
	return p
}

// Start is called when the target is connected. The client's bytes are read from now on.
func (p *Pair) Start() {
	p.sides[0].conn.Resume()
	if tick := p.idle / idleTicks; tick > 0 {
		p.setTimer(p.sides[0].conn.Manager().AddTimer(tick, reactor.TimerRepeat, p.tick))
	}
}

// tick resets both sides if they were silent for more than idleTicks ticks.
func (p *Pair) tick() {
	if p.quiet++; p.quiet <= idleTicks {
		return
	}
	for i := range p.sides {
		p.sides[i].conn.Fail(errIdle)
	}
}

// setTimer replaces the pair's timer.
func (p *Pair) setTimer(t *reactor.Timer) {
	p.stopTimer()
	p.timer = t
}

func (p *Pair) stopTimer() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// forward is the handler of both connections. It writes the bytes that one receives to the
// other. Each connection closes when both of its directions have ended.
func forward(c *reactor.Conn, ev reactor.Event, data any) {
	s := c.FnData.(*side)
	switch ev {
	case reactor.EvConnect: // of the target
		s.pair.Start()
	case reactor.EvRead:
		s.pair.quiet = 0
		s.other.conn.Write(c.Recv.Bytes()) // fails only if the other is closing
		c.Recv.Reset()
	case reactor.EvWrite:
		s.pair.quiet = 0
		if s.final && c.Send.Len() == 0 {
			c.Abort()
		}
	case reactor.EvHighWater:
		if !s.final {
			s.other.conn.Pause()
		}
	case reactor.EvLowWater:
		s.other.conn.Resume()
	case reactor.EvEnd:
		s.ended = true
		s.other.conn.CloseWrite() // takes effect after its unsent bytes
	case reactor.EvError:
		s.pair.log.Info("connection failed", "id", c.ID(), "remote", c.RemoteAddr(), "error", data.(error))
		c.Abort() // with an end of stream, an incomplete answer would look complete
		s.other.finish()
	case reactor.EvClose:
		s.closed()
	}
}

// finish resets a connection whose other side is gone. The bytes that wait in the proxy are
// written before. Meanwhile input is read and discarded, because a peer that cannot write may
// not read either.
func (s *side) finish() {
	if s.final {
		return
	}
	s.final = true
	if s.conn.Send.Len() == 0 {
		s.conn.Abort()
		return
	}
	s.conn.Resume()
	s.pair.setTimer(s.conn.Manager().AddTimer(finalTime, reactor.TimerOnce, s.conn.Abort))
}

// closed is called when the connection has closed. If the two streams have not both ended, the
// other side is not complete.
func (s *side) closed() {
	if !s.ended || !s.other.ended {
		s.other.finish()
	}
	if s.pair.open--; s.pair.open == 0 {
		s.pair.stopTimer()
	}
}
