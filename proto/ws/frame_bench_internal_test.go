package ws

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// These benchmarks compare our code with that of gobwas/ws which does the same. The table
// in docs/design.md, "gobwas/ws", has the results.

var headers = []struct {
	name  string
	state gobwas.State
	bytes []byte
}{
	{"message", gobwas.StateServerSide, []byte("\x82\x85\x01\x02\x03\x04")},
	{"16-bit length", gobwas.StateServerSide, []byte("\x82\xfe\x04\x00\x01\x02\x03\x04")},
	{"compressed", gobwas.StateServerSide | gobwas.StateExtended, []byte("\xc2\x85\x01\x02\x03\x04")},
	{"fragment", gobwas.StateServerSide | gobwas.StateFragmented, []byte("\x00\x85\x01\x02\x03\x04")},
	{"from a server", gobwas.StateClientSide, []byte("\x82\x05")},
}

func BenchmarkParseHeader(b *testing.B) {
	for _, tt := range headers {
		b.Run("rikki/"+tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := parseHeader(tt.bytes, tt.state); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("gobwas/"+tt.name, func(b *testing.B) {
			b.ReportAllocs()
			r, buf := bytes.NewReader(nil), make([]byte, gobwas.MaxHeaderSize)
			for b.Loop() {
				r.Reset(tt.bytes)
				h, err := gobwas.ReadHeaderBuffer(r, buf)
				if err == nil {
					err = gobwas.CheckHeader(h, tt.state)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	buf := make([]byte, 0, maxHeader)
	key := [4]byte{1, 2, 3, 4}
	for _, n := range []int{5, 1 << 10, 1 << 20} {
		b.Run("rikki/"+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				appendHeader(buf, finBit|byte(OpBinary), n, true, key)
			}
		})
		b.Run("gobwas/"+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h := gobwas.Header{Fin: true, OpCode: OpBinary, Masked: true, Mask: key, Length: int64(n)}
				if gobwas.WriteHeaderBuffer(io.Discard, h, buf) != nil || gobwas.HeaderSize(h) < 6 {
					b.Fatal("no header")
				}
			}
		})
	}
}

func BenchmarkCheckClose(b *testing.B) {
	payload := append([]byte{3, 0xe8}, "the server restarts"...)
	b.Run("rikki", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := checkClose(payload, true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := gobwas.CheckCloseFrameData(gobwas.ParseCloseFrameDataUnsafe(payload)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
