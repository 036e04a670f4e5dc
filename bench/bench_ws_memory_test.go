//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/internal/looptest"
)

// memory is a net.Conn without a network. First it performs its part of the handshake. Then
// a frame can be read several times, and written bytes are counted.
type memory struct {
	pending []byte // the answer to the handshake, to be read first
	request []byte // the part of the client's request that was written
	open    bool
	frame   []byte
	left    int    // frames to be read after the current one
	at      []byte // the rest of the current frame
	written int
}

// wsRequest returns the request that a client sends to a server.
func wsRequest() *http.Request {
	r := httptest.NewRequest("GET", "http://x/", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	return r
}

// hijacked is a ResponseWriter through which a server gets the connection.
type hijacked struct {
	*httptest.ResponseRecorder
	c *memory
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.c, bufio.NewReadWriter(bufio.NewReader(h.c), bufio.NewWriter(h.c)), nil
}

// feed provides a frame that can be read n times.
func (c *memory) feed(frame []byte, n int) {
	c.frame, c.left, c.at = frame, n-1, frame
}

func (c *memory) Read(p []byte) (n int, err error) {
	if len(c.pending) > 0 {
		n = copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	for n < len(p) {
		if len(c.at) == 0 {
			if c.left <= 0 {
				break
			}
			c.left--
			c.at = c.frame
		}
		k := copy(p[n:], c.at)
		c.at = c.at[k:]
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *memory) Write(p []byte) (int, error) {
	if !c.open { // p is a part of the client's request
		c.request = append(c.request, p...)
		if bytes.HasSuffix(c.request, []byte("\r\n\r\n")) {
			key := looptest.HeaderValue(string(c.request), "Sec-WebSocket-Key")
			c.pending, c.open = []byte(looptest.Agreement(key, "")), true
		}
		return len(p), nil
	}
	c.written += len(p)
	return len(p), nil
}

func (c *memory) Close() error                     { return nil }
func (c *memory) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (c *memory) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (c *memory) SetDeadline(time.Time) error      { return nil }
func (c *memory) SetReadDeadline(time.Time) error  { return nil }
func (c *memory) SetWriteDeadline(time.Time) error { return nil }

// wsFrame returns a frame with size bytes of payload.
func wsFrame(masked bool, size int) []byte {
	f := ws.NewBinaryFrame(bytes.Repeat([]byte{1}, size))
	if masked {
		f = ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, 3, 4})
	}
	return ws.MustCompileFrame(f)
}
