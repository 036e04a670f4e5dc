//go:build linux

package main

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// These benchmarks measure what a message costs in the libraries alone, without system
// calls and without waiting. An operation is one binary message in one frame. The other
// libraries read from and write to a net.Conn in memory (bench_ws_memory_test.go):
// receiving copies the frame from there, sending copies nothing. For rikki the frame is
// copied into c.Recv and EvRead is raised, as the reactor does after a read; sent bytes are
// dropped from c.Send. bench_ws_peers_test.go has the other libraries.

var wsSizes = []int{16, 125, 1 << 10, 16 << 10, 1 << 20}

// wsLibrary receives or sends n messages with one library, as a client or as a server.
// Frames from clients are masked.
type wsLibrary struct {
	name    string
	receive func(b *testing.B, client bool, frame []byte, size, n int)
	send    func(b *testing.B, client bool, payload []byte, n int)
}

var wsLibraries = []wsLibrary{
	{"rikki", receiveRikki, sendRikki},
	{"gobwas", receiveGobwas, sendGobwas},
	{"gws", receiveGWS, sendGWS},
	{"gorilla", receiveGorilla, sendGorilla},
}

func BenchmarkReceive(b *testing.B) {
	eachWS(b, func(b *testing.B, lib wsLibrary, client bool, size int) {
		lib.receive(b, client, wsFrame(!client, size), size, b.N)
	})
}

func BenchmarkSend(b *testing.B) {
	eachWS(b, func(b *testing.B, lib wsLibrary, client bool, size int) {
		lib.send(b, client, make([]byte, size), b.N)
	})
}

func eachWS(b *testing.B, run func(b *testing.B, lib wsLibrary, client bool, size int)) {
	for _, client := range []bool{false, true} {
		role := map[bool]string{false: "server", true: "client"}[client]
		for _, size := range wsSizes {
			for _, lib := range wsLibraries {
				b.Run(fmt.Sprintf("%s/%d/%s", role, size, lib.name), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					run(b, lib, client, size)
				})
			}
		}
	}
}

// TestWSLibraries runs each benchmark with three messages.
func TestWSLibraries(t *testing.T) {
	for _, lib := range wsLibraries {
		for _, client := range []bool{false, true} {
			for _, size := range wsSizes {
				for name, run := range map[string]func(b *testing.B){
					"receive": func(b *testing.B) { lib.receive(b, client, wsFrame(!client, size), size, 3) },
					"send":    func(b *testing.B) { lib.send(b, client, make([]byte, size), 3) },
				} {
					failed := true
					testing.Benchmark(func(b *testing.B) {
						if b.N == 1 {
							run(b)
							failed = b.Failed()
						}
						b.SkipNow()
					})
					if failed {
						t.Errorf("%s: %s %d bytes, client %v", lib.name, name, size, client)
					}
				}
			}
		}
	}
}

// openRikki opens a WebSocket over a real connection and returns the client's or the
// server's end.
func openRikki(b *testing.B, client bool, fn func(c *reactor.Conn, m *ws.Message)) (c *reactor.Conn, done func()) {
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		b.Fatal(err)
	}
	handle := func(x *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			ws.Upgrade(x, data.(*http.Message), "")
		case reactor.EvWSOpen:
			if x.IsClient() == client {
				c = x
			}
		case reactor.EvWSMsg:
			fn(x, data.(*ws.Message))
		case reactor.EvError:
			b.Error(data.(error))
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handle, nil)
	if err == nil {
		_, err = ws.Connect(m, "ws://"+l.LocalAddr().String(), handle, nil, "")
	}
	for end := 0; err == nil && c == nil && end < 1000; end++ {
		err = m.Poll(5 * time.Millisecond)
	}
	if err != nil || c == nil {
		b.Fatal("no WebSocket: ", err)
	}
	return c, func() { m.Close() }
}

func receiveRikki(b *testing.B, client bool, frame []byte, size, n int) {
	got := 0
	c, done := openRikki(b, client, func(_ *reactor.Conn, m *ws.Message) { got += len(m.Data) })
	defer done()
	read := len(frame)
	b.ResetTimer()
	for range n {
		c.Recv.Append(frame)
		c.Call(reactor.EvRead, &read)
	}
	b.StopTimer()
	wantBytes(b, got, n*size)
}

func sendRikki(b *testing.B, client bool, payload []byte, n int) {
	c, done := openRikki(b, client, nil)
	defer done()
	sent := 0
	b.ResetTimer()
	for range n {
		if err := ws.Send(c, payload, ws.OpBinary); err != nil {
			b.Fatal(err)
		}
		sent += c.Send.Len()
		c.Send.Reset()
	}
	b.StopTimer()
	wantBytes(b, sent, n*len(wsFrame(client, len(payload))))
}
