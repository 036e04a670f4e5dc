//go:build linux

package main

import (
	"context"
	"io"
	"net"
	"testing"

	gobwas "github.com/gobwas/ws"
	"github.com/gorilla/websocket"
	"github.com/lxzan/gws"
)

// gobwas is used without allocation: the benchmark reads and writes headers itself, and has
// one buffer for all payloads.

func receiveGobwas(b *testing.B, client bool, frame []byte, size, n int) {
	c := &memory{open: true}
	c.feed(frame, n)
	state := gobwas.StateServerSide
	if client {
		state = gobwas.StateClientSide
	}
	buf := make([]byte, size)
	got := 0
	b.ResetTimer()
	for range n {
		h, err := gobwas.ReadHeader(c)
		if err == nil {
			err = gobwas.CheckHeader(h, state)
		}
		if err != nil {
			b.Fatal(err)
		}
		p := buf[:h.Length]
		if _, err := io.ReadFull(c, p); err != nil {
			b.Fatal(err)
		}
		if h.Masked {
			gobwas.Cipher(p, h.Mask, 0)
		}
		got += len(p)
	}
	b.StopTimer()
	wantBytes(b, got, n*size)
}

func sendGobwas(b *testing.B, client bool, payload []byte, n int) {
	c := &memory{open: true}
	b.ResetTimer()
	for range n {
		f := gobwas.NewBinaryFrame(payload)
		if client {
			f = gobwas.MaskFrameInPlace(f) // in place, because the payload is not needed later
		}
		if err := gobwas.WriteFrame(c, f); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	wantBytes(b, c.written, n*len(wsFrame(client, len(payload))))
}

// gws is used with its ReadLoop.

type gwsCount struct {
	gws.BuiltinEventHandler
	got int
}

func (h *gwsCount) OnMessage(c *gws.Conn, m *gws.Message) {
	h.got += m.Data.Len()
	m.Close()
}

func openGWS(b *testing.B, client bool) (*gws.Conn, *memory, *gwsCount) {
	h, m := new(gwsCount), new(memory)
	var c *gws.Conn
	var err error
	if client {
		c, _, err = gws.NewClientFromConn(h, &gws.ClientOption{Addr: "ws://x/"}, m)
	} else {
		m.open = true
		c, err = gws.NewUpgrader(h, nil).Upgrade(hijacked{c: m}, wsRequest())
	}
	if err != nil {
		b.Fatal(err)
	}
	m.written = 0
	return c, m, h
}

func receiveGWS(b *testing.B, client bool, frame []byte, size, n int) {
	c, m, h := openGWS(b, client)
	m.feed(frame, n)
	b.ResetTimer()
	c.ReadLoop() // to the end of the frames
	b.StopTimer()
	wantBytes(b, h.got, n*size)
}

func sendGWS(b *testing.B, client bool, payload []byte, n int) {
	c, m, _ := openGWS(b, client)
	b.ResetTimer()
	for range n {
		if err := c.WriteMessage(gws.OpcodeBinary, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	wantBytes(b, m.written, n*len(wsFrame(client, len(payload))))
}

// gorilla is used with the reader of each message and one buffer. ReadMessage would
// allocate one for each.

func openGorilla(b *testing.B, client bool) (*websocket.Conn, *memory) {
	m := new(memory)
	var c *websocket.Conn
	var err error
	if client {
		d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return m, nil }}
		c, _, err = d.Dial("ws://x/", nil)
	} else {
		m.open = true
		c, err = new(websocket.Upgrader).Upgrade(hijacked{c: m}, wsRequest(), nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	m.written = 0
	return c, m
}

func receiveGorilla(b *testing.B, client bool, frame []byte, size, n int) {
	c, m := openGorilla(b, client)
	m.feed(frame, n)
	buf := make([]byte, size)
	got := 0
	b.ResetTimer()
	for range n {
		_, r, err := c.NextReader()
		if err != nil {
			b.Fatal(err)
		}
		k, err := io.ReadFull(r, buf)
		if err != nil {
			b.Fatal(err)
		}
		got += k
	}
	b.StopTimer()
	wantBytes(b, got, n*size)
}

func sendGorilla(b *testing.B, client bool, payload []byte, n int) {
	c, m := openGorilla(b, client)
	b.ResetTimer()
	for range n {
		if err := c.WriteMessage(websocket.BinaryMessage, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if size := n * len(payload); m.written < size { // a client sends several frames
		wantBytes(b, m.written, size)
	}
}

func wantBytes(b *testing.B, got, want int) {
	b.Helper()
	if got != want {
		b.Errorf("%d bytes, want %d", got, want)
	}
}
