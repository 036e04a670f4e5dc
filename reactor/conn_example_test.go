package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A relay does not read faster than its client does: it pauses the source while much is unsent.
func ExampleConn_SetWater() {
	m := newLoop()
	const size = 1 << 20
	source := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			c.Write(make([]byte, size))
			c.Drain()
		}
	})
	fromSource := func(c *reactor.Conn, ev reactor.Event, _ any) {
		client := c.FnData.(*reactor.Conn)
		switch ev {
		case reactor.EvRead:
			client.Write(c.Recv.Bytes())
			c.Recv.Reset()
		case reactor.EvClose:
			client.Drain()
		}
	}
	relay := serveTCP(m, func(client *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvAccept:
			client.SetWater(16<<10, 64<<10)
			c, err := m.Connect(source, fromSource, client)
			if err != nil {
				client.Fail(err)
				return
			}
			client.FnData = c
		case reactor.EvHighWater:
			client.FnData.(*reactor.Conn).Pause()
		case reactor.EvLowWater:
			client.FnData.(*reactor.Conn).Resume()
		}
	})
	got := 0
	_, err := m.Connect(relay, func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvRead:
			got += c.Recv.Len()
			c.Recv.Reset()
		case reactor.EvClose:
			m.Close()
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
	fmt.Println(got == size)
	// Output: true
}

// A connection ends if its peer is silent for too long.
func ExampleConn_SetDeadlines() {
	m := newLoop(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	url := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			c.SetDeadlines(reactor.Deadlines{Idle: 10 * time.Millisecond})
		case reactor.EvError:
			if e, ok := errors.AsType[*reactor.DeadlineError](data.(error)); ok {
				fmt.Println("deadline:", e.Deadline)
			}
		case reactor.EvClose:
			m.Close()
		}
	})
	if _, err := m.Connect(url, nil, nil); err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
	// Output: deadline: idle
}

// A peer that ends its side still gets an answer.
func ExampleConn_SetHalfClose() {
	m := newLoop()
	url := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvAccept:
			c.SetHalfClose(true)
		case reactor.EvEnd: // all of the input is in Recv now
			fmt.Fprintf(c, "%d bytes", c.Recv.Len())
			c.Recv.Reset()
			c.Drain()
		}
	})
	c, err := m.Connect(url, func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvConnect:
			c.SetHalfClose(true)
			io.WriteString(c, "all that I have")
			c.CloseWrite()
		case reactor.EvRead:
			fmt.Printf("%s\n", c.Recv.Bytes())
			c.Recv.Reset()
		case reactor.EvEnd:
			m.Close()
		}
	}, nil)
	if err != nil || c == nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
	// Output: 15 bytes
}

// A handler that panics loses its connection, and not the process.
func ExampleRecover() {
	m := newLoop(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	handler := reactor.Recover(func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvRead:
			var numbers []int
			fmt.Println(numbers[c.Recv.Len()])
		case reactor.EvError:
			if _, ok := errors.AsType[*reactor.PanicError](data.(error)); ok {
				fmt.Println("the handler has panicked")
			}
		}
	})
	say(m, serveTCP(m, handler), "x")
	// Output: the handler has panicked
}
