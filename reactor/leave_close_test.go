package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// closer is a layer whose goodbye is to close the manager.
type closer struct{ m *reactor.Manager }

func (*closer) Handle(*reactor.Conn, reactor.Event, any) {}

func (p *closer) Leave(c *reactor.Conn) bool {
	p.m.Close()
	return false
}

// A layer may close the manager when it is to say goodbye, with other layers below it.
func TestLeaveClosesTheManager(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.Stack().Push(&closer{m})
	c.Stack().Push(&closer{m})
	spin(t, m, 2)
	harmless(t, "Drain", func() { m.Drain(time.Second) })
	if r.count(reactor.EvClose) != 1 {
		t.Errorf("events %s", eventList(r.events))
	}
}
