//go:build linux

package main

import (
	"bufio"
	"io"
	"net"

	"github.com/gobwas/ws"
)

func serveGobwas(_ *serving, listening func(addr string)) error {
	l, err := listenTCP(listening)
	if err != nil {
		return err
	}
	return acceptGobwas(l)
}

// acceptGobwas echoes on each connection with a goroutine.
func acceptGobwas(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echoGobwas(c)
	}
}

// echoGobwas echoes the frames of one connection. A message in fragments is echoed in the same
// fragments. All frames that one read has brought are answered with one write.
func echoGobwas(c net.Conn) {
	defer c.Close()
	if _, err := ws.Upgrade(c); err != nil {
		return
	}
	r := bufio.NewReader(c)
	var out []byte
	for {
		h, err := ws.ReadHeader(r)
		if err == nil {
			err = ws.CheckHeader(h, ws.StateServerSide&^ws.StateFragmented|fragmented(h))
		}
		if err != nil || h.Length > maxMessage {
			return
		}
		op := h.OpCode
		if op == ws.OpPing {
			op = ws.OpPong
		}
		begin := len(out)
		out = appendFrameHeader(out, h.Fin, op, int(h.Length))
		at := len(out)
		out = append(out, make([]byte, h.Length)...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return
		}
		ws.Cipher(out[at:], h.Mask, 0)
		if h.OpCode == ws.OpPong { // has no answer
			out = out[:begin]
		}
		if nextComplete(r) && h.OpCode != ws.OpClose {
			continue
		}
		if _, err := c.Write(out); err != nil || h.OpCode == ws.OpClose {
			return
		}
		out = out[:0]
	}
}

// nextComplete returns true if the next frame lies completely in the buffer.
func nextComplete(r *bufio.Reader) bool {
	in, err := r.Peek(r.Buffered())
	if err != nil {
		return false
	}
	size, length, err := frameHeader(in)
	return err == nil && len(in) >= size+length
}

// fragmented returns the state in which a header is allowed.
func fragmented(h ws.Header) ws.State {
	if h.OpCode == ws.OpContinuation {
		return ws.StateFragmented
	}
	return 0
}
