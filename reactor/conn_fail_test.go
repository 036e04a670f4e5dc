package reactor_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A handler appends to Send and calls Fail. These final bytes are offered to the socket in
// every event, including those that the loop raises while it writes.
func TestFinalBytesOfFailInEveryEvent(t *testing.T) {
	for _, ev := range []reactor.Event{
		reactor.EvOpen, reactor.EvRead, reactor.EvPoll, reactor.EvWakeup, reactor.EvWrite, reactor.EvHighWater, reactor.EvLowWater,
	} {
		t.Run(ev.String(), func(t *testing.T) {
			m := newManager(t)
			var p *peer
			r := &recorder{On: hooks{ev: func(c *reactor.Conn, _ any) {
				p.Receive() // make space in the socket
				c.Send.AppendString("bye")
				c.Fail(errors.New("enough"))
			}}}
			var c *reactor.Conn
			c, p = wrap(t, m, r.Handle)
			c.SetWater(0, 1)
			c.SetPoll(true)
			p.WriteString("x")
			if err := m.Wakeup(c.ID(), nil); err != nil {
				t.Fatal(err)
			}
			var sent []byte
			await(t, m, "the event", func() bool {
				if c.Send.Len() > 0 {
					p.Receive()
				}
				chunk := bytes.Repeat([]byte{byte(len(sent) / 4096)}, 4096)
				n, _ := c.Write(chunk) // writes nothing after Fail
				sent = append(sent, chunk[:n]...)
				return len(r.Errs) > 0
			})
			await(t, m, "the end of stream", p.Ended)
			if r.Closed() {
				t.Error("closed before the peer has ended: bytes that it has not read may be lost")
			}
			p.Shutdown()
			await(t, m, "EvClose", r.Closed)
			if want := append(sent, "bye"...); !bytes.Equal(p.In, want) {
				t.Errorf("the peer got %d bytes that end with %q, want %d", len(p.In), p.In[max(0, len(p.In)-4):], len(want))
			}
			if n := len(r.Events); r.Events[n-1] != reactor.EvClose || r.Count(reactor.EvError) != 1 {
				t.Errorf("events %s", eventList(r.Events))
			}
		})
	}
}

// A peer that goes on sending gets the final bytes before Fail, and no reset. A peer that
// never ends its stream does not keep the connection open.
func TestFinalBytesOfFailArrive(t *testing.T) {
	m, k := timed(t)
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		c.Send.AppendString("bye")
		c.Fail(errors.New("enough"))
	}}}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	flood := bytes.Repeat([]byte("x"), 200_000)
	p.WriteSome(flood)
	await(t, m, "the final bytes", p.Received("bye"))
	p.WriteSome(flood)
	await(t, m, "the end of stream", p.Ended)
	if r.Count(reactor.EvClose) != 0 {
		t.Error("closed before the peer has ended")
	}
	k.Advance(time.Second)
	await(t, m, "EvClose", func() bool { return r.Count(reactor.EvClose) == 1 })
	if r.Count(reactor.EvRead) != 1 {
		t.Errorf("events %s: input was delivered after Fail", eventList(r.Events))
	}
}

// The final bytes are offered once. If the socket takes nothing, the connection closes.
func TestFinalBytesOfFailAreOfferedOnce(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvHighWater: func(c *reactor.Conn, _ any) {
		c.Send.AppendString("bye")
		c.Fail(errors.New("enough"))
	}}}
	c, _ := wrap(t, m, r.Handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 2)
	r.Want(t, "OPEN WRITE HIGH_WATER ERROR CLOSE")
}

// Only the first call of Fail raises EvError, at once. EvClose follows.
func TestFailRaisesEvErrorOnce(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	spin(t, m, 1)
	reason := errors.New("the reason")
	r.On = hooks{reactor.EvError: func(c *reactor.Conn, _ any) { c.Fail(errors.New("nested")) }}
	c.Fail(reason)
	r.Want(t, "OPEN ERROR")
	if !c.InputStopped() {
		t.Error("InputStopped is false after Fail")
	}
	c.Fail(errors.New("a later one"))
	await(t, m, "EvClose", r.Closed)
	c.Fail(errors.New("the last one"))
	r.Want(t, "OPEN ERROR CLOSE")
	if err := r.Err(t); !errors.Is(err, reason) {
		t.Errorf("error %v, want the first, %v", err, reason)
	}
}

func TestFailWithNilIsErrClosed(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.Fail(nil)
	if err := r.Err(t); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}

// After Fail no input is delivered, neither from the socket nor from Recv, and no input
// event that a layer raises.
func TestFailStopsInput(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if r.Count(reactor.EvRead) > 1 {
			return
		}
		c.Fail(errors.New("no more"))
		n := 1
		for ev := reactor.EvResolve; ev <= reactor.EvAccept; ev++ {
			c.Call(ev, nil)
		}
		c.Call(reactor.EvRead, &n)
		c.Call(reactor.EvUser, nil) // is not an input event
		c.Stack().Redispatch()
		c.Pause()
		c.Resume()
	}}
	_, p := wrap(t, m, r.Handle)
	p.WriteString("input")
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN READ ERROR USER CLOSE")
}

// After Fail the bytes in Send are offered to the socket once, including those that the
// handler of EvError appends.
func TestFailFlushesSendOnce(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.On = hooks{
		reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Reset()
			c.Send.AppendString("reply, ")
			c.Fail(errors.New("bad input"))
		},
		reactor.EvError: func(c *reactor.Conn, _ any) { c.Send.AppendString("close frame") },
	}
	_, p := wrap(t, m, r.Handle)
	p.WriteString("input")
	await(t, m, "the end of stream", p.Ended)
	if string(p.In) != "reply, close frame" {
		t.Errorf("the peer got %q", p.In)
	}
}

// After Fail a full socket does not keep the connection open.
func TestFailDoesNotWaitForAFullSocket(t *testing.T) {
	m, _ := timed(t)
	r := &recorder{}
	c, p, total := blocked(t, m, r)
	c.Fail(errors.New("enough"))
	spin(t, m, 2)
	if !r.Closed() {
		t.Fatal("the connection is not closed")
	}
	if await(t, m, "the end of stream", p.Ended); len(p.In) >= total {
		t.Errorf("the peer got all %d bytes: the socket was not full", len(p.In))
	}
}

func TestCloseDiscardsSend(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	c.Write([]byte("discarded"))
	c.Close()
	await(t, m, "the end of stream", p.Ended)
	if len(p.In) > 0 {
		t.Errorf("the peer got %q", p.In)
	}
	r.Want(t, "OPEN CLOSE")
}

// Close after Fail discards the bytes in Send.
func TestCloseAfterFailDiscardsSend(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvError: func(c *reactor.Conn, _ any) { c.Close() }}}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	c.Write([]byte("discarded"))
	c.Fail(errors.New("x"))
	await(t, m, "the end of stream", p.Ended)
	if len(p.In) > 0 {
		t.Errorf("the peer got %q", p.In)
	}
	r.Want(t, "OPEN ERROR CLOSE")
}

func TestFailAfterCloseDoesNothing(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.Close()
	c.Fail(errors.New("too late"))
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN CLOSE")
}

func TestWriteAfterCloseOrFail(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"Close": (*reactor.Conn).Close,
		"Fail":  func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m := newManager(t)
		c, _ := wrap(t, m, nil)
		spin(t, m, 1)
		if n, err := c.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("Write before %s: %d, %v", name, n, err)
		}
		end(c)
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("Write after %s: %d, %v, want ErrClosed", name, n, err)
		}
	}
}
