package reactor_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Several connections wait for their sockets at the same time. They encrypt into one
// buffer, but their ciphertext stays separate.
func TestTLSManyWaitForSockets(t *testing.T) {
	const conns, size = 5, 512 << 10
	m := newManager(t)
	var hands []*recordPeer
	for i := range conns {
		msg := bytes.Repeat([]byte{byte(i)}, size)
		r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Reset()
			c.Write(msg)
		}}}
		hands = append(hands, wrapRecords(t, m, r.Handle))
	}
	for _, h := range hands {
		h.feed(h.data("go"), 1<<20)
	}
	var got [conns]int
	for got[conns-1] < size { // a piece of each in turn
		for i, h := range hands {
			all := h.until(min(size-got[i], size/8), 0)
			if got[i] += len(all.data); !bytes.Equal(all.data, bytes.Repeat([]byte{byte(i)}, len(all.data))) {
				t.Fatalf("connection %d has heard something else", i)
			}
		}
	}
}

// One turn encrypts and writes a megabyte of one connection at most. Then the loop
// continues with the others.
func TestTLSWritesOneMegabytePerTurn(t *testing.T) {
	m := newManager(t)
	const total = 4 << 20
	most, wrote := 0, 0
	var conn *reactor.Conn
	l, _ := tlsListen(t, m, serverConfig(), func(c *reactor.Conn, ev reactor.Event, data any) {
		switch conn = c; ev {
		case reactor.EvWrite:
			most = max(most, *data.(*int))
			wrote += *data.(*int)
		}
	})
	h := openRecords(t, m, "server", looptest.DialSocket(t, l.LocalAddr()))
	await(t, m, "the handshake", func() bool { return conn != nil && conn.TLS() != nil })
	conn.Write(make([]byte, total))
	h.until(total, 0)
	if most > 1<<20+48<<10 || wrote != total {
		t.Errorf("EvWrite counted up to %d bytes, %d in all", most, wrote)
	}
}

// Sending the rest of a write is progress for the Stall deadline, even if nothing new is
// encrypted meanwhile.
func TestTLSStallCountsProgress(t *testing.T) {
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now), reactor.WithDeadlines(reactor.Deadlines{Stall: 5 * time.Second}))
	r := &recorder{}
	conn, p := wrapNarrow(t, m, r.Handle)
	conn.StartTLS(serverConfig())
	h := openRecords(t, m, "server", p)
	conn.Write(make([]byte, 40_000)) // less than is encrypted at once
	for n := 0; n < 40_000; {
		spin(t, m, 2)
		n += len(h.until(1, 0).data)
		clock.Advance(4 * time.Second)
		if spin(t, m, 2); len(r.Errs) > 0 {
			t.Fatalf("after %d bytes: %v", n, r.Errs)
		}
	}
}

// The peers of several connections do not read. Each connection stops in the middle of a
// record. Their ciphertext stays separate.
func TestTLSStalledTogether(t *testing.T) {
	const peers, size = 3, 256 << 10
	m := newManager(t)
	all := &recorder{}
	all.On = hooks{
		reactor.EvOpen: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
			c.Write(bytes.Repeat([]byte{byte(c.ID())}, size))
			c.Drain()
		},
	}
	shaken, read := make(chan error, peers), make(chan struct{})
	done := make(chan error, peers)
	for range peers {
		_, raw := wrapSmall(t, m, all.Handle)
		go func() {
			c := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
			shaken <- c.Handshake()
			<-read
			got, err := io.ReadAll(c)
			if err == nil && (len(got) != size || !bytes.Equal(got, bytes.Repeat(got[:1], size))) {
				err = fmt.Errorf("%d bytes, or not all the same", len(got))
			}
			done <- err
			raw.Close()
		}()
	}
	await(t, m, "the handshakes", func() bool { return all.Count(reactor.EvTLSHS) == peers })
	for range peers {
		if err := <-shaken; err != nil {
			t.Error(err)
		}
	}
	spin(t, m, 20)
	if m.Stats().Queued == 0 {
		t.Error("no socket is full")
	}
	close(read)
	await(t, m, "the end", func() bool { return all.Count(reactor.EvClose) == peers })
	for range peers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// wrapSmall makes a connection of one end of a socketpair that takes little at a time. It
// returns both ends.
func wrapSmall(t *testing.T, m *reactor.Manager, fn reactor.Handler) (fd int, peer net.Conn) {
	t.Helper()
	a, b := looptest.Socketpair(t)
	looptest.Must(t, unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 20_000))
	if _, err := m.WrapFD(a, fn, nil); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(b), "")
	defer file.Close()
	raw, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return a, raw
}

// Drain waits for a peer that reads slowly. The peer gets all that was written, then
// close_notify, then the end of the stream.
func TestTLSDrainToSlowReader(t *testing.T) {
	msg := noise(1 << 20)
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset() // or it is delivered again when less than Limits.Backpressure waits
				c.Write(msg)
				c.Drain()
			}}}
			h := startRecords(t, m, role, r.Handle)
			h.feed(h.data("go"), 1<<20)
			spin(t, m, 20)
			all := h.until(len(msg), 0)
			if r.Closed() {
				t.Error("closed before the peer has ended")
			}
			end := h.until(-1, 0)
			if !bytes.Equal(all.data, msg) || len(end.data) > 0 || !end.alerted || end.alert != closeNotify || h.Err != nil {
				t.Errorf("the peer got %d bytes and %+v, %v", len(all.data), end, h.Err)
			}
			h.Write(join(h.data("too late"), h.alert(1, closeNotify)))
			h.Shutdown()
			if await(t, m, "the end", r.Closed); len(r.Errs) > 0 || r.Wrote != len(msg) {
				t.Errorf("EvWrite counted %d bytes, errors %v", r.Wrote, r.Errs)
			}
		})
	}
}
