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

// header is what the header of a frame says, but for the masking key, the last four
// bytes of it: without an array it is handed on in registers.
type header struct {
	op     OpCode
	fin    bool
	masked bool
	length int64 // of the payload
}

// parseHeader reads the frame header at the beginning of buf and returns how
// long it is. What state forbids is refused as soon as the first two bytes show
// it, before the rest of the header has arrived.
func parseHeader(buf []byte, state ws.State) (h header, size int, err error) {
	if len(buf) < 2 {
		return header{}, 0, errIncomplete
	}
	h = header{
		op:     OpCode(buf[0] & 0xf),
		fin:    buf[0]&0x80 != 0,
		masked: buf[1]&0x80 != 0,
		length: int64(buf[1] & 0x7f),
	}
	if err := ws.CheckHeader(ws.Header{Fin: h.fin, Rsv: buf[0] >> 4 & 0x7, OpCode: ws.OpCode(h.op), Masked: h.masked, Length: h.length}, state); err != nil {
		return header{}, 0, violation(CloseProtocolError, h.op.String()+" frame refused: "+err.Error())
	}
	size = 2
	if h.length > 125 {
		if h.length, size, err = extendedLength(buf); err != nil {
			return header{}, 0, err
		}
	}
	if h.masked {
		size += 4
	}
	if len(buf) < size {
		return header{}, 0, errIncomplete
	}
	return h, size, nil
}

// extendedLength reads the 16- or 64-bit length of the frame at the beginning of
// buf, which must be minimal and have no top bit [RFC 6455 5.2]. It returns where
// it ends, too.
func extendedLength(buf []byte) (length int64, end int, err error) {
	least := int64(126)
	switch end = 4; {
	case buf[1]&0x7f == 127:
		end, least = 10, 1<<16
		if len(buf) < end {
			return 0, 0, errIncomplete
		}
		length = int64(binary.BigEndian.Uint64(buf[2:]))
	case len(buf) < end:
		return 0, 0, errIncomplete
	default:
		length = int64(binary.BigEndian.Uint16(buf[2:]))
	}
	if length < 0 {
		return 0, 0, violation(CloseProtocolError, "frame length has its top bit set")
	}
	if length < least {
		return 0, 0, violation(CloseProtocolError, "frame length is not in its shortest form")
	}
	return length, end, nil
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
