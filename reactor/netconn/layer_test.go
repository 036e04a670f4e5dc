package netconn_test

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

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
// and the connection is paused. Then it is read, and the error follows. The size of the buffer for
// writing does not matter.
func TestWaitingWriteFailsWhilePaused(t *testing.T) {
	for _, size := range []int{1, 2, netconn.DefaultBuffer} {
		testWaitingWriteFails(t, size)
	}
}

func testWaitingWriteFails(t *testing.T, size int) {
	l := run(t)
	ours, theirs := looptest.Socketpair(t)
	peer := looptest.NewSocket(t, theirs)
	var n *netconn.Conn
	l.do(func() {
		c, err := l.m.WrapFD(ours, nil, nil)
		must(t, err)
		n, err = netconn.New(c, &netconn.Options{ReadBuffer: 1, WriteBuffer: size})
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
			if full++; l.m.Stats().Queued < size {
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

// held waits until the bytes that count towards the memory budget are in a range.
func (l *loop) held(what string, least, most int) {
	l.t.Helper()
	for got, i := -1, 0; got < least || got > most; i++ {
		l.do(func() { got = l.m.Stats().Held })
		if i == 100000 {
			l.t.Fatalf("%s: %d bytes held, want %d to %d", what, got, least, most)
		}
		runtime.Gosched()
	}
}

// What nobody has read counts towards the memory budget: before Accept, without a call of Read, and
// also far below the limit of the buffer. Read and Close release it.
func TestUnreadBytesCount(t *testing.T) {
	l := run(t)
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	for _, ends := range []string{"read", "closed", "listener closed"} {
		peer, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		defer peer.Close()
		_, err = peer.Write(make([]byte, 20000))
		must(t, err)
		l.held("nobody has accepted", 20000, 60000)
		if ends == "listener closed" {
			must(t, ln.Close())
			l.held(ends, 0, 0)
			return
		}
		n, err := ln.Accept()
		must(t, err)
		_, err = io.ReadFull(n, make([]byte, 10))
		must(t, err)
		l.held("little is read", 19990, 60000)
		if ends == "read" {
			_, err = io.ReadFull(n, make([]byte, 20000-10))
			must(t, err)
			l.held("all is read", 0, 0)
			go peer.Write(make([]byte, 20000))
			_, err = n.Read(make([]byte, 10)) // it may wait, and leaves the rest
			must(t, err)
			l.held("a part is read", 100, 60000)
			_, err = io.ReadFull(n, make([]byte, 20000-10))
			must(t, err)
			l.held("all is read again", 0, 0)
			_, err = peer.Write(make([]byte, 100))
			must(t, err)
			l.held("nobody reads", 100, 60000)
			must(t, n.SetReadDeadline(time.Now()))
			if _, err := n.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Read returned %v", err)
			}
			l.held("the deadline has passed", 100, 60000)
		}
		must(t, n.Close())
		l.held(ends, 0, 0)
	}
}

// A Conn that exceeds the memory budget fails, and what was not read is released at once.
func TestMemoryBudget(t *testing.T) {
	l := run(t, reactor.WithMemoryBudget(10<<10))
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	n, peer := l.accept(ln)
	_, err := peer.Write(make([]byte, 100))
	must(t, err)
	for conns := 1; conns > 0; {
		l.do(func() { conns = l.m.Stats().Conns })
	}
	if got, err := io.ReadAll(n); len(got) > 0 || !errors.Is(err, reactor.ErrMemoryBudget) {
		t.Errorf("%d bytes and %v", len(got), err)
	}
	must(t, n.Close())
	l.held("closed", 0, 0)
}
