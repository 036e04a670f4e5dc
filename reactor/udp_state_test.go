package reactor_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A refused datagram fails a client, which has one peer.
func TestICMPErrorFailsAClient(t *testing.T) {
	m := newManager(t)
	p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	p.close()
	r := &recorder{}
	c := dial(t, m, "udp://"+at.String(), r.handle)
	c.Write([]byte("anybody?"))
	await(t, m, "EvClose", r.closed)
	if err := r.err(t); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

// It does not close a listener, which has others.
func TestICMPErrorDoesNotCloseAListener(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		r.got = append(r.got, c.Recv.Bytes()...)
		c.Write([]byte("answer"))
	}}
	l := listen(t, m, "udp://127.0.0.1:0", r.handle)
	for i := range 3 {
		gone, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		if err := unix.Sendto(gone.fd, []byte("x"), 0, sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		gone.close()
		await(t, m, "the datagram", func() bool { return len(r.got) == i+1 })
	}
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	if err := unix.Sendto(p.fd, []byte("!"), 0, sockaddr(l.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	var got []string
	await(t, m, "the answer", func() bool { got = append(got, datagrams(t, p)...); return len(got) == 1 })
	if len(r.errs) > 0 || r.closed() {
		t.Errorf("errors %v, closed %v", r.errs, r.closed())
	}
}

// A listener that has heard of nobody has nobody to write to.
func TestListenerWritesToNobody(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	u := listen(t, m, "udp://127.0.0.1:0", r.handle)
	if _, err := u.Write([]byte("x")); !errors.Is(err, unix.EDESTADDRREQ) {
		t.Errorf("udp: %v", err)
	}
	u.Send.AppendString("nobody's")
	spin(t, m, 3)
	r.want(t, "OPEN WRITE")
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	if _, err := l.Write([]byte("x")); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("tcp: %v", err)
	}
}

// A paused socket reads no further datagram, and what lay in Recv is offered
// again before the next one drops it.
func TestDatagramsPaused(t *testing.T) {
	m := newManager(t)
	var got []string
	paused := false
	l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			got = append(got, string(c.Recv.Bytes()))
			if !paused {
				paused = true
				c.Pause()
				return
			}
			c.Recv.Reset()
		}
	})
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for _, s := range []string{"one", "two", "three"} {
		if err := unix.Sendto(p.fd, []byte(s), 0, sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "the first", func() bool { return len(got) == 1 })
	if spin(t, m, 3); len(got) != 1 || pollable(t, m.Fd()) {
		t.Fatalf("got %q while paused, Fd readable %v", got, pollable(t, m.Fd()))
	}
	l.Resume()
	await(t, m, "all", func() bool { return len(got) >= 4 })
	for i, want := range []string{"one", "one", "two", "three"} {
		if got[i] != want {
			t.Fatalf("got %q", got)
		}
	}
}

// A handler that leaves its datagram in Recv gets it once, too, if more than Limits.Unsent
// waits meanwhile and input is held: from EvRead, and later.
func TestDatagramsHeld(t *testing.T) {
	for _, later := range []bool{false, true} {
		m := newManager(t)
		got := 0
		var l *reactor.Conn
		answer := func() {
			for range 2 * reactor.DefaultUnsent / 50000 {
				l.Write(make([]byte, 50000))
			}
		}
		l = listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev != reactor.EvRead {
				return
			}
			if got++; later {
				m.AddTimer(0, reactor.TimerOnce, answer)
			} else {
				answer()
			}
		})
		p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		for range 3 {
			if err := unix.Sendto(p.fd, []byte("x"), 0, sockaddr(l.LocalAddr())); err != nil {
				t.Fatal(err)
			}
		}
		await(t, m, "all of them", func() bool { return got >= 3 && l.Send.Len() == 0 })
		if spin(t, m, 20); got != 3 {
			t.Errorf("later %v: EvRead came %d times for 3 datagrams", later, got)
		}
	}
}

// Drain sends what is waiting, then closes without waiting for anyone; Close
// sends nothing; Fail offers it.
func TestDatagramsAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(c *reactor.Conn){
		"drain": (*reactor.Conn).Drain, "close": (*reactor.Conn).Close,
		"fail": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m := newManager(t)
		p, at := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
		r := &recorder{}
		c := dial(t, m, "udp://"+at.String(), r.handle)
		spin(t, m, 2)
		c.Write([]byte("last"))
		c.Write(nil)
		end(c)
		if spin(t, m, 2); !r.closed() {
			t.Errorf("%s: not closed", name)
		}
		want := 2
		if name == "close" {
			want = 0
		}
		if got := datagrams(t, p); len(got) != want {
			t.Errorf("%s: %q were sent", name, got)
		}
	}
}

// One handler's close ends the burst.
func TestCloseWithinABurst(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Close() }}}
	l := listen(t, m, "udp://127.0.0.1:0", r.handle)
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for range 3 {
		if err := unix.Sendto(p.fd, []byte("x"), 0, sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN READ CLOSE")
}
