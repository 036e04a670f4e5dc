package ws_test

import (
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkWrap makes a frame of the bytes in Send, as a server (no masking).
func BenchmarkWrap(b *testing.B) {
	for _, n := range []int{16, 125, 1 << 10, 16 << 10, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := newEnv(b).open(asServer, nil).conn
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

func BenchmarkEcho(b *testing.B) {
	for _, r := range roles {
		b.Run(string(r), func(b *testing.B) {
			env := newEnv(b)
			tc := env.open(r, nil)
			tc.conn.Fn = echo
			in := []byte(tc.frame(fin|bin, strings.Repeat("x", 64)))
			buf := make([]byte, 1<<16)
			out := 66
			if r == asClient {
				out += 4
			}
			b.ReportAllocs()
			for b.Loop() {
				tc.echoOnce(in, buf, out)
			}
		})
	}
}

// BenchmarkPrepared sends a broadcast of 64 bytes on one of its connections, without the write.
func BenchmarkPrepared(b *testing.B) {
	for _, r := range roles {
		b.Run(string(r), func(b *testing.B) {
			c := newEnv(b).open(r, nil).conn
			p, err := ws.Prepare(make([]byte, 64), ws.OpBinary)
			must(b, err)
			b.ReportAllocs()
			for b.Loop() {
				p.Send(c)
				c.Send.Reset()
			}
		})
	}
}

// BenchmarkEchoPipelined measures a server that reads 16 masked messages of 64 bytes at once and
// sends all of them back in one write. An operation is one message.
func BenchmarkEchoPipelined(b *testing.B) {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(pair[1])
	unix.SetNonblock(pair[1], true)
	c, err := m.WrapFD(pair[0], func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			m := data.(*ws.Message)
			ws.Send(c, m.Data, m.Op)
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	ws.PushOpen(c)
	const batch = 16
	var frames []byte
	for range batch {
		frames = append(frames, 0x82, 0x80|64, 1, 2, 3, 4)
		frames = append(frames, make([]byte, 64)...)
	}
	replies := make([]byte, 64<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch != 0 {
			continue
		}
		if _, err := unix.Write(pair[1], frames); err != nil {
			b.Fatal(err)
		}
		m.Poll(0)
		if n, err := unix.Read(pair[1], replies); err != nil || n != batch*66 {
			b.Fatal(n, err)
		}
	}
}
