package klauspost_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/proto/ws/klauspost"
	"github.com/rikki-go/rikki/reactor"
)

// A server compresses with klauspost/compress. The client uses compress/flate.
func ExampleNewCompressor() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	opts := &ws.Options{Deflate: &ws.Deflate{NewCompressor: klauspost.NewCompressor}}
	l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSOpen {
			ws.Send(c, []byte(strings.Repeat("All work and no play. ", 1000)), ws.OpText)
		}
	}, nil, opts)
	if err != nil {
		log.Fatal(err)
	}
	done := false
	client := &ws.Options{Deflate: &ws.Deflate{}}
	_, err = ws.Connect(m, "ws://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			fmt.Println(len(data.(*ws.Message).Data), "bytes, in fewer than 1000:", m.Stats().BytesIn < 1000)
			done = true
		}
	}, nil, "", client)
	if err != nil {
		log.Fatal(err)
	}
	for !done {
		m.Poll(time.Second)
	}
	// Output: 22000 bytes, in fewer than 1000: true
}
