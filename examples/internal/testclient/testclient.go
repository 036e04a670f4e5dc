// Package testclient is what the tests of several examples need to talk to a program.
package testclient

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// DialWebSocket opens a WebSocket. It is closed with the test, and its calls fail after a minute.
func DialWebSocket(t testing.TB, url string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, br, _, err := ws.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if br != nil { // a message has come with the response
		c = &buffered{c, br}
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// buffered is a connection of which something has been read.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// WriteText sends a text message.
func WriteText(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(c, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// ReadText returns the next message, which must be a text.
func ReadText(t testing.TB, c net.Conn) string {
	t.Helper()
	p, op, err := wsutil.ReadServerData(c)
	if err != nil {
		t.Fatal(err)
	}
	if op != ws.OpText {
		t.Errorf("opcode %v, want a text", op)
	}
	return string(p)
}

// Loopback returns the name of the loopback interface.
func Loopback(t testing.TB) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Fatal("no loopback interface")
	return ""
}
