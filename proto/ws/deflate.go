package ws

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// Deflate says how permessage-deflate [RFC 7692] is offered by a client or
// accepted by a server, and how messages are compressed. The zero value has the
// defaults. Sending is this side's, receiving the peer's.
type Deflate struct {
	// Level is compress/flate's: 1 is fastest and 9 smallest, -2 is Huffman codes
	// only. 0 is 2 with context takeover and 1 without, where each message begins
	// anew: that is cheap at level 1 only, which in turn makes little of a
	// context.
	Level int

	// Threshold is the size in bytes of the shortest message that is
	// compressed; 0 is DefaultDeflateThreshold, negative: none is too short.
	Threshold int

	// WindowBits and PeerWindowBits are the base-2 logarithms, 8 to 15, of how
	// many bytes back a compressed message may refer: the most that is used for
	// sending, and the most that the peer is asked to use, which bounds the
	// memory for receiving. 0 is 15, which is 32 KiB [RFC 7692 7.1.2]. A server
	// can ask only clients that say they can be asked; a client's handshake fails if
	// the server agrees to compress and not to what it was asked. The memory for sending
	// does not shrink with the window, and windows below 15 compress far worse.
	WindowBits, PeerWindowBits int

	// NoContextTakeover compresses each message by itself, which needs no
	// memory between messages; PeerNoContextTakeover asks the same of the peer
	// [RFC 7692 7.1.1].
	NoContextTakeover, PeerNoContextTakeover bool

	// MaxRatio fails the connection with CloseTooLarge when a message inflates
	// to more than 64 KiB and to more than MaxRatio times its size; 0 is no
	// limit. Nothing is compressed to less than a 1032nd of its size.
	MaxRatio int

	// Budget is how many bytes the contexts of all of a Manager's connections
	// may take: for each up to 32 KiB for receiving, as its window is, and 800 KiB
	// for sending, 1180 KiB at level 1. Past it connections are negotiated without
	// context takeover. 0 is DefaultDeflateBudget, negative: no context takeover
	// at all.
	Budget int

	// NewCompressor makes the compressors in the place of compress/flate's, for
	// instance with a package that is faster; docs/performance.md compares one. They
	// must not refer back more than 1<<windowBits bytes. Budget takes them to be as
	// large as compress/flate's.
	NewCompressor func(level, windowBits int) Compressor
}

// A Compressor writes a DEFLATE stream [RFC 1951]. That of compress/flate is one.
type Compressor interface {
	// Write compresses p. It may keep any amount back.
	Write(p []byte) (int, error)
	// Flush writes out all that was kept back, up to a byte's end, and an empty
	// stored block [RFC 7692 7.2.1].
	Flush() error
	// Reset begins a new stream, on w, which refers to nothing that was before.
	Reset(w io.Writer)
}

// The defaults of Deflate, chosen by what docs/performance.md shows.
const (
	DefaultDeflateThreshold = 256      // bytes
	DefaultDeflateBudget    = 64 << 20 // bytes
)

// minWindow and maxWindow are the smallest and the largest window bits
// [RFC 7692 7.1.2].
const (
	minWindow = 8
	maxWindow = 15
)

// check returns an error for values that are out of range.
func (d *Deflate) check() error {
	for _, bits := range []int{d.WindowBits, d.PeerWindowBits} {
		if bits != 0 && (bits < minWindow || bits > maxWindow) {
			return fmt.Errorf("ws: window bits %d are not in the range 8 to 15", bits)
		}
	}
	if d.Level < -2 || d.Level > 9 {
		return fmt.Errorf("ws: compression level %d is not one of compress/flate's", d.Level)
	}
	if d.MaxRatio < 0 {
		return errors.New("ws: negative MaxRatio")
	}
	return nil
}

func orDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// compresses reports whether a message of n bytes is long enough.
func (d *Deflate) compresses(n int) bool {
	return n >= orDefault(d.Threshold, DefaultDeflateThreshold)
}

// room is how many bytes of the budget are left when spent are taken.
func (d *Deflate) room(spent int) int {
	return max(orDefault(d.Budget, DefaultDeflateBudget), 0) - spent
}

// level is the one that messages are compressed with. In a window of 256 bytes
// there is so little to refer to that it is not worth the ends of blocks that
// keep references within it (see deflater).
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

// deflateParams is what the two sides of a connection agreed upon. It is zero
// if that is not to compress.
type deflateParams struct {
	sendBits, recvBits         uint8 // of the window
	sendTakeover, recvTakeover bool  // of the context, from message to message
}

// on reports whether messages may be compressed.
func (p deflateParams) on() bool { return p.sendBits != 0 }

// wishes is what the options ask for by themselves.
func (d *Deflate) wishes() deflateParams {
	return deflateParams{
		sendBits:     uint8(orDefault(d.WindowBits, maxWindow)),
		recvBits:     uint8(orDefault(d.PeerWindowBits, maxWindow)),
		sendTakeover: !d.NoContextTakeover,
		recvTakeover: !d.PeerNoContextTakeover,
	}
}

// afford takes the contexts away that do not fit into room bytes, and the one
// for sending if it would be of no use. The one for receiving goes first: it
// costs little.
func (d *Deflate) afford(p deflateParams, room int) deflateParams {
	if p.recvTakeover = p.recvTakeover && room >= inflateCost(p.recvBits); p.recvTakeover {
		room -= inflateCost(p.recvBits)
	}
	level := d.level(p.sendBits, true)
	p.sendTakeover = p.sendTakeover && level != flate.HuffmanOnly && room >= deflateCost(level)
	return p
}

// cost is how many bytes the contexts take that a connection keeps.
func (d *Deflate) cost(p deflateParams) (n int) {
	if p.recvTakeover {
		n += inflateCost(p.recvBits)
	}
	if p.sendTakeover {
		n += deflateCost(d.level(p.sendBits, true))
	}
	return n
}
