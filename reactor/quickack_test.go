package reactor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The loop asks for no acknowledgements on other kinds of descriptors.
func TestNoQuickAckOfOthers(t *testing.T) {
	for _, kind := range []string{"unix", "socketpair", "udp", "pipe"} {
		t.Run(kind, func(t *testing.T) {
			m := newManager(t)
			heard := 0
			hear := func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvRead {
					heard++
					c.Recv.Reset()
				}
			}
			hearOnce(t, m, kind, hear, &heard)
			spin(t, m, 3)
			if n := m.Stats().QuickAcks; n != 0 {
				t.Errorf("asked for %d acknowledgements", n)
			}
		})
	}
}

// hearOnce makes a connection of a kind. It writes if it can, and then waits until it has
// read something.
func hearOnce(t *testing.T, m *reactor.Manager, kind string, hear reactor.Handler, heard *int) {
	t.Helper()
	switch kind {
	case "socketpair":
		c, p := wrap(t, m, hear)
		c.Write([]byte("question"))
		await(t, m, "the question", p.Received("question"))
		p.WriteString("part")
	case "pipe":
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		fd, err := unix.Dup(int(r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.WrapFD(fd, hear, nil); err != nil {
			unix.Close(fd)
			t.Fatal(err)
		}
		fmt.Fprint(w, "part")
	default:
		url := "udp://127.0.0.1:0"
		if kind == "unix" {
			url = "unix://" + filepath.Join(t.TempDir(), "s")
		}
		asked := false
		l := listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				asked = true
				c.Recv.Reset()
				c.Write([]byte("part"))
			}
		})
		if kind == "udp" {
			url = "udp://" + l.LocalAddr().String()
		}
		dial(t, m, url, hear).Write([]byte("question"))
		await(t, m, "the question", func() bool { return asked })
	}
	await(t, m, "the part", func() bool { return *heard > 0 })
}
