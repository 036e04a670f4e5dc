package reactor_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// newLoop makes a manager for an example.
func newLoop(opts ...reactor.Option) *reactor.Manager {
	m, err := reactor.New(opts...)
	if err != nil {
		log.Fatal(err)
	}
	return m
}

// serveTCP starts a server for an example and returns its URL.
func serveTCP(m *reactor.Manager, fn reactor.Handler) string {
	l, err := m.Listen("tcp://127.0.0.1:0", fn, nil)
	if err != nil {
		log.Fatal(err)
	}
	return "tcp://" + l.LocalAddr().String()
}

// say connects, sends a text, prints what comes back until the server closes, and closes the
// manager.
func say(m *reactor.Manager, url, text string) {
	c, err := m.Connect(url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvRead:
			fmt.Printf("%s\n", c.Recv.Bytes())
			c.Recv.Reset()
		case reactor.EvError:
			log.Print(data.(error))
		case reactor.EvClose:
			m.Close()
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(c, text) // is sent when the connection is established
	for m.Poll(time.Second) == nil {
	}
}

// A server that sends each line back in upper case. What is not a whole line stays in Recv until
// the rest has arrived.
func ExampleManager_Listen() {
	m := newLoop()
	url := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvRead {
			return
		}
		for {
			line, _, ok := strings.Cut(string(c.Recv.Bytes()), "\n")
			if !ok {
				return
			}
			c.Recv.Consume(len(line) + 1)
			fmt.Fprint(c, strings.ToUpper(line))
			c.Drain() // sends it, then closes
		}
	})
	say(m, url, "hello\n")
	// Output: HELLO
}

// A client. Errors of the address come at once, those of the network as EvError.
func ExampleManager_Connect() {
	m := newLoop()
	url := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			fmt.Fprint(c, "welcome")
			c.Drain()
		}
	})
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			fmt.Println("connected")
		case reactor.EvRead:
			fmt.Printf("%s\n", c.Recv.Bytes())
			c.Recv.Reset()
		case reactor.EvError:
			fmt.Println(data.(error))
		case reactor.EvClose:
			*c.FnData.(*bool) = true
		}
	}
	closed := false
	if _, err := m.Connect(url, handler, &closed); err != nil {
		log.Fatal(err)
	}
	for !closed {
		m.Poll(time.Second)
	}
	_, err := m.Connect("tcp://127.0.0.1", handler, nil)
	fmt.Println(err)
	m.Close()
	// Output:
	// connected
	// welcome
	// reactor: bad URL "tcp://127.0.0.1": no port (want tcp://host:port)
}

// A service runs until its context ends, and then says goodbye to its peers.
func ExampleManager_Run() {
	m := newLoop()
	serveTCP(m, nil)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	fmt.Println(m.Run(ctx))
	left, err := m.Drain(time.Second)
	fmt.Println(len(left), err)
	// Output:
	// context deadline exceeded
	// 0 <nil>
}

// Timers run on the loop.
func ExampleManager_AddTimer() {
	m := newLoop()
	n := 0
	var ticker *reactor.Timer
	ticker = m.AddTimer(time.Millisecond, reactor.TimerRepeat, func() {
		n++
		fmt.Println("tick", n)
		if n == 3 {
			ticker.Stop()
			m.Close()
		}
	})
	for m.Poll(time.Second) == nil {
	}
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

// Work that takes long is done on another goroutine. Wakeup brings the answer to the connection,
// if it is still open.
func ExampleManager_Wakeup() {
	m := newLoop()
	url := serveTCP(m, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvRead:
			id, question := c.ID(), string(c.Recv.Bytes())
			c.Recv.Reset()
			go func() { m.Wakeup(id, []byte("the answer to "+question)) }()
		case reactor.EvWakeup:
			c.Write(*data.(*[]byte))
			c.Drain()
		}
	})
	say(m, url, "everything")
	// Output: the answer to everything
}

// Post runs a function on the loop. It does not wait for it.
func ExampleManager_Post() {
	m := newLoop()
	results := []int{} // only the loop uses it, so it needs no lock
	for i := range 3 {
		go func() {
			square := i * i
			m.Post(func() {
				if results = append(results, square); len(results) == 3 {
					m.Close()
				}
			})
		}()
	}
	for m.Poll(time.Second) == nil {
	}
	fmt.Println(len(results), "results")
	// Output: 3 results
}

// Do runs a function on the loop and waits for it.
func ExampleManager_Do() {
	m := newLoop()
	serveTCP(m, nil)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		listeners := 0
		if err := m.Do(ctx, func() { listeners = m.Stats().Listeners }); err != nil {
			log.Print(err)
		}
		fmt.Println(listeners, "listener")
	}()
	m.Run(ctx)
	m.Close()
	// Output: 1 listener
}
