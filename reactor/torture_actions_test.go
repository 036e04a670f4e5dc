package reactor_test

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// act does something to some connection, both chosen by chance.
func (x *torture) act() {
	if len(x.conns) == 0 {
		return
	}
	a := &actions[x.rnd.IntN(len(actions))]
	if a.rare && x.rnd.IntN(8) > 0 {
		return
	}
	x.did[a.name]++
	c := x.conns[x.rnd.IntN(len(x.conns))]
	if c.IsListening() && a.rare && !x.over {
		return // clients need a listener
	}
	if !x.room() && !c.IsListening() { // make some
		x.lives[c.ID()].shut = true
		c.Close()
	}
	a.do(x, c)
}

// doEach does each action once, those that end a connection to one of its own.
func (x *torture) doEach() {
	x.turn() // EvOpen of the listeners
	for i := range actions {
		a := &actions[i]
		x.did[a.name]++
		fd, peer := looptest.Socketpair(x.t)
		c, err := x.m.WrapFD(fd, x.handler(), false)
		if err != nil {
			x.t.Fatal(err)
		}
		x.made(c, nil, false)
		x.wraps = append(x.wraps, peer)
		if err := unix.SetNonblock(peer, true); err != nil {
			x.t.Fatal(err)
		}
		x.turn()
		a.do(x, c)
		x.turn()
	}
}

// bytes returns up to n bytes.
func (x *torture) bytes(n int) []byte { return make([]byte, x.rnd.IntN(n)) }

// ms is a short time, or 0.
func (x *torture) ms(n int) time.Duration {
	return time.Duration(max(0, x.rnd.IntN(2*n)-n)) * time.Millisecond
}

// room reports whether one more connection may be made.
func (x *torture) room() bool { return x.live < tortureConns }

// free reports whether c may queue more bytes.
func (x *torture) free(c *reactor.Conn) bool { return c.Send.Len() < tortureBuffer }

// made begins the history of a connection that was made without an error.
func (x *torture) made(c *reactor.Conn, err error, layered bool) {
	if err == nil && x.lives[c.ID()] == nil {
		x.meet(c).layered = layered
	}
}

type action struct {
	name string
	rare bool // ends a connection
	do   func(x *torture, c *reactor.Conn)
}

var actions []action

func init() { // spy uses the list
	actions = []action{
		{"Close", true, func(x *torture, c *reactor.Conn) { x.lives[c.ID()].shut = true; c.Close() }},
		{"Drain", true, func(_ *torture, c *reactor.Conn) { c.Drain() }},
		{"Fail", true, func(x *torture, c *reactor.Conn) { x.lives[c.ID()].shut = true; c.Fail(errors.New("torture")) }},
		{"StartTLS", true, func(x *torture, c *reactor.Conn) { c.StartTLS(x.config(c)) }},
		{"Pause", false, func(x *torture, c *reactor.Conn) { x.lives[c.ID()].paused = true; c.Pause() }},
		{"Resume", false, func(x *torture, c *reactor.Conn) { x.lives[c.ID()].paused = false; c.Resume() }},
		{"Resume all", false, func(x *torture, _ *reactor.Conn) {
			for c := range x.m.Conns() {
				if h := x.lives[c.ID()]; h != nil {
					h.paused = false
				}
				c.Resume()
			}
		}},
		{"Write", false, func(x *torture, c *reactor.Conn) {
			if x.free(c) {
				c.Write(x.bytes(1 << (1 + x.rnd.IntN(17))))
			}
		}},
		{"Send", false, func(x *torture, c *reactor.Conn) {
			if x.free(c) {
				c.Send.Insert(x.rnd.IntN(c.Send.Len()+1), x.bytes(100))
			}
		}},
		{"take back", false, func(x *torture, c *reactor.Conn) {
			c.Send.Truncate(x.rnd.IntN(c.Send.Len() + 1))
			c.Send.Consume(x.rnd.IntN(c.Send.Len() + 1))
		}},
		{"Recv", false, func(x *torture, c *reactor.Conn) { c.Recv.Consume(x.rnd.IntN(c.Recv.Len() + 1)) }},
		{"Connect", false, connectSomewhere},
		{"WrapFD", false, wrapOne},
		{"Listen", false, func(x *torture, _ *reactor.Conn) {
			if x.room() {
				c, err := x.m.Listen("tcp://127.0.0.1:0", x.handler(), false)
				x.made(c, err, false)
				if err == nil {
					x.m.AddTimer(x.ms(50), reactor.TimerOnce, func() { x.lives[c.ID()].shut = true; c.Close() })
				}
			}
		}},
		{"AddTimer", false, addTimer},
		{"Stop", false, func(x *torture, _ *reactor.Conn) {
			if n := len(x.tasks); n > 0 {
				x.tasks[x.rnd.IntN(n)].Stop()
			}
		}},
		{"Post", false, func(x *torture, _ *reactor.Conn) { x.m.Post(x.act) }},
		{"Wakeup", false, func(x *torture, c *reactor.Conn) {
			x.m.Wakeup(c.ID(), binary.BigEndian.AppendUint64(nil, c.ID()))
		}},
		{"SetWater", false, func(x *torture, c *reactor.Conn) {
			high := x.rnd.IntN(1 << 16)
			c.SetWater(x.rnd.IntN(high+1), high)
		}},
		{"SetDeadlines", false, func(x *torture, c *reactor.Conn) {
			c.SetDeadlines(reactor.Deadlines{Connect: x.ms(20), TLS: x.ms(100), Handshake: x.ms(100), Message: x.ms(100), MessageRate: x.rnd.IntN(1 << 20), Idle: x.ms(100), Stall: x.ms(100), Life: x.ms(1000)})
		}},
		{"SetReceiving", false, func(x *torture, c *reactor.Conn) { c.Stack().SetReceiving(x.rnd.IntN(2) == 0) }},
		{"SetHandshaking", false, func(x *torture, c *reactor.Conn) { c.Stack().SetHandshaking(x.rnd.IntN(2) == 0) }},
		{"SetLimits", false, func(x *torture, c *reactor.Conn) {
			c.SetLimits(reactor.Limits{Send: 1 + x.rnd.IntN(tortureBuffer), Recv: 1 + x.rnd.IntN(tortureBuffer)})
		}},
		{"SetRecorder", false, func(x *torture, c *reactor.Conn) {
			c.SetRecorder(&reactor.Recorder{Entries: x.rnd.IntN(4), Bytes: 64})
		}},
		{"SetPoll", false, func(x *torture, c *reactor.Conn) { c.SetPoll(x.rnd.IntN(2) == 0) }},
		{"SetHexdump", false, func(x *torture, c *reactor.Conn) { c.SetHexdump(x.rnd.IntN(4) == 0) }},
		{"Push", false, func(x *torture, c *reactor.Conn) {
			if _, ok := reactor.Find[*spy](c); !ok {
				x.lives[c.ID()].layered = true
				c.Stack().Push(&spy{x})
			}
		}},
		{"Replace", false, func(x *torture, c *reactor.Conn) {
			if old, ok := reactor.Find[*spy](c); ok && x.rnd.IntN(2) == 0 {
				c.Stack().Replace(old, nil)
			} else if ok {
				c.Stack().Replace(old, &spy{x})
			}
		}},
		{"Redispatch", false, func(_ *torture, c *reactor.Conn) { c.Stack().Redispatch() }},
		{"Call", false, func(_ *torture, c *reactor.Conn) { c.Call(reactor.EvUser, nil) }},
		{"Call EvRead", false, func(x *torture, c *reactor.Conn) {
			if !c.InputStopped() && !c.IsListening() && x.depth < 6 {
				n := 0
				x.calls++
				c.Call(reactor.EvRead, &n)
				x.calls--
			}
		}},
		{"ws.Send", false, func(x *torture, c *reactor.Conn) {
			if x.free(c) {
				ws.Send(c, x.bytes(1000), ws.OpBinary)
			}
		}},
		{"Stats", false, func(x *torture, c *reactor.Conn) {
			x.m.Stats()
			c.LocalAddr()
			c.RemoteAddr()
			c.TLS()
		}},
	}
}

func connectSomewhere(x *torture, _ *reactor.Conn) {
	if !x.room() {
		return
	}
	url := x.urls[x.rnd.IntN(len(x.urls))]
	c, err := x.m.Connect(url, x.handler(), false)
	x.made(c, err, false)
	if err == nil && c.IsTLS() {
		c.StartTLS(x.config(c))
	}
	if err == nil && x.rnd.IntN(2) == 0 {
		c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
}

// wrapOne wraps one end of a socketpair. The other end is written to, or closed, by a later call.
func wrapOne(x *torture, _ *reactor.Conn) {
	if n := len(x.wraps); n > 0 && (n > 50 || x.rnd.IntN(2) == 0) {
		i := x.rnd.IntN(n)
		if x.rnd.IntN(3) > 0 {
			unix.Write(x.wraps[i], x.bytes(1<<14))
			return
		}
		closePeer(x.wraps[i])
		x.wraps[i] = x.wraps[n-1]
		x.wraps = x.wraps[:n-1]
		return
	}
	a, b := looptest.Socketpair(x.t)
	if err := unix.SetNonblock(b, true); err != nil {
		x.t.Fatal(err)
	}
	c, err := x.m.WrapFD(a, x.handler(), false)
	if err != nil {
		closePeer(a)
		closePeer(b)
		return
	}
	x.made(c, nil, false)
	x.wraps = append(x.wraps, b)
}

func closePeer(fd int) { unix.Close(fd) }

// addTimer arms a timer. Beyond 32 of them it replaces one.
func addTimer(x *torture, _ *reactor.Conn) {
	flags := reactor.TimerFlags(x.rnd.IntN(4))
	timer := x.m.AddTimer(1+x.ms(20), flags, func() {
		if x.over {
			x.fault("a timer fires after the manager's end")
		}
		if x.depth < 4 {
			x.act()
		}
	})
	if len(x.tasks) < 32 {
		x.tasks = append(x.tasks, timer)
		return
	}
	i := x.rnd.IntN(len(x.tasks))
	x.tasks[i].Stop()
	x.tasks[i] = timer
}
