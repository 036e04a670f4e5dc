package reactor_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// history says what has happened to a connection.
type history struct {
	opened, failed, closed, shut bool
	layered                      bool // has or had layers
	paused                       bool
}

// The most bytes that may lie in a buffer when an event is raised. The limit of Recv is checked
// after each read. That of Send is checked after a handler has run, which may have echoed all
// of Recv when Send was almost full.
const (
	tortureMostRecv = 2 * tortureBuffer
	tortureMostSend = 4 * tortureBuffer
)

// account checks an event against the connection's history.
func (x *torture) account(c *reactor.Conn, ev reactor.Event, data any) {
	x.heard[ev]++
	h := x.lives[c.ID()]
	if h == nil {
		h = x.meet(c)
	}
	switch {
	case x.over:
		x.fault("%v on connection %d after the manager's end", ev, c.ID())
	case h.closed:
		x.fault("%v on connection %d after EvClose", ev, c.ID())
	case h.opened != (ev != reactor.EvOpen):
		x.fault("%v on connection %d, which was opened: %v", ev, c.ID(), h.opened)
	case h.failed && ev == reactor.EvError:
		x.fault("two EvError on connection %d", c.ID())
	case h.shut && isInput(ev):
		x.fault("%v on connection %d after Close or EvError", ev, c.ID())
	case h.paused && (ev == reactor.EvRead || ev == reactor.EvTLSHS) && !h.layered && x.calls == 0:
		x.fault("%v on connection %d, which is paused", ev, c.ID())
	}
	if in, out := c.Recv.Len(), c.Send.Len(); in > tortureMostRecv || out > tortureMostSend {
		x.fault("%v on connection %d: %d bytes in Recv, %d in Send", ev, c.ID(), in, out)
	}
	switch ev {
	case reactor.EvOpen:
		h.opened = true
	case reactor.EvError:
		h.failed, h.shut = true, true
	case reactor.EvClose:
		h.closed = true
		x.live--
	case reactor.EvWakeup:
		if p := *data.(*[]byte); len(p) != 8 || binary.BigEndian.Uint64(p) != c.ID() {
			x.fault("connection %d woken with %x", c.ID(), p)
		}
	}
}

// begin begins the history of a connection.
func (x *torture) begin(c *reactor.Conn) *history {
	h := &history{}
	x.lives[c.ID()] = h
	x.live++
	x.lastID.Store(c.ID())
	return h
}

// meet begins the history of a connection that the actions of handlers may choose.
func (x *torture) meet(c *reactor.Conn) *history {
	h := x.begin(c)
	if len(x.conns) < 2*tortureConns {
		x.conns = append(x.conns, c)
	} else {
		x.conns[x.rnd.IntN(len(x.conns))] = c
	}
	return h
}

func isInput(ev reactor.Event) bool {
	switch ev {
	case reactor.EvResolve, reactor.EvConnect, reactor.EvAccept, reactor.EvTLSHS, reactor.EvRead,
		reactor.EvHTTPHdrs, reactor.EvHTTPMsg, reactor.EvWSOpen, reactor.EvWSMsg, reactor.EvWSCtl:
		return true
	}
	return false
}

// judge checks what is left after the end.
func (x *torture) judge() {
	t := x.t
	x.over = true
	for range 200 { // every call on a closed connection is harmless
		x.act()
	}
	for _, fd := range x.wraps {
		closePeer(fd)
	}
	for id, h := range x.lives {
		if !h.opened || !h.closed {
			x.fault("connection %d: EvOpen %v, EvClose %v", id, h.opened, h.closed)
		}
	}
	s := x.m.Stats()
	if n := uint64(len(x.lives)); s.Opened != n || s.Closed != n || s.Conns+s.Listeners != 0 || s.Failed != uint64(x.heard[reactor.EvError]) {
		t.Errorf("Stats %+v; there were %d connections and %d EvError", s, n, x.heard[reactor.EvError])
	}
	if s.TLSHandshaking != 0 || s.TLSHandshakes < uint64(x.heard[reactor.EvTLSHS]) {
		t.Errorf("%d handshakes in progress, %d completed, %d EvTLSHS", s.TLSHandshaking, s.TLSHandshakes, x.heard[reactor.EvTLSHS])
	}
	x.conns, x.lives, x.tasks = nil, nil, nil
	after := heap()
	if !raced && after > x.before+tortureRest {
		t.Errorf("heap: %d KB before, %d KB after", x.before>>10, after>>10)
	}
	for _, a := range actions {
		if x.did[a.name] == 0 {
			t.Errorf("the script did not do %s", a.name)
		}
	}
	for _, a := range acts {
		if x.done[a.name] == 0 {
			t.Errorf("no client's script did %s", a.name)
		}
	}
	t.Logf("%d connections, %d accepted, %d failed; %d turns, %d events; %d MB in, %d MB out; heap %d KB before, %d KB peak, %d KB after; %d KB queued at most; longest handler %v, lag %v",
		s.Opened, s.Accepted, s.Failed, s.Turns, s.Events, s.BytesIn>>20, s.BytesOut>>20,
		x.before>>10, x.peak>>10, after>>10, x.queued>>10, s.LongestHandler, s.MaxLag)
	t.Logf("events: %s", counts(x.heard))
	t.Logf("handlers: %s", counts(x.did))
	t.Logf("clients: %s", counts(x.done))
}

func counts[K comparable](m map[K]int) string {
	var list []string
	for k, n := range m {
		list = append(list, fmt.Sprintf("%v %d", k, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// fault reports a broken rule. It reports the first ten only.
func (x *torture) fault(format string, args ...any) {
	if x.faults++; x.faults <= 10 {
		x.t.Errorf(format, args...)
	}
}
