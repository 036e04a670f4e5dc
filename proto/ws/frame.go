package ws

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/gobwas/ws"
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

// maxControl is the most that a control frame carries [RFC 6455 5.5].
const maxControl = 125

// maxHeader is the longest frame header: two bytes, a 64-bit length, a key.
const maxHeader = 14

// errIncomplete says that the header is not all there yet.
var errIncomplete = errors.New("ws: incomplete frame")

// parseHeader reads the frame header at the beginning of buf and returns how
// long it is. What state forbids is refused as soon as the first two bytes show
// it, before the rest of the header has arrived.
func parseHeader(buf []byte, state ws.State) (h ws.Header, size int, err error) {
	if len(buf) < 2 {
		return h, 0, errIncomplete
	}
	h = ws.Header{
		Fin:    buf[0]&0x80 != 0,
		Rsv:    buf[0] >> 4 & 0x7,
		OpCode: ws.OpCode(buf[0] & 0xf),
		Masked: buf[1]&0x80 != 0,
		Length: int64(buf[1] & 0x7f),
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, 0, violation(CloseProtocolError, headerReason(h, err))
	}
	size = 2
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	lengthEnd := size
	if h.Masked {
		size += 4
	}
	if len(buf) < lengthEnd {
		return h, 0, errIncomplete
	}
	if err := extendedLength(&h, buf[2:lengthEnd]); err != nil {
		return h, 0, err
	}
	if len(buf) < size {
		return h, 0, errIncomplete
	}
	if h.Masked {
		copy(h.Mask[:], buf[lengthEnd:size])
	}
	return h, size, nil
}

// extendedLength reads the 16- or 64-bit length, which must be minimal and
// have no top bit [RFC 6455 5.2].
func extendedLength(h *ws.Header, p []byte) error {
	least := int64(126)
	switch len(p) {
	case 0:
		return nil
	case 2:
		h.Length = int64(binary.BigEndian.Uint16(p))
	case 8:
		h.Length, least = int64(binary.BigEndian.Uint64(p)), 1<<16
	}
	if h.Length < 0 {
		return violation(CloseProtocolError, "frame length has its top bit set")
	}
	if h.Length < least {
		return violation(CloseProtocolError, "frame length is not in its shortest form")
	}
	return nil
}

// headerReason puts the frame that was refused before the reason.
func headerReason(h ws.Header, err error) string {
	return OpCode(h.OpCode).String() + " frame refused: " + err.Error()
}

// appendHeader appends the header of a final frame with n bytes of payload.
func appendHeader(dst []byte, op OpCode, n int, masked bool, key [4]byte) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	dst = append(dst, 0x80|byte(op))
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
