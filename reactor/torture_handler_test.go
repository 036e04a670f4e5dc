package reactor_test

import (
	"io"
	"path/filepath"
	"strconv"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// listen makes the listeners and returns the addresses that clients connect to.
func (x *torture) listen() []unix.Sockaddr {
	path := filepath.Join(x.t.TempDir(), "s")
	var targets []unix.Sockaddr
	for _, l := range []struct {
		url  string
		http bool
	}{{"tcp://127.0.0.1:0", false}, {"tcp://[::1]:0", false}, {"tls://127.0.0.1:0", false}, {"unix://" + path, false}, {"http://127.0.0.1:0", true}} {
		open := x.m.Listen
		if l.http {
			open = func(url string, fn reactor.Handler, data any) (*reactor.Conn, error) {
				return http.Listen(x.m, url, fn, data)
			}
		}
		c, err := open(l.url, x.handler(), l.http)
		if err != nil {
			x.t.Fatal(err)
		}
		x.meet(c).layered = l.http
		a := c.LocalAddr()
		if c.IsTLS() {
			c.StartTLS(serverConfig())
			x.urls = append(x.urls, "tls://"+a.String(), "tls://localhost:"+strconv.Itoa(int(a.Port())))
		}
		if a.IsValid() {
			targets = append(targets, looptest.Sockaddr(a))
			x.urls = append(x.urls, urlOf(a.String()), urlOf(hostPort("many.test", a.Port())))
		} else {
			targets = append(targets, &unix.SockaddrUnix{Name: path})
			x.urls = append(x.urls, l.url)
		}
		c.SetWater(1<<10, 1<<16)
	}
	u, err := x.m.Listen("udp://127.0.0.1:0", x.handler(), false)
	if err != nil {
		x.t.Fatal(err)
	}
	x.meet(u)
	x.urls = append(x.urls, "udp://"+u.LocalAddr().String(), "unix://"+path+".none", "tcp://127.0.0.1:1")
	return targets
}

// handler returns the handler for a connection. In a run with panics it panics now and then, and
// Recover recovers.
func (x *torture) handler() reactor.Handler {
	if !x.panics {
		return x.handle
	}
	return reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		at := x.rnd.IntN(400)
		if at == 0 {
			x.account(c, ev, data)
			panic(errOops)
		}
		if x.handle(c, ev, data); at == 1 {
			panic(errOops)
		}
	})
}

// handle is the handler of all connections but the quiet ones. FnData says whether there were
// layers from the beginning.
func (x *torture) handle(c *reactor.Conn, ev reactor.Event, data any) {
	x.account(c, ev, data)
	if ev == reactor.EvOpen && c.FnData == true {
		x.lives[c.ID()].layered = true
	}
	x.depth++
	switch ev {
	case reactor.EvRead:
		if x.free(c) && x.rnd.IntN(4) == 0 {
			c.Write(c.Recv.Bytes())
		}
		if c.FnData != true || x.rnd.IntN(8) == 0 { // it seldom takes the bytes of a protocol
			c.Recv.Consume(c.Recv.Len() * []int{0, 1, 2, 2, 2, 2, 2, 2}[x.rnd.IntN(8)] / 2)
		}
	case reactor.EvHTTPMsg:
		switch hm := data.(*http.Message); {
		case hm.Header("Upgrade") != nil && x.rnd.IntN(8) > 0:
			ws.Upgrade(c, hm, "")
		case x.rnd.IntN(8) > 0:
			http.ReplyBytes(c, 200, "", x.bytes(1<<12))
		}
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		ws.Send(c, m.Data, m.Op)
	case reactor.EvConnect:
		c.Write(x.bytes(1 << 10))
	}
	if x.depth < 4 && x.rnd.IntN(4) == 0 {
		for range 1 + x.rnd.IntN(3) {
			x.act()
		}
	}
	x.depth--
}

// spy is a layer that calls what handlers call.
type spy struct{ x *torture }

func (s *spy) Handle(_ *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvOpen { // in which layers do nothing to the connection
		s.sometimes()
	}
}

func (s *spy) sometimes() {
	if x := s.x; x.depth < 4 && x.rnd.IntN(16) == 0 {
		x.depth++
		x.act()
		x.depth--
	}
}

func (s *spy) Accept(c *reactor.Conn) reactor.Protocol {
	s.x.made(c, nil, true)
	s.x.lives[c.ID()].layered = true
	s.sometimes()
	return &spy{s.x}
}

func (s *spy) End(*reactor.Conn) error {
	s.sometimes()
	if s.x.rnd.IntN(2) == 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (s *spy) SayGoodbye(*reactor.Conn) bool {
	s.sometimes()
	return s.x.rnd.IntN(2) == 0
}
