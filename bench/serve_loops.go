//go:build linux

package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// loopServers are echo servers with several event loops.
var loopServers = []*subject{
	{name: "rikki", kind: "loops", path: rikkiPath, serve: serveRikkiLoops,
		about: "a manager for each loop, as in examples/multi-core"},
	{name: "gnet", kind: "loops", path: gnetPath, serve: serveGnetLoops,
		about: "WithNumEventLoop and WithReusePort"},
}

// tally counts what one loop does. It fills a cache line, so that loops do not disturb each other.
type tally struct {
	conns, messages atomic.Int64
	_               [48]byte
}

// reportTallies returns the connections of all loops, and then the messages of all loops.
func reportTallies(all []*tally) string {
	var conns, messages []string
	for _, t := range all {
		conns = append(conns, fmt.Sprint(t.conns.Load()))
		messages = append(messages, fmt.Sprint(t.messages.Load()))
	}
	return strings.Join(append(conns, messages...), " ")
}

func serveRikkiLoops(o *serving, listening func(addr string)) error {
	var all []*tally
	addr := "127.0.0.1:0"
	failed := make(chan error)
	for range o.loops {
		m, err := reactor.New(reactor.WithSockets(reactor.Sockets{ReusePort: true}))
		if err != nil {
			return err
		}
		t := new(tally)
		all = append(all, t)
		l, err := http.Listen(m, "http://"+addr, func(c *reactor.Conn, ev reactor.Event, data any) {
			switch ev {
			case reactor.EvWSOpen:
				t.conns.Add(1)
			case reactor.EvWSMsg:
				t.messages.Add(1)
			}
			echoRikki(c, ev, data)
		}, nil)
		if err != nil {
			return err
		}
		addr = l.LocalAddr().String() // the other loops use the same port
		go func() {
			for {
				if err := m.Poll(-1); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	o.report = func() string { return reportTallies(all) }
	listening(addr)
	return <-failed
}

// gnetLoops counts what each event loop of gnet echoes.
type gnetLoops struct {
	gnetEcho
	mu    sync.Mutex
	loops map[gnet.EventLoop]*tally
}

func serveGnetLoops(o *serving, listening func(addr string)) error {
	g := &gnetLoops{loops: map[gnet.EventLoop]*tally{}}
	g.listening = listening
	o.report = func() string {
		g.mu.Lock()
		defer g.mu.Unlock()
		var all []*tally
		for _, t := range g.loops {
			all = append(all, t)
		}
		for len(all) < o.loops { // a loop without connections
			all = append(all, new(tally))
		}
		return reportTallies(all)
	}
	return g.run(g, o.loops)
}

func (g *gnetLoops) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.loops[c.EventLoop()]
	if t == nil {
		t = new(tally)
		g.loops[c.EventLoop()] = t
	}
	t.conns.Add(1)
	c.SetContext(&gnetConn{tally: t})
	return nil, gnet.None
}
