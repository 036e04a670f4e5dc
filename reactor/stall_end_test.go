package reactor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A TLS peer that ends its side, sends more nevertheless and does not read: what lies in
// the socket is never read, and is not waited for.
func TestStallBehindCloseNotify(t *testing.T) {
	for _, way := range []string{"TLS 1.2 server", "TLS 1.3 server"} {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			c, f := reach(t, m, way, r.handle, halfClosing)
			c.SetLimits(reactor.Limits{Unsent: -1})
			c.SetDeadlines(reactor.Deadlines{Stall: 10 * time.Second})
			c.Write(noise(16 << 20))
			if err := f.tls.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			awaitEvEnd(t, m, r)
			f.write("more")
			lives(t, m, r)
			for i := 0; i < 20 && !r.closed(); i++ { // the socket may take a little more at first
				k.advance(11 * time.Second)
				spin(t, m, 20)
			}
			if !r.closed() {
				t.Fatal("it does not stall")
			}
			var d *reactor.DeadlineError
			if err := r.err(t); !errors.As(err, &d) || d.Deadline != "stall" {
				t.Errorf("error %v", err)
			}
		})
	}
}
