package proxy_test

import (
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/rikki-go/rikki/proto/proxy"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A WebSocket client goes through a SOCKS5 proxy, which resolves the name of the server.
func ExampleDial() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	server, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWSOpen {
			ws.Send(c, []byte("hello"), ws.OpText)
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	socks := exampleProxy()
	defer socks.stop()

	done := false
	url := fmt.Sprintf("ws://server.test:%d/", server.LocalAddr().Port())
	c, err := ws.Connect(m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			fmt.Println("through the proxy:", c.RemoteAddr().String() == socks.addr)
		case reactor.EvWSMsg:
			fmt.Printf("%s\n", data.(*ws.Message).Data)
			c.Close()
		case reactor.EvError:
			fmt.Println(data.(error)) // also if the proxy refuses
		case reactor.EvClose:
			done = true
		}
	}, nil, "")
	if err != nil {
		log.Fatal(err)
	}
	if err := proxy.Dial(c, "socks5://"+socks.addr); err != nil {
		log.Fatal(err)
	}
	for !done {
		m.Poll(time.Second)
	}

	// Output:
	// through the proxy: true
	// hello
}

// A listener behind a load balancer: RemoteAddr is the address of the client.
func ExampleAccept() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	done := false
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			h, _ := proxy.HeaderOf(c)
			fmt.Println(c.RemoteAddr(), "has connected to", h.Dest)
			done = true
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = proxy.Accept(l, &proxy.AcceptOptions{
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, // the load balancer
	})
	if err != nil {
		log.Fatal(err)
	}

	// What the load balancer does for its client.
	c, err := m.Connect("tcp://"+l.LocalAddr().String(), nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = proxy.Send(c, &proxy.Header{
		Version: 2,
		Source:  netip.MustParseAddrPort("198.51.100.7:40000"),
		Dest:    netip.MustParseAddrPort("203.0.113.1:443"),
	})
	if err != nil {
		log.Fatal(err)
	}
	for !done {
		m.Poll(time.Second)
	}

	// Output:
	// 198.51.100.7:40000 has connected to 203.0.113.1:443
}
