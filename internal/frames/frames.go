// Package frames reads WebSocket frames for tests of whole programs. It uses gobwas/ws without
// package ws, so that the tests check the programs with an independent implementation.
package frames

import (
	"fmt"
	"io"

	"github.com/gobwas/ws"
)

// Read reads a frame of at most 1 MiB. It does not unmask the payload.
func Read(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	if f.Header.Length > 1<<20 {
		return f, fmt.Errorf("frame of %d bytes", f.Header.Length)
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}
