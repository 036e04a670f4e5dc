package netconn_test

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// A peer that sends more than is read is not read any further, and one that does not read makes
// Write wait. The loop holds a bounded number of bytes meanwhile, and nothing is lost.
func TestBuffersAreBounded(t *testing.T) {
	const size = 8 << 20
	const read, write = 32 << 10, 48 << 10
	l := run(t)
	n, peer := l.wrap(&netconn.Options{ReadBuffer: read, WriteBuffer: write})
	defer n.Close()
	sent := pattern(size)
	var wg sync.WaitGroup
	for _, w := range []io.Writer{n, peer} {
		wg.Go(func() {
			_, err := w.Write(sent)
			must(t, err)
		})
	}
	paused := func() (paused bool) {
		l.do(func() {
			s := l.m.Stats()
			paused = s.Paused == 1 && s.Queued >= write
			if s.Queued > write || s.Held > read+64<<10 || s.Unread > 64<<10 {
				t.Errorf("%d bytes queued, %d held, %d unread", s.Queued, s.Held, s.Unread)
			}
		})
		return paused
	}
	for !paused() {
	}
	for _, r := range []io.Reader{peer, n} {
		wg.Go(func() {
			got := make([]byte, size)
			_, err := io.ReadFull(r, got)
			must(t, err)
			equal(t, "read", got, sent)
		})
	}
	wg.Wait()
	for held := 1; held > 0; { // the last Read has posted Resume
		l.do(func() {
			s := l.m.Stats()
			held = s.Held + s.Paused
		})
	}
}

// The bytes of one Write stay together, also if several goroutines write.
func TestWritesAreWhole(t *testing.T) {
	const writers, size = 8, 100 << 10
	l := run(t)
	n, peer := l.wrap(&netconn.Options{WriteBuffer: 1000})
	defer n.Close()
	for i := range writers {
		go func() {
			p := make([]byte, size)
			for k := range p {
				p[k] = byte(i)
			}
			n.Write(p)
		}()
	}
	got := make([]byte, writers*size)
	_, err := io.ReadFull(peer, got)
	must(t, err)
	for i, b := range got {
		if first := got[i/size*size]; b != first {
			t.Fatalf("byte %d is of writer %d, the first of its block of writer %d", i, b, first)
		}
	}
}

// A peer that has gone while nothing is read: Write reports it, although the end of the stream
// cannot be delivered yet.
func TestWriteFailsWhilePaused(t *testing.T) {
	l := run(t)
	n, peer := l.wrap(&netconn.Options{ReadBuffer: 1})
	defer n.Close()
	_, err := io.WriteString(peer, "not read")
	must(t, err)
	for paused := 0; paused == 0; {
		l.do(func() { paused = l.m.Stats().Paused })
	}
	peer.Close()
	for err == nil {
		_, err = n.Write(make([]byte, 1000))
	}
	got := make([]byte, 8)
	if _, err := io.ReadFull(n, got); err != nil || string(got) != "not read" {
		t.Errorf("read %q and %v", got, err)
	}
}

// A Write that waits returns when the peer has gone, although what the peer has sent is not read
// and the connection is paused. Then it is read, and the error follows.
func TestWaitingWriteFailsWhilePaused(t *testing.T) {
	l := run(t)
	ours, theirs := looptest.Socketpair(t)
	peer := looptest.NewSocket(t, theirs)
	var n *netconn.Conn
	l.do(func() {
		c, err := l.m.WrapFD(ours, nil, nil)
		must(t, err)
		n, err = netconn.New(c, &netconn.Options{ReadBuffer: 1})
		must(t, err)
	})
	defer n.Close()
	sent := 0
	for paused := 0; paused == 0 || sent < 100<<10; { // more than one read of the loop
		sent += peer.WriteSome(make([]byte, 10<<10))
		l.do(func() { paused = l.m.Stats().Paused })
	}
	ended := make(chan error)
	go func() {
		var err error
		for err == nil {
			_, err = n.Write(make([]byte, 1<<20))
		}
		ended <- err
	}()
	for full := 0; full < 50; { // Send and the socket are full, and Write waits
		l.do(func() {
			if full++; l.m.Stats().Queued < netconn.DefaultBuffer {
				full = 0
			}
		})
	}
	peer.Close()
	if err := <-ended; !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Write returned %v", err)
	}
	if got, err := io.ReadAll(n); len(got) != sent || !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes read, %v; %d were sent", len(got), err, sent)
	}
}

// The handler of the connection still gets the events.
func TestHandlerGetsEvents(t *testing.T) {
	l := run(t)
	events := make(chan reactor.Event, 100)
	var ln *netconn.Listener
	l.do(func() {
		c, err := l.m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if !c.IsListening() {
				events <- ev
			}
		}, nil)
		must(t, err)
		ln, err = netconn.NewListener(c, nil)
		must(t, err)
	})
	n, peer := l.accept(ln)
	peer.Close()
	io.ReadAll(n)
	n.Close()
	seen := map[reactor.Event]bool{}
	for !seen[reactor.EvClose] {
		seen[<-events] = true
	}
	for _, ev := range []reactor.Event{reactor.EvOpen, reactor.EvAccept, reactor.EvEnd} {
		if !seen[ev] {
			t.Errorf("no %v", ev)
		}
	}
}
