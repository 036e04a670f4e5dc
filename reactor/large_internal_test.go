package reactor

import (
	"bytes"
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

// What is reserved for a message follows what has arrived, whatever the layer expects.
func TestExpectMoreReservesLittle(t *testing.T) {
	m := quiet(t)
	const message = 2 << 20
	for _, expected := range []int{-1, 0, message, math.MaxInt} {
		most := 0
		c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
			if ev == EvRead {
				c.Stack().ExpectMore(expected - c.Recv.Len())
			}
		})
		in := bytes.Repeat([]byte("0123456789abcde\n"), message/16)
		for sent := 0; sent < len(in); {
			n, err := unix.SendmsgN(peer, in[sent:], nil, nil, unix.MSG_DONTWAIT)
			if err != nil && err != unix.EAGAIN {
				t.Fatal(err)
			}
			sent += max(n, 0)
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if have := c.Recv.Len(); have > 0 {
				most = max(most, c.Recv.Cap()*4/have)
			}
		}
		for c.Recv.Len() < message {
			if err := m.Poll(1e9); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(c.Recv.Bytes(), in) {
			t.Fatalf("expecting %d: Recv has something else", expected)
		}
		if most > 4*maxReserve*5/4+4 { // a class is up to a quarter larger than what is asked for
			t.Errorf("expecting %d: at most %d/4 times as much was reserved as had arrived", expected, most)
		}
		if expected == message && c.Recv.Cap() > message*5/4 {
			t.Errorf("a message of %d bytes has %d", message, c.Recv.Cap())
		}
		c.Close()
		turns(t, m, 2)
	}
}

// MoveToSend refuses what it cannot move, and changes nothing then.
func TestMoveToSendRefuses(t *testing.T) {
	const size = 100_000
	head := []byte("head")
	for _, tt := range []struct {
		name string
		do   func(c *Conn, p []byte) (h, q []byte)
	}{
		{"no space for the head", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, p }},
		{"Recv is not empty", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Consume(len(p) - 1); return head, p[4 : len(p)-1] }},
		{"Send is not empty", func(c *Conn, p []byte) ([]byte, []byte) {
			c.Recv.Reset()
			c.Send.AppendString("before")
			return head, p[4:]
		}},
		{"small", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, p[4:1000] }},
		{"other memory", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, bytes.Clone(p) }},
		{"empty", func(c *Conn, p []byte) ([]byte, []byte) { c.Recv.Reset(); return head, nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := quiet(t)
			tried := false
			c, peer := wrap(t, m, func(c *Conn, ev Event, _ any) {
				if ev != EvRead || tried || c.Recv.Len() < size {
					return
				}
				tried = true
				h, q := tt.do(c, c.Recv.Bytes())
				recv, send := c.Recv.Len(), c.Send.Len()
				if c.Stack().MoveToSend(h, q) || c.Recv.Len() != recv || c.Send.Len() != send {
					t.Errorf("Recv has %d bytes, had %d; Send has %d, had %d", c.Recv.Len(), recv, c.Send.Len(), send)
				}
			})
			in := make([]byte, size)
			for sent := 0; sent < size || !tried; {
				n, err := unix.SendmsgN(peer, in[sent:], nil, nil, unix.MSG_DONTWAIT)
				if err != nil && err != unix.EAGAIN {
					t.Fatal(err)
				}
				sent += max(n, 0)
				turns(t, m, 1)
			}
			_ = c
		})
	}
	m := quiet(t)
	c, _ := wrap(t, m, nil)
	if c.Stack().MoveToSend(nil, make([]byte, size)) {
		t.Error("something was moved although no input is delivered")
	}
}
