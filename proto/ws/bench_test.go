package ws_test

import (
	"strconv"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// BenchmarkWrap frames what lies in Send, for a server (no masking).
func BenchmarkWrap(b *testing.B) {
	for _, n := range []int{16, 125, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := newWorld(b).open(asServer, nil).c
			payload := make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				c.Send.Append(payload)
				ws.Wrap(c, n, ws.OpBinary)
				c.Send.Reset()
			}
		})
	}
}
