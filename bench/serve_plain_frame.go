//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/gobwas/ws"
)

// handshake answers a request and returns what follows it.
func (p *plain) handshake(c *plainConn, in []byte) ([]byte, error) {
	end := bytes.Index(in, []byte("\r\n\r\n")) + 4
	if end < 4 {
		return in, errShort
	}
	answer := bytes.NewBuffer(p.out)
	_, err := ws.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(in[:end]), answer})
	p.out, c.open = answer.Bytes(), true
	return in[end:], err
}

// frame answers one frame and returns what follows it. A message in fragments
// comes back in the same ones.
func (p *plain) frame(c *plainConn, in []byte) ([]byte, error) {
	if len(in) < 6 {
		return in, errShort
	}
	h := ws.Header{Fin: in[0]&0x80 != 0, Rsv: in[0] >> 4 & 7, OpCode: ws.OpCode(in[0] & 15), Masked: in[1]&0x80 != 0, Length: int64(in[1] & 0x7f)}
	size := 6
	switch h.Length {
	case 126:
		size = 8
	case 127:
		size = 14
	}
	if len(in) < size {
		return in, errShort
	}
	switch size {
	case 8:
		h.Length = int64(binary.BigEndian.Uint16(in[2:]))
	case 14:
		h.Length = int64(binary.BigEndian.Uint64(in[2:]))
	}
	if !h.Masked || h.Rsv != 0 || h.Length < 0 || h.Length > maxMessage || h.OpCode.IsReserved() {
		return in, errRefused
	}
	if int64(len(in)-size) < h.Length {
		return in, errShort
	}
	payload := in[size : size+int(h.Length)]
	ws.Cipher(payload, [4]byte(in[size-4:size]), 0)
	op := h.OpCode
	switch op {
	case ws.OpPing:
		op = ws.OpPong
	case ws.OpClose:
		c.ending = true
	}
	if op != ws.OpPong || h.OpCode == ws.OpPing {
		p.out = append(p.out, in[0]&0xf0|byte(op))
		switch size {
		case 6:
			p.out = append(p.out, byte(h.Length))
		default:
			p.out = append(p.out, in[1]&0x7f)
			p.out = append(p.out, in[2:size-4]...)
		}
		p.out = append(p.out, payload...)
	}
	return in[size+int(h.Length):], nil
}
