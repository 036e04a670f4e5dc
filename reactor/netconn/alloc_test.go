//go:build !race

package netconn_test

import (
	"io"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// After a warm-up, neither Read and Write nor the loop's part of them allocate.
func TestReadAndWriteDoNotAllocate(t *testing.T) {
	m := looptest.NewManager(t)
	c, peer := looptest.Wrap(t, m, nil)
	n, err := netconn.New(c, nil)
	must(t, err)
	sent, got := make([]byte, 40<<10), make([]byte, 40<<10)
	looptest.WantNoAllocs(t, "an echo", func() {
		_, err := n.Write(sent)
		must(t, err)
		for peer.In = peer.In[:0]; len(peer.In) < len(sent); peer.Receive() {
			must(t, m.Poll(0))
		}
		for left := peer.In; len(left) > 0; left = left[peer.WriteSome(left):] {
			must(t, m.Poll(0))
		}
		for range 4 {
			must(t, m.Poll(0))
		}
		_, err = io.ReadFull(n, got)
		must(t, err)
	})
	n.Close()
}
