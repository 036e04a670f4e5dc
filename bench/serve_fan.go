//go:build linux

package main

import (
	"net/http"
	"slices"
	"sync"

	gobwas "github.com/gobwas/ws"
	"github.com/gorilla/websocket"
	"github.com/lxzan/gws"
	"github.com/panjf2000/gnet/v2"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"

	mghttp "github.com/rikki-go/rikki/proto/http"
)

// fanServers send each message that a client sends to all clients.
var fanServers = []*subject{
	{name: "rikki", kind: "fan", path: rikkiPath, serve: serveRikkiFan,
		about: "a ws.Prepared: Set, and Send on each connection"},
	{name: "gnet", kind: "fan", path: gnetPath, serve: serveGnetFan,
		about: "one frame, Write on each connection"},
	{name: "gws", kind: "fan", path: gwsPath, serve: serveGWSFan,
		about: "a Broadcaster"},
	{name: "gorilla", kind: "fan", path: gorillaPath, serve: serveGorillaFan, long: true,
		about: "a PreparedMessage, written to each connection"},
	{name: noLibrary, kind: "fan", path: gobwasPath, serve: servePlainFan, long: true,
		about: "not a library: one frame, one write on each descriptor"},
}

// members is the clients of a server.
type members[C comparable] struct {
	mu  sync.Mutex
	all []C
}

func (m *members[C]) join(c C) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, c)
}

func (m *members[C]) leave(c C) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.all, c); i >= 0 {
		m.all[i] = m.all[len(m.all)-1]
		m.all = m.all[:len(m.all)-1]
	}
}

// each calls fn for all members.
func (m *members[C]) each(fn func(C)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.all {
		fn(c)
	}
}

func serveRikkiFan(_ *serving, listening func(addr string)) error {
	var all members[*reactor.Conn]
	var prepared ws.Prepared
	return serveHTTP(listening, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			ws.Upgrade(c, data.(*mghttp.Message), "", rikkiOptions)
		case reactor.EvWSOpen:
			all.join(c)
		case reactor.EvClose:
			all.leave(c)
		case reactor.EvWSMsg:
			m := data.(*ws.Message)
			if err := prepared.Set(m.Data, m.Op); err != nil {
				c.Fail(err)
				return
			}
			all.each(func(c *reactor.Conn) { prepared.Send(c) })
		}
	})
}

// gnetFan sends the frames that a client sends to all clients.
type gnetFan struct {
	gnetBoot
	all members[gnet.Conn]
}

func serveGnetFan(o *serving, listening func(addr string)) error {
	g := &gnetFan{gnetBoot: gnetBoot{listening: listening}}
	return g.run(g, o.loops)
}

func (g *gnetFan) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(&gnetConn{})
	return nil, gnet.None
}

func (g *gnetFan) OnClose(c gnet.Conn, _ error) gnet.Action {
	g.all.leave(c)
	return gnet.None
}

func (g *gnetFan) OnTraffic(c gnet.Conn) gnet.Action {
	s := c.Context().(*gnetConn)
	in, err := c.Peek(-1)
	if err != nil {
		return gnet.Close
	}
	if !s.open {
		rest, err := upgradeGnet(c, in)
		switch {
		case err == errShort:
			return gnet.None
		case err != nil:
			return gnet.Close
		}
		s.open = true
		g.all.join(c)
		if rest == 0 {
			return gnet.None
		}
		if in, err = c.Peek(-1); err != nil {
			return gnet.Close
		}
	}
	out, taken, err := s.frames(in)
	if err != nil || s.ending {
		return gnet.Close
	}
	switch {
	case len(out) == 0:
	case gobwas.OpCode(out[0]&15) == gobwas.OpPong:
		c.Write(out)
	default:
		g.all.each(func(c gnet.Conn) { c.Write(out) })
	}
	if taken > 0 {
		c.Discard(taken)
	}
	return gnet.None
}

// gwsFan is the broadcast of the library's documentation.
type gwsFan struct {
	gwsEcho
	all *members[*gws.Conn]
}

func serveGWSFan(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return gwsServer(gwsFan{all: new(members[*gws.Conn])}).RunListener(l)
}

func (h gwsFan) OnOpen(c *gws.Conn)           { h.all.join(c) }
func (h gwsFan) OnClose(c *gws.Conn, _ error) { h.all.leave(c) }

func (h gwsFan) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	h.all.each(func(c *gws.Conn) { b.Broadcast(c) })
}

func serveGorillaFan(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	var all members[*websocket.Conn]
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := gorillaUpgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		all.join(c)
		go func() {
			defer c.Close()
			defer all.leave(c)
			for {
				op, p, err := c.ReadMessage()
				if err != nil {
					return
				}
				m, err := websocket.NewPreparedMessage(op, p)
				if err != nil {
					return
				}
				all.each(func(c *websocket.Conn) { c.WritePreparedMessage(m) })
			}
		}()
	}))
}
