package reactor_test

import (
	"net"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A layer that takes a byte at a time and asks to be offered the rest gets it,
// whatever becomes of the layer above it meanwhile.
func TestRedispatchSurvivesOthersLeaving(t *testing.T) {
	var heard []string
	for name, leave := range map[string]func(c *reactor.Conn, above reactor.Protocol){
		"stays":    func(*reactor.Conn, reactor.Protocol) {},
		"removed":  func(c *reactor.Conn, above reactor.Protocol) { c.Stack().Replace(above, nil) },
		"replaced": func(c *reactor.Conn, above reactor.Protocol) { c.Stack().Replace(above, &named{heard: &heard}) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			got, left := "", false
			below := &named{heard: &heard, handle: func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvRead && c.Recv.Len() > 0 {
					got += string(c.Recv.Bytes()[:1])
					c.Recv.Consume(1)
					if c.Recv.Len() > 0 {
						c.Stack().Redispatch()
					}
				}
			}}
			above := &named{heard: &heard}
			above.handle = func(c *reactor.Conn, ev reactor.Event) {
				if ev == reactor.EvRead && !left {
					left = true
					leave(c, above)
				}
			}
			_, p := stack(t, m, &heard, below, above)
			p.write("abc")
			await(t, m, "the first byte", func() bool { return left })
			if spin(t, m, 5); got != "abc" {
				t.Errorf("got %q, want abc", got)
			}
		})
	}
}

// What a layer asks to be offered again, and again, comes before the end of the stream.
func TestRedispatchBeforeEnd(t *testing.T) {
	m := newManager(t)
	layer := &sipper{}
	r := &recorder{on: hooks{
		reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Stack().Push(layer) },
		reactor.EvRead:   func(*reactor.Conn, any) {},
	}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	raw := netDial(t, l.LocalAddr().String())
	raw.Write([]byte("some words"))
	raw.(*net.TCPConn).CloseWrite()
	await(t, m, "the end", r.closed)
	if len(r.errs) > 0 || string(layer.got) != "some words" {
		t.Errorf("got %q, errors %v", layer.got, r.errs)
	}
}
