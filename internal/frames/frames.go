// Package frames reads WebSocket frames for tests of whole programs, by gobwas/ws:
// somebody else's idea of the protocol.
package frames

import (
	"fmt"
	"io"

	"github.com/gobwas/ws"
)

// Read reads a frame of at most 1 MiB and leaves it masked if it is.
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
