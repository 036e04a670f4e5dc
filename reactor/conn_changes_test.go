package reactor_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// echoLine answers each line with the line. An incomplete line stays in Recv.
func echoLine(c *reactor.Conn) {
	for i := bytes.IndexByte(c.Recv.Bytes(), '\n'); i >= 0; i = bytes.IndexByte(c.Recv.Bytes(), '\n') {
		c.Write(c.Recv.Bytes()[:i+1])
		c.Recv.Consume(i + 1)
	}
}

// lineServer returns a connection that answers each line, and its peer.
func lineServer(t *testing.T, m *reactor.Manager) (*reactor.Conn, *recorder, *peer) {
	t.Helper()
	r := &recorder{On: looptest.Hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { echoLine(c) }}}
	c, p := looptest.Wrap(t, m, r.Handle)
	return c, r, p
}

// A connection may be changed at every byte of a message. What is in Recv stays, and the message
// is answered.
func TestChangesAtEveryByte(t *testing.T) {
	const line = "0123456789abcdef\n"
	for _, change := range looptest.Changes() {
		t.Run(change.Name, func(t *testing.T) {
			m := newManager(t, reactor.WithClock(looptest.NewClock().Now))
			c, r, p := lineServer(t, m)
			for at := range len(line) {
				p.WriteString(line[:at])
				await(t, m, "the first part", func() bool { return c.Recv.Len() == at || r.Closed() })
				change.Do(c)
				spin(t, m, 3)
				if c.Recv.Len() != at {
					t.Fatalf("byte %d: Recv has %d bytes after the change; errors %v", at, c.Recv.Len(), r.Errs)
				}
				p.WriteString(line[at:])
				await(t, m, "the answer", func() bool { p.Receive(); return len(p.In) >= len(line) || r.Closed() })
				if string(p.In) != line || len(r.Errs) > 0 {
					t.Fatalf("byte %d: answer %q, errors %v", at, p.In, r.Errs)
				}
				p.In = nil
			}
		})
	}
}

// A limit of Recv may change at every byte. What handlers leave beyond it fails the connection
// when more arrives.
func TestRecvLimitChangesAtEveryByte(t *testing.T) {
	const line = "0123456789abcdef\n"
	const most = len(line) - 1 // so many bytes wait for the end of the line
	for _, limit := range []int{0, -1, 1, 2, most - 1, most, most + 1, math.MaxInt, math.MinInt} {
		for at := range len(line) - 1 {
			m := newManager(t)
			c, r, p := lineServer(t, m)
			p.WriteString(line[:at])
			await(t, m, "the first part", func() bool { return c.Recv.Len() == at })
			if err := c.SetLimits(reactor.Limits{Recv: limit}); err != nil {
				t.Fatal(err)
			}
			spin(t, m, 2)
			for i := at; i < len(line) && !r.Closed(); i++ {
				p.WriteIfOpen(line[i : i+1])
				await(t, m, "the next byte", func() bool { return r.Read == i+1 || len(r.Errs) > 0 })
				spin(t, m, 2)
				var e *reactor.LimitError
				if fails := limit > 0 && min(i+1, most) > limit; fails != errors.As(r.LastErr(), &e) {
					t.Fatalf("limit %d, set at byte %d: after byte %d the errors are %v", limit, at, i, r.Errs)
				} else if fails {
					break
				}
			}
			if fits := limit <= 0 || limit >= most; fits {
				await(t, m, "the answer", func() bool { p.Receive(); return string(p.In) == line })
			}
			m.Close()
		}
	}
}

// A limit of Send may change while bytes are unsent. It holds at once.
func TestSendLimitChangesWhileUnsent(t *testing.T) {
	m := newManager(t)
	c, r, p := lineServer(t, m)
	c.Write([]byte(strings.Repeat("x", 8<<20)))
	looptest.Fill(t, c)
	unsent := c.Send.Len()
	for _, limit := range []int{0, -1, math.MinInt, math.MaxInt, unsent + 1, unsent, unsent - 1} {
		if err := c.SetLimits(reactor.Limits{Send: limit}); err != nil {
			t.Fatal(err)
		}
		spin(t, m, 3)
		var e *reactor.LimitError
		if fails := limit > 0 && unsent > limit; fails != errors.As(r.LastErr(), &e) {
			t.Errorf("limit %d with %d bytes unsent: errors %v", limit, unsent, r.Errs)
		}
	}
	p.Close()
}
