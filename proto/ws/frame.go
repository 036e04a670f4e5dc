package ws

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// OpCode is the type of a frame [RFC 6455 5.2].
type OpCode uint8

// The frame types. Those from OpClose on are control frames [RFC 6455 5.5].
const (
	OpContinuation OpCode = 0x0
	OpText         OpCode = 0x1
	OpBinary       OpCode = 0x2
	OpClose        OpCode = 0x8
	OpPing         OpCode = 0x9
	OpPong         OpCode = 0xa
)

// String returns the name that RFC 6455 section 5.2 gives the frame.
func (op OpCode) String() string {
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

func (op OpCode) isControl() bool { return op&0x8 != 0 }

func (op OpCode) reserved() bool { return op > OpPong || op > OpBinary && op < OpClose }

// Flags in the first byte of a frame.
const (
	finBit  = 0x80
	rsv1Bit = 0x40
)

// maxControl is the most that a control frame carries [RFC 6455 5.5].
const maxControl = 125

// maxHeader is the longest frame header: two bytes, a 64-bit length, a key.
const maxHeader = 14

// errIncomplete says that the header is not all there yet.
var errIncomplete = errors.New("ws: incomplete frame")

// header is a frame's [RFC 6455 5.2], but for the masking key, its last four
// bytes: without an array it is handed on in registers.
type header struct {
	length int64 // bytes of payload
	op     OpCode
	fin    bool
	rsv1   bool // the message is compressed [RFC 7692 6]
	masked bool
}

// expected is what the receiver of a frame knows beforehand.
type expected struct {
	masked    bool // the peer is a client
	inMessage bool // a fragmented message has begun
	deflate   bool // permessage-deflate was agreed
}

// parseHeader reads the frame header at the beginning of buf and returns how
// long it is. What is forbidden is refused with the first byte that shows it,
// before the rest of the header has arrived.
func parseHeader(buf []byte, want expected) (h header, size int, err error) {
	if len(buf) == 0 {
		return h, 0, errIncomplete
	}
	h.fin, h.rsv1, h.op = buf[0]&0x80 != 0, buf[0]&0x40 != 0, OpCode(buf[0]&0x0f)
	if reason := h.wrongType(buf[0], want); reason != "" {
		return h, 0, violation(CloseProtocolError, "%s frame %s", h.op, reason)
	}
	if len(buf) == 1 {
		return h, 0, errIncomplete
	}
	h.masked, h.length = buf[1]&0x80 != 0, int64(buf[1]&0x7f)
	if reason := h.wrongSize(want); reason != "" {
		return h, 0, violation(CloseProtocolError, "%s frame %s", h.op, reason)
	}
	size = 2
	switch h.length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if size > 2 {
		if err := h.extend(buf[2:min(size, len(buf))], size-2); err != nil {
			return h, 0, err
		}
	}
	if h.masked {
		size += 4
	}
	if len(buf) < size {
		return h, 0, errIncomplete
	}
	return h, size, nil
}

// wrongType says what the first byte of a frame breaks, if anything.
func (h *header) wrongType(first byte, want expected) string {
	switch {
	case first&0x30 != 0: // no extension that we know uses them [RFC 6455 5.2]
		return "has reserved bit RSV2 or RSV3 set"
	case h.op.reserved(): // [RFC 6455 5.2]
		return "is of a reserved type"
	case h.rsv1 && !want.deflate: // [RFC 6455 5.2]
		return "has reserved bit RSV1 set, and no compression was agreed"
	case h.rsv1 && h.op != OpText && h.op != OpBinary: // [RFC 7692 6, 6.1]
		return "has RSV1 set, which belongs to the first frame of a message"
	case h.op.isControl() && !h.fin: // [RFC 6455 5.5]
		return "is fragmented: control frames are final"
	case h.op == OpContinuation && !want.inMessage: // [RFC 6455 5.4]
		return "continues nothing"
	case want.inMessage && (h.op == OpText || h.op == OpBinary): // [RFC 6455 5.4]
		return "inside a fragmented message"
	}
	return ""
}

// wrongSize says what the second byte breaks, if anything.
func (h *header) wrongSize(want expected) string {
	switch {
	case h.masked && !want.masked: // [RFC 6455 5.1]
		return "from a server is masked"
	case !h.masked && want.masked: // [RFC 6455 5.1]
		return "from a client is not masked"
	case h.op.isControl() && h.length > maxControl: // [RFC 6455 5.5]
		return "has more than 125 bytes: too many for a control frame"
	case h.op == OpClose && h.length == 1: // [RFC 6455 5.5.1]
		return "with one byte of payload"
	}
	return ""
}

// extend reads what is there of the length in 16 or 64 bits: it must be
// minimal and have no top bit [RFC 6455 5.2].
func (h *header) extend(p []byte, width int) error {
	h.length = 0
	for _, b := range p {
		h.length = h.length<<8 | int64(b)
	}
	missing := 8 * (width - len(p))
	if len(p) > 0 && width == 8 && p[0]&0x80 != 0 {
		return violation(CloseProtocolError, "frame length has its top bit set")
	}
	least := int64(126)
	if width == 8 {
		least = 1 << 16
	}
	if h.length < least>>missing { // whatever follows
		return violation(CloseProtocolError, "frame length is not in its shortest form")
	}
	if missing > 0 {
		return errIncomplete
	}
	return nil
}

// appendHeader appends the header of a frame with n bytes of payload. first is
// its first byte: an OpCode and flags.
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
