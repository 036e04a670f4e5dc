package ws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A flood is as many frames as one read brings, each answered with a message that is
// hundreds of times larger: more in all than the sockets hold.
const (
	floodBytes  = 65000
	floodAnswer = 10000
	lowMark     = 128 << 10
	highMark    = 256 << 10
)

// floods are what a peer sends: one write.
var floods = []struct {
	name     string
	delivery ws.Delivery
	deflate  bool
	pieces   bool // each piece is answered, not only the last of a message
	frames   func(e *end) string
}{
	{name: "messages", frames: small},
	{name: "messages in Frames", delivery: ws.Frames, frames: small},
	{name: "messages in Chunks", delivery: ws.Chunks, frames: small},
	{name: "fragments", frames: fragments},
	{name: "fragments in Frames", delivery: ws.Frames, pieces: true, frames: fragments},
	{name: "fragments in Chunks", delivery: ws.Chunks, pieces: true, frames: fragments},
	{name: "between pings", frames: func(e *end) string { return e.frame(fin|ping, "p") + small(e) }},
	{name: "compressed", deflate: true, frames: compressed},
	{name: "compressed in Frames", deflate: true, delivery: ws.Frames, frames: compressed},
	{name: "compressed in Chunks", deflate: true, delivery: ws.Chunks, frames: compressed},
	{name: "one that inflates, in Frames", deflate: true, delivery: ws.Frames, pieces: true, frames: inflating},
	{name: "one that inflates, in Chunks", deflate: true, delivery: ws.Chunks, pieces: true, frames: inflating},
}

func small(e *end) string { return e.frame(fin|text, "a small message") }

func fragments(e *end) string {
	return e.frame(text, "in three") + e.frame(cont, "") + e.frame(fin|cont, "x")
}

func compressed(e *end) string { return e.frame(fin|rsv1|text, deflated("a small message")) }

// inflating is one message of some 10 KB which comes to 10 MiB.
func inflating(e *end) string {
	return e.frame(fin|rsv1|bin, deflated(strings.Repeat("\x00", 10<<20)))
}

// flooded answers a flood.
type flooded struct {
	*end
	bound    int // of bytes that may wait when a message is delivered
	pieces   bool
	rest     string
	answered int
	messages int // that have ended
	early    int // pieces that were delivered while more than bound waited
	peak     int // bytes in Send, at the most
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

// eachFlood lets the server answer as much as it will while the peer reads nothing, then
// reads it all.
func eachFlood(t *testing.T, bound int, prepare func(c *reactor.Conn)) {
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			o, ext := &ws.Options{Delivery: row.delivery}, ""
			if row.deflate {
				o.Deflate, ext = &ws.Deflate{Threshold: 1 << 30}, pmd // answers are not compressed
			}
			w := newWorld(t)
			f := &flooded{bound: bound, pieces: row.pieces, rest: strings.Repeat("x", floodAnswer-6)}
			f.end = w.openWith(asServer, o, ext, f.handle)
			f.c.Fn = f.handle // the recorder would keep everything
			prepare(f.c)
			one := row.frames(f.end)
			times := max(1, floodBytes/len(one))
			f.p.write(strings.Repeat(one, times))
			f.check(times)
		})
	}
}

func (f *flooded) check(messages int) {
	f.Helper()
	looptest.Await(f, f.m, "the first answer", func() bool { return f.answered > 0 })
	looptest.Spin(f, f.m, 50)
	if f.messages >= messages {
		f.Errorf("all of %d messages were delivered before the peer has read", messages)
	}
	got := looptest.NewSeries(func(i int) []byte {
		return []byte(build(fin|bin, false, -1, fmt.Sprintf("%06d", i)+f.rest))
	})
	looptest.Progress(f, f.m, "answers", func() (int, bool) {
		f.read(got)
		if f.failed != nil || got.Err() != nil || f.p.eof {
			f.Fatalf("failed: %v, answers: %v", f.failed, got.Err())
		}
		return got.Len() + f.messages, f.messages == messages && got.Len() == f.answered
	})
	if f.early > 0 {
		f.Errorf("%d messages were delivered while more than %d bytes waited", f.early, f.bound)
	}
	if one := 4 + floodAnswer; f.peak > f.bound+one || f.peak <= f.bound {
		f.Errorf("%d bytes waited at the most, want more than %d and no more than one answer on top", f.peak, f.bound)
	}
	spin(f, f.m)
	if n := f.c.Send.Len(); n > 0 {
		f.Errorf("%d bytes are left in Send", n)
	}
}

// read takes what has come to the peer, without the pongs among it.
func (f *flooded) read(got *looptest.Series) {
	f.p.pump()
	const aPong = "\x8a\x01p"
	for in := f.p.in; ; {
		for strings.HasPrefix(string(in[:min(len(in), len(aPong))]), aPong) {
			in = in[len(aPong):]
		}
		if len(in) < 4+floodAnswer {
			f.p.in = append(f.p.in[:0], in...)
			return
		}
		got.Write(in[:4+floodAnswer])
		in = in[4+floodAnswer:]
	}
}

// A program that pauses at the high-water mark and resumes at the low one bounds its
// memory, however many messages one read brings: the mark is looked at behind each.
func TestFloodWithWaterMarks(t *testing.T) {
	eachFlood(t, highMark, func(c *reactor.Conn) {
		c.SetWater(lowMark, highMark)
		must(t, c.SetLimits(reactor.Limits{Send: 1 << 20}))
	})
}

// A program that sets nothing does so as well.
func TestFloodWithoutSettings(t *testing.T) {
	eachFlood(t, reactor.DefaultUnsent, func(*reactor.Conn) {})
}
