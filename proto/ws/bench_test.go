package ws_test

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkWrap frames what lies in Send, for a server (no masking).
func BenchmarkWrap(b *testing.B) {
	for _, n := range []int{16, 125, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			m, err := reactor.New()
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			c, fd := looptest.Wrap(b, m, nil)
			defer unix.Close(fd)
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
