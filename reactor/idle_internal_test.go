package reactor

import (
	"testing"

	"golang.org/x/sys/unix"
)

// crowd is a listener on a UNIX-domain socket with clients that stay connected.
type crowd struct {
	t     *testing.T
	m     *Manager
	l     *Conn
	sa    unix.Sockaddr
	conns []*Conn
}

// session is a layer for connections that are never idle once they have sent a byte.
type session struct{}

func (*session) Handle(*Conn, Event, any) {}

func (*session) Accept(*Conn) Protocol { return &session{} }

func newCrowd(t *testing.T, limits Limits) *crowd {
	t.Helper()
	path := t.TempDir() + "/s"
	k := &crowd{t: t, m: quiet(t), sa: &unix.SockaddrUnix{Name: path}}
	var err error
	k.l, err = k.m.Listen("unix://"+path, func(c *Conn, ev Event, _ any) {
		switch ev {
		case EvAccept:
			k.conns = append(k.conns, c)
		case EvRead:
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.l.SetLimits(limits); err != nil {
		t.Fatal(err)
	}
	turns(t, k.m, 1)
	return k
}

// join connects n clients, each in turns of its own. If talk is true each sends a byte.
func (k *crowd) join(n int, talk bool) {
	k.t.Helper()
	for range n {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			k.t.Fatal(err)
		}
		k.t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, k.sa); err != nil {
			k.t.Fatal(err)
		}
		if talk {
			unix.Write(fd, []byte("x"))
		}
		turns(k.t, k.m, 2)
	}
	turns(k.t, k.m, 2)
	if err := CheckAccounts(k.m); err != nil {
		k.t.Fatal(err)
	}
}

// However many connections are open, a client at the limit costs a search of a few of them.
func TestSearchForAnIdleConnectionIsShort(t *testing.T) {
	const most, storm = 300, 200
	t.Run("all are idle", func(t *testing.T) {
		k := newCrowd(t, Limits{Conns: most})
		k.join(most+storm, false)
		if k.m.stats.Evicted != storm || k.m.idleChecks != storm {
			t.Errorf("%d evicted, %d connections looked at", k.m.stats.Evicted, k.m.idleChecks)
		}
	})
	t.Run("sessions and one idle connection", func(t *testing.T) {
		k := newCrowd(t, Limits{Conns: most})
		k.l.Stack().Push(&session{})
		k.join(most-1, true)
		k.join(storm+1, false) // each takes the place of the one before
		if k.m.stats.Evicted != storm || k.m.idleChecks != storm {
			t.Errorf("%d evicted, %d connections looked at", k.m.stats.Evicted, k.m.idleChecks)
		}
	})
	t.Run("all are sessions", func(t *testing.T) {
		k := newCrowd(t, Limits{Conns: most})
		k.l.Stack().Push(&session{})
		k.join(most+storm, true)
		if k.m.stats.Refused != storm || k.m.idleChecks != 0 {
			t.Errorf("%d refused, %d connections looked at", k.m.stats.Refused, k.m.idleChecks)
		}
	})
	t.Run("all have become sessions", func(t *testing.T) {
		k := newCrowd(t, Limits{Conns: most})
		k.join(most, true)
		for _, c := range k.conns[1:] {
			c.Stack().Push(&session{})
		}
		k.conns[0].Pause()
		k.join(1, false)
		k.conns[0].Resume()
		k.join(storm, false)
		if k.m.stats.Refused != 1 || k.m.stats.Evicted != storm || k.m.idleChecks != most+storm {
			t.Errorf("%d refused, %d evicted, %d connections looked at", k.m.stats.Refused, k.m.stats.Evicted, k.m.idleChecks)
		}
	})
	t.Run("all are busy", func(t *testing.T) {
		k := newCrowd(t, Limits{Conns: most})
		k.join(most, false)
		for _, c := range k.conns {
			c.Pause()
		}
		k.join(10, false)
		if k.m.stats.Refused != 10 || k.m.idleChecks != 10*maxBusyPassed {
			t.Errorf("%d refused, %d connections looked at", k.m.stats.Refused, k.m.idleChecks)
		}
	})
}

// The batch number wraps around, and the order of the list does not change.
func TestIdleOrderDoesNotDependOnTheBatchNumber(t *testing.T) {
	k := newCrowd(t, Limits{Conns: 3})
	k.m.batch = ^uint32(0) - 5
	k.join(3, false)
	k.join(2, false)
	if k.m.batch > 1<<20 {
		t.Fatal("the number has not wrapped around")
	}
	for i, c := range k.conns {
		if (c.life == closed) != (i < 2) {
			t.Errorf("connection %d: closed %v", i, c.life == closed)
		}
	}
}

// The limits that only a listener has take no memory of the connections that it accepts.
func TestAcceptedConnectionsHaveNoLimitOfConns(t *testing.T) {
	k := newCrowd(t, Limits{Conns: 5, WhenFull: RefuseNew})
	k.join(1, false)
	if c := k.conns[0]; *c.limits() != (Limits{}) || c.ext != nil && c.ext.settings != nil {
		t.Errorf("limits %+v", *c.limits())
	}
}

// The set of a listener is forgotten when the listener and its connections are closed. If there
// are more listeners than numbers, the last ones share a set.
func TestAcceptedSetsAreReused(t *testing.T) {
	k := newCrowd(t, Limits{})
	k.join(2, false)
	s := k.l.ext.accept.accepted
	k.l.Close()
	turns(t, k.m, 2)
	if k.m.acceptedSets[s.index] != s || s.open != 2 {
		t.Fatal("the set is gone before its connections")
	}
	for _, c := range k.conns {
		c.Close()
	}
	turns(t, k.m, 2)
	if k.m.acceptedSets[s.index] != nil {
		t.Fatal("the set is left")
	}
	for len(k.m.acceptedSets) < 1<<16-1 {
		k.m.acceptedSets = append(k.m.acceptedSets, nil)
	}
	for i := range k.m.acceptedSets {
		k.m.acceptedSets[i] = &acceptedSet{index: uint16(i), listeners: 1}
	}
	k.m.newAcceptedSet(new(acceptor))
	var a, b acceptor
	k.m.newAcceptedSet(&a)
	k.m.newAcceptedSet(&b)
	if a.accepted != b.accepted || a.accepted.listeners != 3 || len(k.m.acceptedSets) != 1<<16 {
		t.Errorf("sets %p and %p, %d of them", a.accepted, b.accepted, len(k.m.acceptedSets))
	}
}
