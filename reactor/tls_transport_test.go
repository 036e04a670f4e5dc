package reactor_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Much passes in both directions, with pauses and a peer that reads slowly. It arrives
// whole and in order.
func TestTLSBulk(t *testing.T) {
	const size = 2 << 20
	msg := noise(size)
	full := make(chan struct{}) // when the server has paused
	m := newManager(t)
	server := &recorder{}
	server.On = hooks{
		reactor.EvOpen:  func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) },
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.SetWater(64<<10, 256<<10) },
		reactor.EvRead:  sendBack,
		reactor.EvHighWater: func(c *reactor.Conn, _ any) {
			if c.Pause(); server.Count(reactor.EvHighWater) == 1 {
				close(full)
			}
		},
		reactor.EvLowWater: func(c *reactor.Conn, _ any) { c.Resume() },
	}
	_, raw := wrapSmall(t, m, server.Handle)
	defer raw.Close()
	client := tls.Client(raw, small(authority().Client(), tls.VersionTLS13))
	done := make(chan error, 2)
	var got bytes.Buffer
	go func() {
		if err := client.Handshake(); err != nil {
			done <- err
			done <- err
			return
		}
		go func() {
			_, err := client.Write(msg)
			done <- err
		}()
		<-full
		_, err := got.ReadFrom(&limited{client, size})
		done <- err
	}()
	for left := 2; left > 0; {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err, server.Errs)
			}
		default:
			m.Poll(0)
		}
	}
	if !bytes.Equal(got.Bytes(), msg) || server.Wrote != size {
		t.Errorf("%d bytes came back, EvWrite counted %d, want %d", got.Len(), server.Wrote, size)
	}
}

// limited ends after n bytes.
type limited struct {
	net.Conn
	n int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n == 0 {
		return 0, io.EOF
	}
	n, err := l.Conn.Read(p[:min(len(p), l.n)])
	l.n -= n
	return n, err
}

// What handlers write in a turn is encrypted in full records, 48 KB of them per system
// call.
func TestTLSRecordsPerWrite(t *testing.T) {
	const full, overhead = 16 << 10, 5 + 1 + 16
	cfg := serverConfig().Clone()
	cfg.DynamicRecordSizingDisabled = true
	m := newManager(t)
	var conn *reactor.Conn
	r := &recorder{On: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { conn = c }}}
	l, _ := tlsListen(t, m, cfg, r.Handle)
	h := openRecords(t, m, "server", looptest.DialSocket(t, l.LocalAddr()))
	await(t, m, "the handshake", r.Saw(reactor.EvTLSHS))
	for _, row := range []struct{ size, records, writes uint64 }{
		{1, 1, 1}, {full, 1, 1}, {full + 1, 2, 1}, {3 * full, 3, 1}, {3*full + 1, 4, 2}, {10 * full, 10, 4},
	} {
		before := m.Stats()
		for n := int(row.size); n > 0; n -= 1000 {
			conn.Write(make([]byte, min(n, 1000)))
		}
		all := h.until(int(row.size), 0)
		s := m.Stats()
		if writes, size := s.Writes-before.Writes, s.BytesOut-before.BytesOut; writes != row.writes || size != row.size+overhead*row.records {
			t.Errorf("%d bytes: %d system calls wrote %d bytes, want %d and %d", len(all.data), writes, size, row.writes, row.size+overhead*row.records)
		}
	}
}

// The limit of Recv counts plaintext, not ciphertext.
func TestTLSRecvLimit(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{
		reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.SetLimits(reactor.Limits{Recv: 1000}) },
		reactor.EvRead:  func(*reactor.Conn, any) {}, // leaves it there
	}}
	h := startRecords(t, m, "server", r.Handle)
	h.feed(times(1000, func() []byte { return h.data("x") }), 1<<20)
	if spin(t, m, 5); len(r.Errs) > 0 {
		t.Fatal(r.Errs)
	}
	h.feed(h.data("x"), 1<<20)
	await(t, m, "the end", r.Closed)
	var limit *reactor.LimitError
	if err := r.Err(t); !errors.As(err, &limit) || *limit != (reactor.LimitError{Buffer: "Recv", Size: 1001, Limit: 1000}) {
		t.Error(err)
	}
}

// Every byte of an incomplete record counts for the Idle deadline. If the peer does not
// read in time the Stall deadline ends the connection.
func TestTLSIdleAndStall(t *testing.T) {
	for _, row := range []struct {
		deadlines reactor.Deadlines
		write     int
		says      string
	}{
		{reactor.Deadlines{Idle: 5 * time.Second}, 0, "idle deadline of 5s"},
		{reactor.Deadlines{Stall: 5 * time.Second}, 4 << 20, "stall deadline of 5s"},
	} {
		clock := looptest.NewClock()
		m := newManager(t, reactor.WithClock(clock.Now), reactor.WithDeadlines(row.deadlines))
		r := &recorder{On: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.Write(make([]byte, row.write)) }}}
		h := wrapRecords(t, m, r.Handle)
		spin(t, m, 5)
		if row.write == 0 {
			for _, b := range h.data("slow")[:10] {
				clock.Advance(4 * time.Second)
				h.feed([]byte{b}, 1)
				spin(t, m, 2)
			}
		}
		if len(r.Errs) > 0 {
			t.Fatal(r.Errs)
		}
		clock.Advance(5 * time.Second)
		await(t, m, "the end", r.Closed)
		looptest.WantErr(t, r.Err(t), os.ErrDeadlineExceeded, row.says)
	}
}

// Limits and water marks count what the socket did not take, encrypted or not. The loop
// does not spin while bytes wait for the socket.
func TestTLSLimits(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		c.SetWater(1000, 1<<20)
		c.SetLimits(reactor.Limits{Send: 16 << 20, Recv: 10})
		c.Write(make([]byte, 8<<20))
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.Handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		return tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake()
	})
	p.run(-1, whole)
	await(t, m, "the mark", r.Saw(reactor.EvHighWater))
	spin(t, m, 20)
	writes := m.Stats().Writes
	spin(t, m, 20)
	if s := m.Stats(); s.Writes != writes || s.Queued < 1<<20 || s.Queued > 8<<20 {
		t.Errorf("%d writes, %d of them for nothing; %d bytes queued", s.Writes, s.Writes-writes, s.Queued)
	}
	for c := range m.Conns() {
		c.SetLimits(reactor.Limits{Send: 1 << 20})
	}
	await(t, m, "the end", r.Closed)
	var limit *reactor.LimitError
	if err := r.Err(t); !errors.As(err, &limit) || limit.Buffer != "Send" {
		t.Error(err)
	}
}
