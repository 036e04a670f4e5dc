// Package klauspost compresses WebSocket messages with github.com/klauspost/compress, in about half
// of the time that compress/flate takes. It is for the field NewCompressor of ws.Deflate:
//
//	opts := &ws.Options{Deflate: &ws.Deflate{NewCompressor: klauspost.NewCompressor}}
//
// Receiving is the same with it and without it: package ws inflates with compress/flate. The peer
// need not know. README.md has the figures.
package klauspost

import (
	"fmt"

	"github.com/klauspost/compress/flate"

	"github.com/rikki-go/rikki/proto/ws"
)

// maxWindow is the number of bits of the largest window. It is the window of all levels.
const maxWindow = 15

// NewCompressor returns a compressor that refers back 1<<windowBits bytes at most. Package ws calls
// it; level is -2 to 9, and windowBits 8 to 15. For other values it panics.
//
// With 15 bits the level is one of klauspost/compress. Except for -2, level 1 is the fastest and
// takes the least memory. With fewer bits klauspost/compress has one way to compress. All levels
// use it, except -2, which is Huffman codes only.
//
// Package ws counts the memory of a context towards ws.Deflate.Budget: with 15 bits 809 KiB at
// level 1, and 937 to 1398 KiB at the others; with fewer bits 1065 KiB. With Huffman codes only a
// compressor takes 321 KiB, and connections have no context for sending.
func NewCompressor(level, windowBits int) ws.Compressor {
	if windowBits < 8 || windowBits > maxWindow || level < flate.HuffmanOnly || level > flate.BestCompression {
		panic(fmt.Sprintf("klauspost: level %d and %d window bits: want -2 to 9, and 8 to 15", level, windowBits))
	}
	var w *flate.Writer // no error is possible with these arguments
	if windowBits == maxWindow || level == flate.HuffmanOnly {
		w, _ = flate.NewWriter(nil, level)
	} else {
		w, _ = flate.NewWriterWindow(nil, 1<<windowBits)
	}
	return &compressor{w, size(level, windowBits)}
}

// compressor is a flate.Writer that says how large it is.
type compressor struct {
	*flate.Writer
	size int
}

// Size returns how many bytes of heap the compressor takes at most. Package ws asks for it.
func (c *compressor) Size() int { return c.size }

// size returns how many bytes of heap a compressor takes at most. klauspost/compress allocates its
// tables when it makes the compressor, and 320 KiB of history at the first message. TestSize
// measures it.
func size(level, windowBits int) int {
	switch {
	case level == flate.HuffmanOnly:
		return 321 << 10
	case windowBits < maxWindow:
		return 1065 << 10
	}
	switch level {
	case flate.NoCompression:
		return 353 << 10
	case 1:
		return 809 << 10
	case 2, 3:
		return 1193 << 10
	case 4:
		return 937 << 10
	case 7, 8:
		return 1001 << 10
	case flate.BestCompression:
		return 1398 << 10
	}
	return 1065 << 10
}
