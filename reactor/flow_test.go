package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// One read brings more than the limit of Recv, and the handler pauses. The limit is not
// enforced during the pause.
func TestRecvLimitWhilePaused(t *testing.T) {
	m := looptest.NewStillManager(t)
	got := 0
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		if c.Recv.Len() >= 100 {
			c.Recv.Consume(100)
			got += 100
			c.Pause()
		}
	}}}
	c, p := wrap(t, m, r.Handle)
	c.SetLimits(reactor.Limits{Recv: 1000})
	p.WriteString(strings.Repeat("x", 5000))
	await(t, m, "all of it", func() bool { c.Resume(); return got == 5000 || len(r.Errs) > 0 })
	if len(r.Errs) > 0 {
		t.Errorf("errors %v", r.Errs)
	}
}

// A limit that is lower than what Recv holds is enforced at once.
func TestSetLimitsBelowTheContentOfRecv(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	c, p := wrap(t, m, r.Handle)
	p.WriteString(strings.Repeat("x", 5000))
	await(t, m, "the bytes", func() bool { return c.Recv.Len() == 5000 })
	c.SetLimits(reactor.Limits{Recv: 1000})
	await(t, m, "EvClose", r.Closed)
	wantLimit(t, r.Err(t), "Recv", 1000)
	var l *reactor.LimitError
	if errors.As(r.Errs[0], &l) && l.Size != 5000 {
		t.Errorf("error %v, want one that says 5000 bytes", l)
	}
}

// wantLimit fails the test unless err is that LimitError.
func wantLimit(t *testing.T, err error, buffer string, limit int) {
	t.Helper()
	var e *reactor.LimitError
	if !errors.As(err, &e) || e.Buffer != buffer || e.Limit != limit || e.Size <= limit {
		t.Fatalf("error %v (%T %+v), want the limit of %s, %d", err, err, e, buffer, limit)
	}
	if !strings.Contains(err.Error(), buffer) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("error %q does not name the limit of %s", err, buffer)
	}
}

// leaveInRecv is a hook that leaves all input in Recv.
func leaveInRecv(*reactor.Conn, any) {}

// Send may hold as many bytes as the limit says, and not a byte more.
func TestSendLimit(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _, _ := blocked(t, m, r)
	held := c.Send.Len()
	c.SetLimits(reactor.Limits{Send: held})
	if spin(t, m, 2); r.Closed() {
		t.Fatal("the connection failed at the limit")
	}
	c.Send.AppendString("x")
	if len(r.Errs) > 0 {
		t.Error("the connection failed within Append")
	}
	spin(t, m, 2)
	r.Want(t, "OPEN WRITE ERROR CLOSE")
	wantLimit(t, r.Err(t), "Send", held)
}

// Bytes that the socket takes at once do not count for the limit of Send.
func TestSendLimitCountsWaitingBytesOnly(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	c.SetLimits(reactor.Limits{Send: 10})
	for range 20 {
		c.Write(make([]byte, 10_000))
		spin(t, m, 1)
		p.Receive()
	}
	if len(r.Errs) > 0 || len(p.In) != 200_000 {
		t.Errorf("errors %v after %d bytes", r.Errs, len(p.In))
	}
}

// The limit of Send also holds before the connection is established.
func TestSendLimitBeforeConnect(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m := looptest.NewStillManager(t, reactor.WithLimits(reactor.Limits{Send: 1000}))
	r := &recorder{}
	c := dial(t, m, urlOf(at.String()), r.Handle)
	c.Write(make([]byte, 1000))
	spin(t, m, 2)
	r.Want(t, "OPEN RESOLVE")
	c.Write(make([]byte, 1))
	spin(t, m, 2)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	wantLimit(t, r.Err(t), "Send", 1000)
}

// After the handlers have run, Recv may hold as many bytes as the limit says.
func TestRecvLimit(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	c, p := wrap(t, m, r.Handle)
	c.SetLimits(reactor.Limits{Recv: 1000})
	for range 10 {
		p.WriteString(strings.Repeat("x", 100))
		spin(t, m, 2)
	}
	if len(r.Errs) > 0 || c.Recv.Len() != 1000 {
		t.Fatalf("errors %v with %d bytes in Recv", r.Errs, c.Recv.Len())
	}
	p.WriteString("x")
	await(t, m, "EvClose", r.Closed)
	wantLimit(t, r.Err(t), "Recv", 1000)
	if r.Count(reactor.EvRead) != 11 {
		t.Errorf("%d EvRead, want 11: the last byte is delivered before the limit is checked", r.Count(reactor.EvRead))
	}
}

// Bytes that handlers consume do not count for the limit of Recv.
func TestRecvLimitCountsRemainingBytesOnly(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Recv.Consume(c.Recv.Len() - 10) }}}
	c, p := wrap(t, m, r.Handle)
	c.SetLimits(reactor.Limits{Recv: 10})
	for range 50 {
		p.WriteString(strings.Repeat("x", 10_000))
		spin(t, m, 2)
	}
	if len(r.Errs) > 0 {
		t.Error(r.Err(t))
	}
}

// The limit of Recv does not hold for datagrams, which do not stay in Recv.
func TestRecvLimitDoesNotHoldForDatagrams(t *testing.T) {
	m := looptest.NewStillManager(t, reactor.WithLimits(reactor.Limits{Recv: 5}))
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	l := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if err := unix.Sendto(p.FD, make([]byte, 100), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	spin(t, m, 2)
	r.Want(t, "OPEN READ")
}

// The limits of a connection override those of its listener, which override those of the
// manager.
func TestLimitsAreInherited(t *testing.T) {
	type l = reactor.Limits
	for name, test := range map[string]struct {
		manager        l
		listener, conn *l
		want           l
	}{
		"manager":                     {manager: l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
		"listener":                    {listener: &l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
		"listener over manager":       {manager: l{Send: 9, Recv: 9}, listener: &l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
		"listener has none":           {manager: l{Send: 9, Recv: 9}, listener: &l{Send: -1, Recv: -1}},
		"connection":                  {conn: &l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
		"connection over both":        {manager: l{Send: 9, Recv: 9}, listener: &l{Send: 8, Recv: 8}, conn: &l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
		"connection has none":         {manager: l{Send: 9, Recv: 9}, listener: &l{Send: 8, Recv: 8}, conn: &l{Send: -1, Recv: -1}},
		"connection like the manager": {manager: l{Send: 100, Recv: 50}, listener: &l{Send: 8, Recv: 8}, conn: &l{Send: 100, Recv: 50}, want: l{Send: 100, Recv: 50}},
	} {
		for _, buffer := range []string{"Send", "Recv"} {
			t.Run(name+" "+buffer, func(t *testing.T) {
				m := looptest.NewStillManager(t, reactor.WithLimits(test.manager))
				r := &recorder{On: hooks{reactor.EvRead: leaveInRecv, reactor.EvAccept: func(c *reactor.Conn, _ any) {
					if test.conn != nil {
						c.SetLimits(*test.conn)
					}
					if buffer == "Send" {
						c.Write(make([]byte, moreThanFits))
					}
				}}}
				ln := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
				if test.listener != nil {
					ln.SetLimits(*test.listener)
				}
				p := dialNarrow(t, ln.LocalAddr())
				await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
				limit := test.want.Send
				if buffer == "Recv" {
					p.WriteString(strings.Repeat("x", 60))
					await(t, m, "EvRead", r.Saw(reactor.EvRead))
					limit = test.want.Recv
				}
				spin(t, m, 5)
				if limit == 0 {
					if len(r.Errs) > 0 {
						t.Error(r.Err(t))
					}
					return
				}
				wantLimit(t, r.Err(t), buffer, limit)
			})
		}
	}
}

// Limits that are set on an open connection hold from then on.
func TestSetLimitsAtRunTime(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	c, p := wrap(t, m, r.Handle)
	p.WriteString("0123456789")
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	c.SetLimits(reactor.Limits{Recv: 5})
	p.WriteString("x")
	await(t, m, "EvClose", r.Closed)
	wantLimit(t, r.Err(t), "Recv", 5)

	r = &recorder{}
	c, _, _ = blocked(t, m, r)
	c.SetLimits(reactor.Limits{Send: 5})
	spin(t, m, 2)
	wantLimit(t, r.Err(t), "Send", 5)
	harmless(t, "SetLimits after EvClose", func() { c.SetLimits(reactor.Limits{Send: 1}) })
}

// A connection that exceeds the limit of Send fails, and has no EvHighWater.
func TestSendLimitComesBeforeWaterMarks(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.SetWater(0, 100)
	c.SetLimits(reactor.Limits{Send: 2 * moreThanFits})
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 2)
	r.Want(t, "OPEN WRITE HIGH_WATER")
	c.Write(make([]byte, 2*moreThanFits))
	spin(t, m, 2)
	r.Want(t, "OPEN WRITE HIGH_WATER ERROR CLOSE")
	wantLimit(t, r.Err(t), "Send", 2*moreThanFits)
}

// The water marks are checked after the handler, when the socket has taken what it can.
// EvHighWater and EvLowWater come once each.
func TestWaterMarks(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	c.SetWater(1000, 200<<10)
	spin(t, m, 1)
	c.Write(make([]byte, 100<<10)) // the socket takes it, or it is below the mark
	if spin(t, m, 2); r.Count(reactor.EvHighWater) != 0 {
		t.Error("EvHighWater came below the mark")
	}
	c.Write(make([]byte, moreThanFits))
	if r.Count(reactor.EvHighWater) != 0 {
		t.Error("EvHighWater came within Write")
	}
	for range 3 {
		spin(t, m, 1)
		c.Write(make([]byte, 100))
	}
	if n := r.Count(reactor.EvHighWater); n != 1 || r.Count(reactor.EvLowWater) != 0 {
		t.Fatalf("events %v", r.Events)
	}
	lowAt := -1
	r.On = hooks{reactor.EvLowWater: func(c *reactor.Conn, _ any) { lowAt = c.Send.Len() }}
	await(t, m, "EvLowWater", func() bool {
		if r.Count(reactor.EvLowWater) == 0 && c.Send.Len() <= 1000 {
			t.Fatalf("Send holds %d bytes, and EvLowWater did not come", c.Send.Len())
		}
		p.Receive()
		return r.Count(reactor.EvLowWater) > 0
	})
	if lowAt < 0 || lowAt > 1000 || r.Count(reactor.EvLowWater) != 1 || r.Count(reactor.EvHighWater) != 1 {
		t.Errorf("EvLowWater came at %d bytes; events %v", lowAt, r.Events)
	}
	c.Write(make([]byte, moreThanFits)) // above the mark again
	await(t, m, "the second EvHighWater", func() bool { return r.Count(reactor.EvHighWater) == 2 })
}

// EvHighWater comes after the EvWrite of the same flush.
func TestEvHighWaterComesAfterEvWrite(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 1)
	r.Want(t, "OPEN WRITE HIGH_WATER")
}

// Turning the marks off raises EvLowWater if Send is above the mark.
func TestWaterMarksAreTurnedOff(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.SetWater(0, 1)
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 1)
	c.SetWater(0, 0)
	spin(t, m, 2)
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 2)
	r.Want(t, "OPEN WRITE HIGH_WATER LOW_WATER")
}

// Marks that change while bytes wait are compared again, without input and without a write. The
// events alternate.
func TestWaterMarksChangeWhileBytesWait(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.Write(make([]byte, moreThanFits))
	spin(t, m, 2)
	n := c.Send.Len()
	for _, step := range []struct {
		low, high int
		events    string
	}{
		{0, n, "OPEN WRITE"},
		{0, n - 1, "OPEN WRITE HIGH_WATER"},
		{n - 1, 2 * n, "OPEN WRITE HIGH_WATER"},
		{n, 2 * n, "OPEN WRITE HIGH_WATER LOW_WATER"},
		{0, 1, "OPEN WRITE HIGH_WATER LOW_WATER HIGH_WATER"},
	} {
		c.SetWater(step.low, step.high)
		spin(t, m, 3)
		if r.Want(t, step.events); t.Failed() || c.Send.Len() != n {
			t.Fatalf("marks %d and %d, %d bytes wait of %d", step.low, step.high, c.Send.Len(), n)
		}
	}
}

// Without EvHighWater there is no EvLowWater. A producer that has looked at Send itself continues
// at EvWrite.
func TestEvWriteContinuesAProducer(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	c.SetWater(10, 100)
	m.Post(func() { c.Write(make([]byte, 101)) }) // the socket takes it
	spin(t, m, 3)
	r.Want(t, "OPEN WRITE")
}

func TestWaterMarksAreInherited(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{}
	r.On = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write(make([]byte, moreThanFits)) }}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	l.SetWater(0, 100)
	dialNarrow(t, l.LocalAddr())
	await(t, m, "EvHighWater", r.Saw(reactor.EvHighWater))
}

func TestSetWaterPanicsOnBadMarks(t *testing.T) {
	m := looptest.NewStillManager(t)
	c, _ := wrap(t, m, nil)
	for _, marks := range [][2]int{{2, 1}, {-1, 1}, {0, -1}} {
		wantPanic(t, "SetWater", func() { c.SetWater(marks[0], marks[1]) })
	}
}

// Water returns the marks of SetWater, also those that an accepted connection has inherited.
func TestWater(t *testing.T) {
	m := newManager(t)
	c, _ := looptest.Wrap(t, m, nil)
	for _, marks := range [][2]int{{0, 0}, {10, 100}, {0, 1}, {0, 0}} {
		c.SetWater(marks[0], marks[1])
		if low, high := c.Water(); low != marks[0] || high != marks[1] {
			t.Errorf("Water returns %d and %d, want %v", low, high, marks)
		}
	}
}
