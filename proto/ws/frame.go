package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// OpCode is the type of a frame [RFC 6455 5.2]. It is the type of gobwas/ws, with its
// methods.
type OpCode = gobwas.OpCode

// The frame types. OpClose, OpPing and OpPong are control frames [RFC 6455 5.5].
const (
	OpContinuation = gobwas.OpContinuation // 0x0
	OpText         = gobwas.OpText         // 0x1
	OpBinary       = gobwas.OpBinary       // 0x2
	OpClose        = gobwas.OpClose        // 0x8
	OpPing         = gobwas.OpPing         // 0x9
	OpPong         = gobwas.OpPong         // 0xa
)

// OpName returns the name of a frame type for logs and errors, as in RFC 6455 section 5.2:
// "text", "ping". Other values are "opcode 0x3".
func OpName(op OpCode) string {
	switch op {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "opcode 0x" + strconv.FormatUint(uint64(op), 16)
}

// Flags in the first byte of a frame.
const (
	finBit  = 0x80
	rsv1Bit = 0x40 // the message is compressed [RFC 7692 6]
)

// maxControl is the largest payload of a control frame, in bytes [RFC 6455 5.5].
const maxControl = gobwas.MaxControlFramePayloadSize

// maxHeader is the size of the longest frame header: two bytes, a 64-bit length, a key.
const maxHeader = gobwas.MaxHeaderSize

// errIncomplete says that a part of the header has not arrived yet.
var errIncomplete = errors.New("ws: incomplete frame")

// wholeMessage parses the frame at the beginning of buf if it is a whole uncompressed message of
// less than 64 KiB, has arrived completely, and is masked as it must be. Such a frame, outside of
// another message, breaks no rule of the framing. Its payload is buf[start:end]. For all other
// frames end is 0, and parseHeader says what they are. Nearly every frame is a whole message, and
// parseHeader and its checks take most of the time of a small one.
func wholeMessage(buf []byte, masked bool) (op OpCode, start, end int) {
	if len(buf) < 2 {
		return 0, 0, 0
	}
	n := int(buf[1])
	start = 2
	if masked {
		n ^= 0x80
		start = 6
	}
	if n == 126 && len(buf) >= 4 {
		if n = int(binary.BigEndian.Uint16(buf[2:])); n < 126 { // not in its shortest form
			return 0, 0, 0
		}
		start += 2
	} else if n > 125 { // longer, or the mask bit is wrong
		return 0, 0, 0
	}
	if op = OpCode(buf[0] ^ finBit); op != OpText && op != OpBinary || len(buf) < start+n {
		return 0, 0, 0
	}
	return op, start, start + n
}

// parseHeader reads the frame header at the beginning of buf and returns its size in bytes.
// state contains the side of the connection, StateFragmented inside a fragmented message, and
// StateExtended if permessage-deflate was agreed. The error is errIncomplete if a part of the
// header is missing. A wrong byte is reported as soon as it arrives.
//
// gobwas.ReadHeader is not used: it waits for the whole header, reads from an io.Reader, and
// accepts lengths that are not in their shortest form.
func parseHeader(buf []byte, state gobwas.State) (h gobwas.Header, size int, err error) {
	if len(buf) == 0 {
		return h, 0, errIncomplete
	}
	h.Fin, h.Rsv, h.OpCode = buf[0]&finBit != 0, buf[0]>>4&7, OpCode(buf[0]&0x0f)
	h.Masked = state.ServerSide() // the right value, until the second byte has arrived
	if len(buf) > 1 {
		h.Masked, h.Length = buf[1]&0x80 != 0, int64(buf[1]&0x7f)
	}
	// Nearly every frame is a whole message, is masked as it must be, and is not inside another
	// message. Such a frame breaks no rule, so it skips the check. The check takes longer than
	// the rest of parseHeader.
	first := buf[0]
	if state.Extended() {
		first &^= rsv1Bit
	}
	whole := first == finBit|byte(OpText) || first == finBit|byte(OpBinary)
	if !whole || state.Fragmented() || h.Masked != state.ServerSide() {
		if err := checkFirstBytes(h, state); err != nil {
			// If the first byte is wrong too, its error counts, as if it had arrived alone.
			alone := h
			alone.Masked, alone.Length = state.ServerSide(), 0
			if errAlone := checkFirstBytes(alone, state); errAlone != nil {
				return h, 0, errAlone
			}
			return h, 0, err
		}
	}
	if len(buf) == 1 {
		return h, 0, errIncomplete
	}
	size = 2
	if width := extendedLength(h.Length); width > 0 {
		if h.Length, err = parseLength(buf[2:min(2+width, len(buf))], width); err != nil {
			return h, 0, err
		}
		size += width
	}
	if h.Masked {
		size += len(h.Mask)
	}
	if len(buf) < size {
		return h, 0, errIncomplete
	}
	if h.Masked {
		h.Mask = [4]byte(buf[size-len(h.Mask) : size])
	}
	return h, size, nil
}

// checkFirstBytes checks the first two bytes of a frame [RFC 6455 5, RFC 7692 6]. h.Length is
// the 7-bit length in the second byte. It is enough, because only control frames have a
// maximum length.
//
// gobwas.CheckHeader accepts all reserved bits if it gets StateExtended. So it is called
// without StateExtended: no extension uses RSV2 and RSV3, and UnsetBit checks RSV1.
func checkFirstBytes(h gobwas.Header, state gobwas.State) error {
	rest, err := h, error(nil)
	if state.Extended() {
		rest, _, err = wsflate.UnsetBit(h)
	}
	if err == nil {
		err = gobwas.CheckHeader(rest, state.Clear(gobwas.StateExtended))
	}
	switch {
	case err != nil:
		return violation(StatusProtocolError, "%s: %v", describe(h), err)
	case h.OpCode == OpClose && h.Length == 1: // [RFC 6455 5.5.1]
		return violation(StatusProtocolError, "close frame has one byte of payload: want none, or a code of two bytes")
	}
	return nil
}

// describe names a frame for an error: its type, and the reserved bits that are set.
func describe(h gobwas.Header) string {
	s, with := OpName(h.OpCode)+" frame", " with "
	for i, set := range [...]bool{h.Rsv1(), h.Rsv2(), h.Rsv3()} {
		if set {
			s += fmt.Sprint(with, "RSV", i+1)
			with = ", "
		}
	}
	return s
}

// extendedLength returns the size of the length field that follows the first two bytes.
func extendedLength(length7 int64) int {
	switch length7 {
	case 126:
		return 2
	case 127:
		return 8
	}
	return 0
}

// parseLength reads a length of width bytes. p is the part of it that has arrived. The length
// must be in its shortest form and must not have the top bit set [RFC 6455 5.2].
func parseLength(p []byte, width int) (n int64, err error) {
	for _, b := range p {
		n = n<<8 | int64(b)
	}
	missing := 8 * (width - len(p))
	if len(p) > 0 && width == 8 && p[0]&0x80 != 0 {
		return 0, violation(StatusProtocolError, "frame length has its top bit set")
	}
	least := int64(126)
	if width == 8 {
		least = 1 << 16
	}
	if n < least>>missing { // too small, even if all missing bits are ones
		return 0, violation(StatusProtocolError, "frame length is not in its shortest form")
	}
	if missing > 0 {
		return 0, errIncomplete
	}
	return n, nil
}

// appendHeader appends the header of a frame with n bytes of payload. first is the first
// byte of the frame: an OpCode and flags. gobwas.WriteHeaderBuffer does the same, but needs an
// io.Writer and takes four times as long (BenchmarkAppendHeader).
func appendHeader(dst []byte, first byte, n int, masked bool, key [4]byte) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	dst = append(dst, first)
	switch {
	case n < 126:
		dst = append(dst, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, mask|127), uint64(n))
	}
	if masked {
		dst = append(dst, key[:]...)
	}
	return dst
}
