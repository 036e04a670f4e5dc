package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func wantLimit(t *testing.T, err error, buffer string, limit int) {
	t.Helper()
	var e *reactor.LimitError
	if !errors.As(err, &e) || e.Buffer != buffer || e.Limit != limit || e.Held <= limit {
		t.Fatalf("%v (%T %+v), want the limit of %s, %d", err, err, e, buffer, limit)
	}
	if !strings.Contains(err.Error(), buffer) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("%q does not say which limit", err)
	}
}

// hoard leaves what comes in Recv.
func hoard(*reactor.Conn, any) {}

// Send may hold what the limit says, beyond what the socket took, and not a byte more.
func TestSendLimit(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _, _ := blocked(t, m, r)
	held := c.Send.Len()
	c.SetLimits(reactor.Limits{Send: held})
	if spin(t, m, 2); r.closed() {
		t.Fatal("failed at the limit")
	}
	c.Send.AppendString("x")
	if len(r.errs) > 0 {
		t.Error("failed within Append")
	}
	spin(t, m, 2)
	r.want(t, "OPEN WRITE ERROR CLOSE")
	wantLimit(t, r.err(t), "Send", held)
}

// What the socket takes at once does not count.
func TestSendLimitIsAboutWhatWaits(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	c.SetLimits(reactor.Limits{Send: 10})
	for range 20 {
		c.Write(make([]byte, 10_000))
		spin(t, m, 1)
		p.pump()
	}
	if len(r.errs) > 0 || len(p.in) != 200_000 {
		t.Errorf("%v after %d bytes", r.errs, len(p.in))
	}
}

// The limit holds while the connection is being established, too: a fast
// producer does not care whether the other side answers.
func TestSendLimitBeforeConnect(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m := newManager(t, reactor.WithLimits(reactor.Limits{Send: 1000}))
	r := &recorder{}
	c := dial(t, m, urlOf(at.String()), r.handle)
	c.Write(make([]byte, 1000))
	spin(t, m, 2)
	r.want(t, "OPEN RESOLVE")
	c.Write(make([]byte, 1))
	spin(t, m, 2)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	wantLimit(t, r.err(t), "Send", 1000)
}

// Recv may hold what the limit says after the handlers have had it.
func TestRecvLimit(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	c, p := wrap(t, m, r.handle)
	c.SetLimits(reactor.Limits{Recv: 1000})
	for range 10 {
		p.write(strings.Repeat("x", 100))
		spin(t, m, 2)
	}
	if len(r.errs) > 0 || c.Recv.Len() != 1000 {
		t.Fatalf("%v with %d bytes held", r.errs, c.Recv.Len())
	}
	p.write("x")
	await(t, m, "EvClose", r.closed)
	wantLimit(t, r.err(t), "Recv", 1000)
	if r.count(reactor.EvRead) != 11 {
		t.Errorf("%d EvRead, want 11: the last is offered before it is too much", r.count(reactor.EvRead))
	}
}

// What handlers consume does not count, however much comes.
func TestRecvLimitIsAboutWhatIsLeft(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Recv.Consume(c.Recv.Len() - 10) }}}
	c, p := wrap(t, m, r.handle)
	c.SetLimits(reactor.Limits{Recv: 10})
	for range 50 {
		p.write(strings.Repeat("x", 10_000))
		spin(t, m, 2)
	}
	if len(r.errs) > 0 {
		t.Error(r.err(t))
	}
}

// A datagram is not kept, so that Recv's limit is not about it.
func TestRecvLimitAndDatagrams(t *testing.T) {
	m := newManager(t, reactor.WithLimits(reactor.Limits{Recv: 5}))
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	l := listen(t, m, "udp://127.0.0.1:0", r.handle)
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if err := unix.Sendto(p.fd, make([]byte, 100), 0, sockaddr(l.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	await(t, m, "EvRead", r.saw(reactor.EvRead))
	spin(t, m, 2)
	r.want(t, "OPEN READ")
}

// Limits of a connection replace those of its listener, and those replace the manager's.
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
				m := newManager(t, reactor.WithLimits(test.manager))
				r := &recorder{on: hooks{reactor.EvRead: hoard, reactor.EvAccept: func(c *reactor.Conn, _ any) {
					if test.conn != nil {
						c.SetLimits(*test.conn)
					}
					if buffer == "Send" {
						c.Write(make([]byte, 32<<20))
					}
				}}}
				ln := listen(t, m, "tcp://127.0.0.1:0", r.handle)
				if test.listener != nil {
					ln.SetLimits(*test.listener)
				}
				p := dialRaw(t, ln.LocalAddr())
				await(t, m, "EvAccept", r.saw(reactor.EvAccept))
				limit := test.want.Send
				if buffer == "Recv" {
					p.write(strings.Repeat("x", 60))
					await(t, m, "EvRead", r.saw(reactor.EvRead))
					limit = test.want.Recv
				}
				spin(t, m, 5)
				if limit == 0 {
					if len(r.errs) > 0 {
						t.Error(r.err(t))
					}
					return
				}
				wantLimit(t, r.err(t), buffer, limit)
			})
		}
	}
}

// Limits that are set while the connection lives hold at once for Send, and
// from the next bytes on for Recv.
func TestLimitsAtRunTime(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	c, p := wrap(t, m, r.handle)
	p.write("0123456789")
	await(t, m, "EvRead", r.saw(reactor.EvRead))
	c.SetLimits(reactor.Limits{Recv: 5})
	p.write("x")
	await(t, m, "EvClose", r.closed)
	wantLimit(t, r.err(t), "Recv", 5)

	r = &recorder{}
	c, _, _ = blocked(t, m, r)
	c.SetLimits(reactor.Limits{Send: 5})
	spin(t, m, 2)
	wantLimit(t, r.err(t), "Send", 5)
	harmless(t, "SetLimits after EvClose", func() { c.SetLimits(reactor.Limits{Send: 1}) })
}

// The hard limit comes before the mark, which need not be heard any more.
func TestSendLimitAndWaterMarks(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	c.SetWater(0, 100)
	c.SetLimits(reactor.Limits{Send: 8 << 20})
	c.Write(make([]byte, 4<<20))
	spin(t, m, 2)
	r.want(t, "OPEN WRITE HIGH_WATER")
	c.Write(make([]byte, 8<<20))
	spin(t, m, 2)
	r.want(t, "OPEN WRITE HIGH_WATER ERROR CLOSE")
	wantLimit(t, r.err(t), "Send", 8<<20)
}
