package relay

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// The number of bytes that go through the proxy, and the size of the portions in which the
// reader takes them. It takes a portion only after the proxy has stopped reading from the
// sender. Therefore the reader is slower than the sender on every machine.
const (
	total   = 64 << 20
	portion = 256 << 10
)

// maxQueued is the most bytes that may wait in the proxy: the high-water mark, and the one read
// that exceeds it. maxHeap is how far the whole heap may grow, with garbage and the buffers of
// the test.
const (
	maxQueued = high + 64<<10
	maxHeap   = 4*portion + 8<<20
)

// A fast sender and a slow reader: the bytes that wait in the proxy are bounded.
func TestBulkToSlowReader(t *testing.T) {
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	l, err := defaults(t, "-listen", "tcp://127.0.0.1:0", "-to", "tcp://"+target.Addr().String()).forward(m)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	base := heapBytes()

	sender := goBulk(t, func() (hash.Hash, error) { return send(l.LocalAddr().String()) })
	waiting, grant := false, make(chan struct{}, 1)
	reader := goBulk(t, func() (hash.Hash, error) {
		return receive(target, func() {
			m.Post(func() { waiting = true })
			<-grant
		})
	})
	var peakQueued int
	var peakHeap uint64
	var got *bulk
	grants := 0
	for turn := 0; got == nil; turn++ {
		s := m.Stats()
		peakQueued = max(peakQueued, s.Queued+s.Unread)
		if turn%64 == 0 {
			peakHeap = max(peakHeap, heapBytes())
		}
		if waiting && (s.Paused > 0 || s.BytesIn == total) {
			waiting = false
			grants++
			grant <- struct{}{}
		}
		if err := m.Poll(50 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-reader:
		default:
		}
	}
	m.Close() // or the sender could wait without limit
	sent := <-sender
	if sent.err != nil || got.err != nil || sent.sum == nil || !bytes.Equal(sent.sum, got.sum) {
		t.Errorf("sent %x (%v), received %x (%v)", sent.sum, sent.err, got.sum, got.err)
	}
	s := m.Stats()
	t.Logf("%d MB in, %d MB out, %d pauses, %d portions; %d KB queued at most, heap %d KB at its peak, %d KB before",
		s.BytesIn>>20, s.BytesOut>>20, s.Pauses, grants, peakQueued>>10, peakHeap>>10, base>>10)
	if s.BytesIn != total || s.BytesOut != total {
		t.Errorf("%d bytes in, %d out, want %d", s.BytesIn, s.BytesOut, total)
	}
	if peakQueued > maxQueued || peakQueued <= high {
		t.Errorf("%d bytes queued at most, want more than the mark of %d and no more than %d", peakQueued, high, maxQueued)
	}
	if peakHeap > base+maxHeap && !raceEnabled {
		t.Errorf("the heap grew from %d to %d bytes", base, peakHeap)
	}
	if s.Pauses < 4 { // the sockets hold a few megabytes at most
		t.Errorf("only %d pauses: the reader was not slow", s.Pauses)
	}
}

// bulk is the result of the sender or the reader.
type bulk struct {
	sum []byte // SHA-256 of all bytes
	err error
}

func goBulk(t *testing.T, end func() (hash.Hash, error)) <-chan *bulk {
	t.Helper()
	c := make(chan *bulk, 1)
	go func() {
		h, err := end()
		b := &bulk{err: err}
		if err == nil {
			b.sum = h.Sum(nil)
		}
		c <- b
	}()
	return c
}

// send sends random bytes as fast as the socket takes them.
func send(addr string) (hash.Hash, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	h, buf, seed := sha256.New(), make([]byte, portion), rand.NewChaCha8([32]byte{1})
	seed.Read(buf)
	for range total / portion {
		seed.Read(buf[:8]) // so that no two portions are equal
		h.Write(buf)
		if _, err := c.Write(buf); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// receive calls ask before it reads each portion, and reads to the end of the stream.
func receive(l net.Listener, ask func()) (hash.Hash, error) {
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	h, buf := sha256.New(), make([]byte, portion)
	for {
		ask()
		n, err := io.ReadFull(c, buf)
		h.Write(buf[:n])
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return h, nil
		default:
			return nil, err
		}
	}
}

func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
