package ws_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// newManager makes a manager for an example.
func newManager() *reactor.Manager {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	return m
}

// serve starts a WebSocket server for an example and returns its URL. fn is called with each
// message.
func serve(m *reactor.Manager, fn func(c *reactor.Conn, msg *ws.Message), opts ...*ws.Options) (url string) {
	l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSMsg {
			fn(c, data.(*ws.Message))
		}
	}, nil, opts...)
	if err != nil {
		log.Fatal(err)
	}
	return "ws://" + l.LocalAddr().String()
}

// sendBack is an echo server.
func sendBack(c *reactor.Conn, msg *ws.Message) {
	if err := ws.Send(c, msg.Data, msg.Op); err != nil {
		log.Print(err)
	}
}

// A client sends a message to an echo server, prints the answer, and closes.
func ExampleConnect() {
	m := newManager()
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen: // the handshake is complete: now messages can be sent
			ws.Send(c, []byte("hello"), ws.OpText)
		case reactor.EvWSMsg:
			fmt.Printf("%s\n", data.(*ws.Message).Data) // valid until the handler returns
			ws.Close(c, ws.StatusNormalClosure, "done")
		case reactor.EvWSCtl: // the server's answer to Close
			if msg := data.(*ws.Message); msg.Op == ws.OpClose {
				code, _ := msg.CloseStatus()
				fmt.Println("closed with", ws.StatusName(code))
			}
		case reactor.EvError: // what went wrong, at most once
			log.Print(data.(error))
		case reactor.EvClose: // always, and last
			m.Close()
		}
	}
	if _, err := ws.Connect(m, serve(m, sendBack), handler, nil, "User-Agent: example\r\n"); err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
	// Output:
	// hello
	// closed with 1000 normal closure
}

// ask connects to a WebSocket, sends a message, prints as many answers, and closes the manager.
func ask(m *reactor.Manager, url, question string, answers int, opts ...*ws.Options) {
	_, err := ws.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			ws.Send(c, []byte(question), ws.OpText)
		case reactor.EvWSMsg:
			msg := data.(*ws.Message)
			fmt.Printf("%s %s\n", ws.OpName(msg.Op), msg.Data)
			if answers--; answers == 0 {
				m.Close()
			}
		case reactor.EvError:
			log.Print(data.(error))
			m.Close()
		}
	}, nil, "", opts...)
	if err != nil {
		log.Fatal(err)
	}
	for m.Poll(time.Second) == nil {
	}
}

// A server that has nothing but WebSockets. Pages of other servers must be listed.
func ExampleListen() {
	m := newManager()
	url := serve(m, sendBack, &ws.Options{
		Origins: []string{"https://example.com"},
		Ping:    30 * time.Second, // find peers that have vanished
	})
	ask(m, url, "to listen", 1)
	// Output: text to listen
}

// A server has pages and WebSockets on one port, and upgrades the requests for one path.
func ExampleUpgrade() {
	m := newManager()
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			hm := data.(*http.Message)
			if string(hm.URI) != "/ws" {
				http.Reply(c, 404, "", "not found\n")
			} else if err := ws.Upgrade(c, hm, ""); err != nil {
				log.Print(err) // the client has got a response
			}
		case reactor.EvWSMsg:
			msg := data.(*ws.Message)
			ws.Send(c, msg.Data, msg.Op)
		}
	}
	l, err := http.Listen(m, "http://127.0.0.1:0", handler, nil)
	if err != nil {
		log.Fatal(err)
	}
	ask(m, "ws://"+l.LocalAddr().String()+"/ws", "upgraded", 1)
	// Output: text upgraded
}

// Printf formats a message, as fmt.Printf does.
func ExamplePrintf() {
	m := newManager()
	url := serve(m, func(c *reactor.Conn, msg *ws.Message) {
		ws.Printf(c, ws.OpText, "you sent %d bytes", len(msg.Data))
	})
	ask(m, url, "hello", 1)
	// Output: text you sent 5 bytes
}

// Wrap makes a frame of bytes that are in Send already, for example those that another protocol has
// appended.
func ExampleWrap() {
	m := newManager()
	url := serve(m, func(c *reactor.Conn, msg *ws.Message) {
		start := c.Send.Len()
		fmt.Fprintf(c, "%s, in place", msg.Data) // any number of writes
		ws.Wrap(c, c.Send.Len()-start, ws.OpText)
	})
	ask(m, url, "framed", 1)
	// Output: text framed, in place
}

// A long message is sent in several frames, while it is made.
func ExampleNewWriter() {
	m := newManager()
	url := serve(m, func(c *reactor.Conn, _ *ws.Message) {
		w, err := ws.NewWriter(c, ws.OpText, 16) // frames of 16 bytes
		if err != nil {
			log.Print(err)
			return
		}
		for i := range 10 {
			fmt.Fprintf(w, "part %d;", i)
		}
		w.Close() // the last frame
	})
	ask(m, url, "go on", 1)
	// Output: text part 0;part 1;part 2;part 3;part 4;part 5;part 6;part 7;part 8;part 9;
}

// A message for many connections is encoded, and compressed, once. The next message uses the same
// memory.
func ExamplePrepared() {
	m := newManager()
	all := map[*reactor.Conn]bool{}
	var toAll ws.Prepared
	server := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			all[c] = true
		case reactor.EvWSMsg:
			if err := toAll.Set(data.(*ws.Message).Data, ws.OpText); err != nil {
				log.Print(err)
				return
			}
			for other := range all {
				toAll.Send(other)
			}
		case reactor.EvClose:
			delete(all, c)
		}
	}
	l, err := ws.Listen(m, "ws://127.0.0.1:0", server, nil, &ws.Options{Deflate: &ws.Deflate{}})
	if err != nil {
		log.Fatal(err)
	}
	ask(m, "ws://"+l.LocalAddr().String(), "to all", 1, &ws.Options{Deflate: &ws.Deflate{}})
	// Output: text to all
}

// With Delivery a handler gets a message in pieces, as it arrives. So a message may be larger than
// what the program wants to hold.
func ExampleOptions() {
	m := newManager()
	size := 0
	url := serve(m, func(c *reactor.Conn, piece *ws.Message) {
		if piece.First {
			size = 0
		}
		size += len(piece.Data)
		if piece.Fin {
			ws.Printf(c, ws.OpText, "%d bytes", size)
		}
	}, &ws.Options{Delivery: ws.Chunks, Limits: ws.Limits{Message: 1 << 30}})
	ask(m, url, fmt.Sprintf("%100000d", 1), 1)
	// Output: text 100000 bytes
}
