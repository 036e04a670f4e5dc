package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Fail raises EvError at once, the first only, and EvClose follows.
func TestFail(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	spin(t, m, 1)
	reason := errors.New("the reason")
	r.on = hooks{reactor.EvError: func(c *reactor.Conn, _ any) { c.Fail(errors.New("nested")) }}
	c.Fail(reason)
	r.want(t, "OPEN ERROR")
	if !c.Stopped() {
		t.Error("not Stopped")
	}
	c.Fail(errors.New("a later one"))
	await(t, m, "EvClose", r.closed)
	c.Fail(errors.New("the last one"))
	r.want(t, "OPEN ERROR CLOSE")
	if err := r.err(t); !errors.Is(err, reason) {
		t.Errorf("%v, want the first", err)
	}
}

func TestFailWithoutReason(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.Fail(nil)
	if err := r.err(t); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// After Fail no input is delivered: not what is in the socket, nor what is
// in Recv, nor what the layers call.
func TestFailStopsInput(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if r.count(reactor.EvRead) > 1 {
			return
		}
		c.Fail(errors.New("no more"))
		n := 1
		for ev := reactor.EvResolve; ev <= reactor.EvAccept; ev++ {
			c.Call(ev, nil)
		}
		c.Call(reactor.EvRead, &n)
		c.Call(reactor.EvUser, nil) // a program's own event is not input
		c.Stack().Redispatch()
		c.Pause()
		c.Resume()
	}}
	_, p := wrap(t, m, r.handle)
	p.write("input")
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN READ ERROR USER CLOSE")
}

// What lies in Send, also what the handler of EvError put there, is offered
// to the socket once.
func TestFailOffersSend(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{
		reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Reset()
			c.Send.AppendString("reply, ")
			c.Fail(errors.New("bad input"))
		},
		reactor.EvError: func(c *reactor.Conn, _ any) { c.Send.AppendString("close frame") },
	}
	_, p := wrap(t, m, r.handle)
	p.write("input")
	await(t, m, "the end of stream", p.ended)
	if string(p.in) != "reply, close frame" {
		t.Errorf("the peer got %q", p.in)
	}
}

// Offered once means that a full socket does not keep the connection.
func TestFailDoesNotWait(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p, total := blocked(t, m, r)
	c.Fail(errors.New("enough"))
	spin(t, m, 2)
	if !r.closed() {
		t.Fatal("still not closed")
	}
	if await(t, m, "the end of stream", p.ended); len(p.in) >= total {
		t.Errorf("the peer got all of %d bytes", len(p.in))
	}
}

func TestCloseDiscardsSend(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 1)
	c.Write([]byte("discarded"))
	c.Close()
	await(t, m, "the end of stream", p.ended)
	if len(p.in) > 0 {
		t.Errorf("the peer got %q", p.in)
	}
	r.want(t, "OPEN CLOSE")
}

// Close after Fail discards what Fail would have offered.
func TestCloseAfterFail(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvError: func(c *reactor.Conn, _ any) { c.Close() }}}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 1)
	c.Write([]byte("discarded"))
	c.Fail(errors.New("x"))
	await(t, m, "the end of stream", p.ended)
	if len(p.in) > 0 {
		t.Errorf("the peer got %q", p.in)
	}
	r.want(t, "OPEN ERROR CLOSE")
}

func TestNoErrorAfterClose(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.Close()
	c.Fail(errors.New("too late"))
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN CLOSE")
}

func TestWriteAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"Close": (*reactor.Conn).Close,
		"Fail":  func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m := newManager(t)
		c, _ := wrap(t, m, nil)
		spin(t, m, 1)
		if n, err := c.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		end(c)
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("after %s: %d, %v", name, n, err)
		}
	}
}
