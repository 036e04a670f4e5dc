package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkEcho sends 64 bytes to and fro between two connections of one
// manager: two reads, two writes and the polls between them per operation.
func BenchmarkEcho(b *testing.B) {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	echo := func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}
	l, err := m.Listen("tcp://127.0.0.1:0", echo, nil)
	if err != nil {
		b.Fatal(err)
	}
	turns := 0
	c, err := m.Connect("tcp://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvConnect:
			c.Write(make([]byte, 64))
		case reactor.EvRead:
			turns++
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for turns < 100 {
		m.Poll(time.Second)
	}
	turns = 0
	b.ReportAllocs()
	for b.Loop() {
		for seen := turns; turns == seen; {
			m.Poll(time.Second)
		}
	}
	c.Close()
}

// BenchmarkPollIdle is a turn with nothing to do beside idle connections.
func BenchmarkPollIdle(b *testing.B) {
	for _, idle := range []int{0, 100, 400} {
		b.Run(map[int]string{0: "0", 100: "100", 400: "400"}[idle], func(b *testing.B) {
			m, err := reactor.New()
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			open := 0
			for range idle {
				if _, err := m.Connect("tcp://"+l.LocalAddr().String(), func(_ *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvConnect {
						open++
					}
				}, nil); err != nil {
					b.Fatal(err)
				}
			}
			for open < idle {
				m.Poll(time.Second)
			}
			for range 10 {
				m.Poll(0)
			}
			b.ReportAllocs()
			for b.Loop() {
				m.Poll(0)
			}
		})
	}
}
