package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// The calls on a closed connection are harmless.
func TestClosedConn(t *testing.T) {
	m := newManager(t)
	n := 0
	c := reactor.ClosedConn(m, func(*reactor.Conn, reactor.Event, any) { n++ }, 7, &indifferent{})
	if _, ok := reactor.Find[*indifferent](c); !ok {
		t.Error("Find does not find the layer")
	}
	if c.FnData != any(7) || !c.IsClient() || !c.Stack().Closed() {
		t.Errorf("FnData %v", c.FnData)
	}
	for _, change := range looptest.Changes() {
		change.Do(c)
	}
	c.Call(reactor.EvUser, nil)
	c.Fail(errors.New("x"))
	c.Drain()
	c.Close()
	c.Abort()
	if _, err := c.Write([]byte("x")); err != reactor.ErrClosed {
		t.Errorf("Write: %v", err)
	}
	if spin(t, m, 3); n != 0 || c.ID() != 0 || c.Manager() != m {
		t.Errorf("%d events, ID %d", n, c.ID())
	}
	if c.RemoteAddr().IsValid() || c.LocalAddr().IsValid() || c.Send.Len() != 0 {
		t.Error("the closed connection has an address or bytes")
	}
	for range m.Conns() {
		t.Error("the closed connection is one of the manager's")
	}
}
