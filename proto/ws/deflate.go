package ws

import (
	"compress/flate"
	"fmt"
	"io"
)

// Deflate says how a client offers permessage-deflate [RFC 7692], how a server accepts it,
// and how messages are compressed. The zero value has the defaults. A field without Peer
// in its name is about the messages that this side sends.
type Deflate struct {
	// Level is the compression level of compress/flate: 1 is fastest, 9 makes the smallest
	// messages, -2 uses Huffman codes only. Zero is level 2 with context takeover and level
	// 1 without. The reason: without context takeover each message begins a new stream, and
	// only level 1 begins a stream cheaply. But level 1 gains little from a context.
	Level int

	// Threshold is the size in bytes of the shortest message that is compressed. Zero is
	// DefaultDeflateThreshold. With a negative value all messages are compressed.
	Threshold int

	// WindowBits and PeerWindowBits say how far back a compressed message may refer: 8 to
	// 15 stand for 1<<8 to 1<<15 bytes. Zero is 15, which is 32 KiB [RFC 7692 7.1.2].
	// WindowBits is the maximum for messages that this side sends. PeerWindowBits is the
	// maximum that the peer is asked to use; it limits the memory for receiving.
	//
	// A server can limit a client's window only if the client's offer allows it. The
	// handshake of a client fails if the server agrees to compress but ignores
	// PeerWindowBits. A smaller window does not save memory for sending. Windows below 15
	// compress far worse.
	WindowBits, PeerWindowBits int

	// NoContextTakeover compresses each message independently, which needs no memory
	// between messages. PeerNoContextTakeover asks the peer to do the same
	// [RFC 7692 7.1.1].
	NoContextTakeover, PeerNoContextTakeover bool

	// MaxRatio limits how much a message may grow when it is inflated. A message that
	// becomes larger than 64 KiB and larger than MaxRatio times its size fails the
	// connection with StatusMessageTooBig. Zero means DefaultMaxRatio, which is checked
	// beyond 1 MiB only. A negative value means no limit. DEFLATE makes no message smaller
	// than 1/1032 of its size. So with the default a few kilobytes cannot become megabytes.
	MaxRatio int

	// Budget is how many bytes the contexts of all connections of a Manager may take. A
	// context is what one message leaves for the next. A context for receiving takes up to
	// 32 KiB, depending on the window. A context for sending takes 800 KiB, or 1180 KiB at
	// level 1, or what the Compressor of NewCompressor says. When the budget is used up, new
	// connections are negotiated without context takeover. Zero is DefaultDeflateBudget. A
	// negative value turns context takeover off.
	Budget int

	// NewCompressor makes the compressors. Nil uses compress/flate. NewCompressor of
	// proto/ws/klauspost takes half the time; it is in a module of its own. A compressor must
	// not refer back more than 1<<windowBits bytes. The level is Level, or its default.
	NewCompressor func(level, windowBits int) Compressor
}

// A Compressor writes a DEFLATE stream [RFC 1951]. *flate.Writer of compress/flate is one.
//
// A Compressor may also have a method Size() int, which returns how many bytes of heap it takes
// at most. Deflate.Budget counts that many for a context for sending. For a Compressor without
// the method, Budget counts what one of compress/flate takes. To know the size, a handshake may
// make a compressor, once for each Deflate and window. So use one Deflate for all connections.
type Compressor interface {
	// Write compresses p. It may buffer any part of the result.
	Write(p []byte) (int, error)
	// Flush writes out everything that is buffered, and an empty stored block, which ends
	// at a byte boundary [RFC 7692 7.2.1].
	Flush() error
	// Reset begins a new stream on w. The new stream refers to nothing that was compressed
	// before.
	Reset(w io.Writer)
}

// The defaults of Deflate. docs/performance.md has the measurements behind them.
const (
	DefaultDeflateThreshold = 256      // bytes
	DefaultDeflateBudget    = 64 << 20 // bytes
	DefaultMaxRatio         = 100      // times the compressed size
)

// These constants are the inflated sizes in bytes up to which MaxRatio and its default are not
// checked. Text that repeats itself compresses far better than 1 to 100, and is harmless while it
// is small.
const (
	ratioThreshold        = 64 << 10
	defaultRatioThreshold = 1 << 20
)

// ratio returns the limit of the ratio, and the inflated size in bytes up to which it is not
// checked. A ratio of 0 means no limit.
func (d *Deflate) ratio() (ratio, free int) {
	switch {
	case d.MaxRatio < 0:
		return 0, 0
	case d.MaxRatio == 0:
		return DefaultMaxRatio, defaultRatioThreshold
	}
	return d.MaxRatio, ratioThreshold
}

// minWindow and maxWindow are the smallest and the largest number of window bits
// [RFC 7692 7.1.2].
const (
	minWindow = 8
	maxWindow = 15
)

// validate returns an error for values that are out of range.
func (d *Deflate) validate() error {
	for _, bits := range []int{d.WindowBits, d.PeerWindowBits} {
		if bits != 0 && (bits < minWindow || bits > maxWindow) {
			return fmt.Errorf("ws: invalid window bits %d in Deflate: want 8 to 15, or 0", bits)
		}
	}
	if d.Level < -2 || d.Level > 9 {
		return fmt.Errorf("ws: invalid compression level %d in Deflate: want -2 to 9", d.Level)
	}
	return nil
}

func valueOrDefault(v, preset int) int {
	if v == 0 {
		return preset
	}
	return v
}

// longEnough reports whether a message of n bytes is long enough to be compressed.
func (d *Deflate) longEnough(n int) bool {
	return n >= valueOrDefault(d.Threshold, DefaultDeflateThreshold)
}

// budgetLeft returns how many bytes of the budget are left after spent bytes. It is negative if
// more was spent.
func (d *Deflate) budgetLeft(spent int) int {
	return max(valueOrDefault(d.Budget, DefaultDeflateBudget), 0) - spent
}

// level returns the compression level for messages. For a window of 256 bytes it is
// HuffmanOnly, which makes no references. In such a window references gain little, and the
// deflater would have to end a block before every 256 bytes: see deflater.
func (d *Deflate) level(bits uint8, takeover bool) int {
	switch {
	case bits == minWindow && d.NewCompressor == nil:
		return flate.HuffmanOnly
	case d.Level != 0:
		return d.Level
	case takeover:
		return 2
	}
	return flate.BestSpeed
}

// deflateParams is what the two sides of a connection agreed. It is zero if they agreed
// not to compress.
type deflateParams struct {
	sendBits, recvBits         uint8 // window bits
	sendTakeover, recvTakeover bool  // context takeover: a message may refer to earlier ones
}

// enabled reports whether messages may be compressed.
func (p deflateParams) enabled() bool { return p.sendBits != 0 }

// requestedParams returns what the options ask for, without the limits of the peer and the budget.
func (d *Deflate) requestedParams() deflateParams {
	return deflateParams{
		sendBits:     uint8(valueOrDefault(d.WindowBits, maxWindow)),
		recvBits:     uint8(valueOrDefault(d.PeerWindowBits, maxWindow)),
		sendTakeover: !d.NoContextTakeover,
		recvTakeover: !d.PeerNoContextTakeover,
	}
}

// withinBudget turns off context takeover for a direction if its context does not fit into
// budget bytes. The context for receiving, which is small, is counted first. Context takeover
// for sending is also turned off if the level does not use it.
func (d *Deflate) withinBudget(p deflateParams, pool *flatePool, budget int) deflateParams {
	if p.recvTakeover = p.recvTakeover && budget >= inflateWindowCost(p.recvBits); p.recvTakeover {
		budget -= inflateWindowCost(p.recvBits)
	}
	p.sendTakeover = p.sendTakeover && d.level(p.sendBits, true) != flate.HuffmanOnly &&
		budget > 0 && budget >= pool.deflateCost(d, p.sendBits)
	return p
}

// contextCost returns how many bytes the contexts of a connection take.
func (d *Deflate) contextCost(p deflateParams, pool *flatePool) (n int) {
	if p.recvTakeover {
		n += inflateWindowCost(p.recvBits)
	}
	if p.sendTakeover {
		n += pool.deflateCost(d, p.sendBits)
	}
	return n
}
