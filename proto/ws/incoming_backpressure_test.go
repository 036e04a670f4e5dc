package ws_test

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A flood is as many frames as one read returns. All answers together are longer than the
// frames by a factor of 20 or more, and more than Send and the two sockets hold.
const (
	floodBytes = 65000
	lowMark    = 128 << 10
	highMark   = 256 << 10
	inSockets  = 1 << 20 // more than both have room for
)

// floods are what a peer sends in one write.
var floods = []struct {
	name     string
	delivery ws.Delivery
	deflate  bool
	times    int // how often frames are sent; 0: as often as they fit into floodBytes
	pieces   int // number of pieces of each message that are answered; 0: only the last
	frames   func(tc *testConn) string
}{
	{name: "messages", frames: small},
	{name: "messages in Frames", delivery: ws.Frames, frames: small},
	{name: "messages in Chunks", delivery: ws.Chunks, frames: small},
	{name: "fragments", frames: fragments},
	{name: "fragments in Frames", delivery: ws.Frames, pieces: 3, frames: fragments},
	{name: "fragments in Chunks", delivery: ws.Chunks, pieces: 3, frames: fragments},
	{name: "between pings", frames: func(tc *testConn) string { return tc.frame(fin|ping, "p") + small(tc) }},
	{name: "compressed", deflate: true, frames: compressed},
	{name: "compressed in Frames", deflate: true, delivery: ws.Frames, frames: compressed},
	{name: "compressed in Chunks", deflate: true, delivery: ws.Chunks, frames: compressed},
	{name: "one that inflates, in Frames", deflate: true, delivery: ws.Frames, times: 2, pieces: 64, frames: inflating},
	{name: "one that inflates, in Chunks", deflate: true, delivery: ws.Chunks, times: 2, pieces: 64, frames: inflating},
}

func small(tc *testConn) string { return tc.frame(fin|text, "a small message") }

func fragments(tc *testConn) string {
	return tc.frame(text, "in three") + tc.frame(cont, "") + tc.frame(fin|cont, "x")
}

func compressed(tc *testConn) string { return tc.frame(fin|rsv1|text, deflated("a small message")) }

// inflating is one message of some 1 KB that inflates to 1 MiB: 64 pieces of 16 KiB.
func inflating(tc *testConn) string { return tc.frame(fin|rsv1|bin, oneMiB()) }

var oneMiB = sync.OnceValue(func() string { return deflated(strings.Repeat("\x00", 1<<20)) })

// flooded is a server that answers a flood.
type flooded struct {
	*testConn
	bound    int // number of bytes that may wait in Send when a message is delivered
	pieces   bool
	rest     string // of an answer, behind its number
	answered int
	messages int // whose last piece was delivered
	early    int // pieces that were delivered while more than bound waited
	peak     int // the largest number of bytes in Send
	failed   error
}

func (f *flooded) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvWSMsg:
		fin := data.(*ws.Message).Fin
		if fin {
			f.messages++
		}
		if c.Send.Len() > f.bound {
			f.early++
		}
		if fin || f.pieces {
			must(f, ws.Send(c, fmt.Appendf(nil, "%06d%s", f.answered, f.rest), ws.OpBinary))
			f.answered++
		}
		f.peak = max(f.peak, c.Send.Len())
	case reactor.EvHighWater:
		c.Pause()
	case reactor.EvLowWater:
		c.Resume()
	case reactor.EvError:
		f.failed = data.(error)
	}
}

// eachFlood lets the server answer while the peer reads nothing. Then the peer reads everything.
func eachFlood(t *testing.T, bound int, prepare func(c *reactor.Conn)) {
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			o, ext := &ws.Options{Delivery: row.delivery}, ""
			if row.deflate {
				o.Deflate, ext = &ws.Deflate{Threshold: 1 << 30}, pmd // answers are not compressed
			}
			env := newEnv(t)
			f := &flooded{bound: bound, pieces: row.pieces > 0}
			f.testConn = env.openWith(asServer, o, ext, f.handle)
			f.conn.Fn = f.handle // the recorder would keep everything
			prepare(f.conn)
			f.narrowBuffers()
			one := row.frames(f.testConn)
			times := cmp.Or(row.times, floodBytes/len(one))
			f.rest = strings.Repeat("x", (bound+inSockets)/(times*max(1, row.pieces))+1)
			f.peer.WriteString(strings.Repeat(one, times))
			f.check(times)
		})
	}
}

func (f *flooded) check(messages int) {
	f.Helper()
	looptest.Await(f, f.manager, "the first answer", func() bool { return f.answered > 0 })
	looptest.Spin(f, f.manager, 50)
	if f.messages >= messages {
		f.Errorf("all of %d messages were delivered before the peer has read", messages)
	}
	got := looptest.NewSeries(func(i int) []byte {
		return []byte(buildFrame(fin|bin, false, -1, fmt.Sprintf("%06d", i)+f.rest))
	})
	looptest.Progress(f, f.manager, "answers", func() (int, bool) {
		f.read(got)
		if f.failed != nil || got.Err() != nil || f.peer.Ended() {
			f.Fatalf("failed: %v, answers: %v", f.failed, got.Err())
		}
		return got.Len() + f.messages, f.messages == messages && got.Len() == f.answered
	})
	if f.early > 0 {
		f.Errorf("%d messages were delivered while more than %d bytes waited", f.early, f.bound)
	}
	if one := len(f.rest) + 10; f.peak > f.bound+one || f.peak <= f.bound {
		f.Errorf("%d bytes waited at the most, want more than %d and no more than one answer on top", f.peak, f.bound)
	}
	spin(f, f.manager)
	if n := f.conn.Send.Len(); n > 0 {
		f.Errorf("%d bytes are left in Send", n)
	}
}

// read takes the answers that have arrived at the peer, without the pongs between them.
func (f *flooded) read(got *looptest.Series) {
	f.peer.Receive()
	const aPong = "\x8a\x01p"
	for in := f.peer.In; ; {
		for strings.HasPrefix(string(in[:min(len(in), len(aPong))]), aPong) {
			in = in[len(aPong):]
		}
		one := len(f.rest) + 10
		if len(in) < one {
			f.peer.In = append(f.peer.In[:0], in...)
			return
		}
		got.Write(in[:one])
		in = in[one:]
	}
}

// TestFloodWithWaterMarks: a program that pauses at the high-water mark and resumes at the low one
// limits its memory, even if one read returns many messages. The mark is checked after each one.
func TestFloodWithWaterMarks(t *testing.T) {
	eachFlood(t, highMark, func(c *reactor.Conn) {
		c.SetWater(lowMark, highMark)
		must(t, c.SetLimits(reactor.Limits{Send: 1 << 20}))
	})
}

// TestFloodWithoutSettings: the default limit of backpressure does the same.
func TestFloodWithoutSettings(t *testing.T) {
	eachFlood(t, reactor.DefaultMaxBackpressure, func(*reactor.Conn) {})
}
