package reactor_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// In its steady state the loop allocates nothing. The peers are bare sockets
// with buffers of their own; what is counted is the reactor's alone.

func wantNoAllocs(t *testing.T, run func()) {
	t.Helper()
	looptest.WantNoAllocs(t, "a turn", run)
}

func poll(t *testing.T, m *reactor.Manager) {
	if err := m.Poll(0); err != nil {
		t.Fatal(err)
	}
}

// exchange writes p to the peer's socket and reads the same number of bytes
// back into p, polling meanwhile.
func exchange(t *testing.T, m *reactor.Manager, fd int, p []byte) {
	if n, err := unix.Write(fd, p); err != nil || n != len(p) {
		t.Fatalf("wrote %d: %v", n, err)
	}
	for got, i := 0, 0; got < len(p); i++ {
		if i > turns {
			t.Fatalf("%d of %d bytes came back", got, len(p))
		}
		poll(t, m)
		if n, err := unix.Read(fd, p[got:]); err == nil {
			got += n
		} else if err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
}

func TestEchoDoesNotAllocate(t *testing.T) {
	for name, size := range map[string]int{"small": 64, "page": 4096, "large": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			_, p := wrap(t, m, echo)
			buf := bytes.Repeat([]byte("e"), size)
			wantNoAllocs(t, func() { exchange(t, m, p.fd, buf) })
		})
		t.Run("tcp "+name, func(t *testing.T) {
			m := newManager(t)
			l := listen(t, m, "tcp://127.0.0.1:0", echo)
			p := dialRaw(t, l.LocalAddr())
			spin(t, m, 3)
			buf := bytes.Repeat([]byte("e"), size)
			wantNoAllocs(t, func() { exchange(t, m, p.fd, buf) })
		})
	}
}

// Messages that come in pieces, with a rest in Recv between them, do not either.
func TestSplitMessagesDoNotAllocate(t *testing.T) {
	m := newManager(t)
	const size = 1000
	seen := 0
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			for c.Recv.Len() >= size {
				seen++
				c.Recv.Consume(size)
			}
		}
	})
	piece := make([]byte, size*3/5)
	wantNoAllocs(t, func() {
		before := seen
		for seen < before+3 {
			if _, err := unix.Write(p.fd, piece); err != nil {
				t.Fatal(err)
			}
			poll(t, m)
		}
	})
}

func TestDatagramsDoNotAllocate(t *testing.T) {
	m := newManager(t)
	l := listen(t, m, "udp://127.0.0.1:0", echo)
	p := newPeer(t, open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
	if err := unix.Connect(p.fd, sockaddr(l.LocalAddr())); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 512)
	wantNoAllocs(t, func() { exchange(t, m, p.fd, buf) })
}

func TestTimersDoNotAllocate(t *testing.T) {
	m, k := timed(t)
	fired := 0
	for i := range 20 {
		m.AddTimer(time.Duration(i+1)*time.Millisecond, reactor.TimerRepeat, func() { fired++ })
	}
	wantNoAllocs(t, func() {
		k.advance(20 * time.Millisecond)
		poll(t, m)
	})
	if fired < 200*20 {
		t.Errorf("fired %d times", fired)
	}
}

func TestWakeupsDoNotAllocate(t *testing.T) {
	m := newManager(t)
	woken := 0
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			woken += len(*data.(*[]byte))
		}
	})
	id, data, fn := c.ID(), []byte("wake up"), func() { woken++ }
	wantNoAllocs(t, func() {
		for range 10 {
			m.Wakeup(id, data)
			m.Post(fn)
		}
		poll(t, m)
	})
	if woken < 200*10*8 {
		t.Errorf("%d bytes and posts came", woken)
	}
}

func TestEvPollAndResumeDoNotAllocate(t *testing.T) {
	m := newManager(t)
	polls, reads := 0, 0
	c, p := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvPoll:
			polls++
		case reactor.EvRead:
			reads++
		}
	})
	c.SetPoll(true)
	p.write("a rest")
	spin(t, m, 2)
	wantNoAllocs(t, func() {
		c.Pause()
		poll(t, m)
		c.Resume()
		poll(t, m)
	})
	if polls < 400 || reads < 200 {
		t.Errorf("%d EvPoll, %d EvRead", polls, reads)
	}
}

// A blocked writer and a slow reader: Send grows and shrinks within what the
// pool lends.
func TestPartialWritesDoNotAllocate(t *testing.T) {
	m := newManager(t)
	c, p := wrap(t, m, nil)
	chunk, in := make([]byte, 300<<10), make([]byte, 300<<10)
	wantNoAllocs(t, func() {
		c.Send.Append(chunk)
		for got, i := 0, 0; got < len(chunk); i++ {
			if i > turns {
				t.Fatalf("%d of %d bytes", got, len(chunk))
			}
			poll(t, m)
			if n, err := unix.Read(p.fd, in); err == nil {
				got += n
			}
		}
	})
}
