//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	peer "github.com/rikki-go/rikki/internal/frames"
)

// client is a WebSocket client with gobwas/ws. It checks the servers with an independent
// implementation of the protocol.
type client struct {
	t *testing.T
	net.Conn
}

func newClient(t *testing.T, to netip.AddrPort) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, br, _, err := ws.Dial(ctx, "ws://"+to.String()+"/any/path")
	if err != nil || br != nil {
		t.Fatal(br, err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return &client{t, c}
}

// encode returns a masked frame.
func encode(op ws.OpCode, fin bool, p []byte) []byte {
	b, err := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(op, fin, bytes.Clone(p))))
	if err != nil {
		panic(err)
	}
	return b
}

func (c *client) send(p ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(p, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// want reads a message, which may have several fragments, or a control frame, and compares it.
func (c *client) want(op ws.OpCode, p []byte) {
	c.t.Helper()
	var got []byte
	var first ws.OpCode
	for i := 0; ; i++ {
		f, err := peer.Read(c)
		if err != nil {
			c.t.Fatal(err)
		}
		if i == 0 {
			first = f.Header.OpCode
		} else if f.Header.OpCode != ws.OpContinuation {
			c.t.Fatalf("fragment %d has opcode %#x", i, f.Header.OpCode)
		}
		if f.Header.Masked || f.Header.Rsv != 0 {
			c.t.Fatalf("header %+v", f.Header)
		}
		got = append(got, f.Payload...)
		if f.Header.Fin {
			break
		}
	}
	if first != op || !bytes.Equal(got, p) {
		c.t.Fatalf("got opcode %#x and %d bytes, want %#x and %d", first, len(got), op, len(p))
	}
}

// text returns n bytes of ASCII, at most 300 KiB, without a short period. They must not be
// changed.
func text(n int) []byte { return texts()[:n:n] }

var texts = sync.OnceValue(func() (p []byte) {
	for i := 0; len(p) < 300<<10; i++ {
		p = fmt.Appendf(p, "%d ", i)
	}
	return p
})

// smallest returns the size of the smallest message that a server echoes. nbio 1.6.8 does not call
// its handler for an empty message.
func smallest(t *testing.T) int {
	if strings.HasSuffix(t.Name(), "/nbio") {
		return 1
	}
	return 0
}

// The sizes at which the header changes, those of the measurements, and one that takes
// several reads.
func TestEchoSizes(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		for _, n := range []int{smallest(t), 1, 64, 125, 126, 16 << 10, 65535, 65536, 300 << 10} {
			p := text(n)
			for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
				c.send(encode(op, true, p))
				c.want(op, p)
			}
		}
	})
}

func TestEchoPipelined(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		var all [][]byte
		for i := range 100 {
			all = append(all, encode(ws.OpBinary, true, text(smallest(t)+i*7)))
		}
		c.send(all...)
		for i := range all {
			c.want(ws.OpBinary, text(smallest(t)+i*7))
		}
	})
}

// A frame is cut at each byte. Its first part is sent with another message, whose echo
// shows that the server has read the part.
func TestEchoSplit(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		for _, n := range []int{5, 130} {
			frame := encode(ws.OpText, true, text(n))
			for at := range len(frame) + 1 {
				c.send(encode(ws.OpBinary, true, []byte{byte(at)}), frame[:at])
				c.want(ws.OpBinary, []byte{byte(at)})
				c.send(frame[at:])
				c.want(ws.OpText, text(n))
			}
		}
	})
}

func TestEchoFragments(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		p := text(1000)
		c.send(encode(ws.OpText, false, p[:1]), encode(ws.OpContinuation, false, p[1:500]), encode(ws.OpContinuation, true, p[500:]))
		c.want(ws.OpText, p)
	})
}

// A client sends more than the sockets hold, faster than it reads.
func TestEchoSlowReader(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		const messages, size = 1000, 16 << 10
		all := text(size)
		sent := make(chan error, 1)
		go func() {
			for i := range messages {
				if _, err := c.Write(encode(ws.OpBinary, true, all[i:])); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for i := range messages {
			c.want(ws.OpBinary, all[i:])
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

func TestControlFrames(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		c := newClient(t, to)
		c.send(encode(ws.OpPing, true, []byte("are you there")), encode(ws.OpText, true, []byte("hi")))
		c.want(ws.OpPong, []byte("are you there"))
		c.want(ws.OpText, []byte("hi"))
		c.send(encode(ws.OpPong, true, nil), encode(ws.OpText, true, []byte("hi")))
		c.want(ws.OpText, []byte("hi"))
		c.send(encode(ws.OpText, true, []byte("a")), encode(ws.OpPong, true, []byte("nothing")), encode(ws.OpText, true, []byte("b")))
		c.want(ws.OpText, []byte("a"))
		c.want(ws.OpText, []byte("b"))
		c.send(encode(ws.OpClose, true, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
		if f, err := peer.Read(c); err != nil || f.Header.OpCode != ws.OpClose {
			t.Fatalf("%+v, %v", f.Header, err)
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("behind the Close frame: %x, %v", rest, err)
		}
	})
}
