//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/gobwas/ws"
)

var (
	errShort   = errors.New("more bytes are needed")
	errRefused = errors.New("frame that a client may not send")
)

// upgrade appends the answer to the request at the beginning of in. rest is the bytes after the
// request.
func upgrade(out, in []byte) (answered, rest []byte, err error) {
	end := bytes.Index(in, []byte("\r\n\r\n")) + 4
	if end < 4 {
		return out, in, errShort
	}
	answer := bytes.NewBuffer(out)
	_, err = ws.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(in[:end]), answer})
	return answer.Bytes(), in[end:], err
}

// frameHeader returns the sizes of the header and the payload of a client's frame. The
// masking key is the last four bytes of the header.
func frameHeader(in []byte) (size, length int, err error) {
	if len(in) < 6 {
		return 0, 0, errShort
	}
	size, length = 6, int(in[1]&0x7f)
	switch length {
	case 126:
		size = 8
	case 127:
		size = 14
	}
	if len(in) < size {
		return 0, 0, errShort
	}
	switch size {
	case 8:
		length = int(binary.BigEndian.Uint16(in[2:]))
	case 14:
		length = int(min(binary.BigEndian.Uint64(in[2:]), maxMessage+1))
	}
	if in[1]&0x80 == 0 || in[0]&0x70 != 0 || length > maxMessage || ws.OpCode(in[0]&15).IsReserved() {
		return 0, 0, errRefused
	}
	return size, length, nil
}

// frame answers one frame and returns the bytes after it. A message in fragments is echoed
// in the same fragments.
func (p *plain) frame(c *plainConn, in []byte) ([]byte, error) {
	size, length, err := frameHeader(in)
	if err != nil {
		return in, err
	}
	if len(in)-size < length {
		return in, errShort
	}
	payload := in[size : size+length]
	ws.Cipher(payload, [4]byte(in[size-4:size]), 0)
	op := ws.OpCode(in[0] & 15)
	switch op {
	case ws.OpPong: // has no answer
		return in[size+length:], nil
	case ws.OpPing:
		op = ws.OpPong
	case ws.OpClose:
		c.ending = true
	}
	p.out = append(p.out, in[0]&0x80|byte(op), in[1]&0x7f)
	p.out = append(p.out, in[2:size-4]...)
	p.out = append(p.out, payload...)
	return in[size+length:], nil
}
