package netconn_test

import (
	"bufio"
	"context"
	"fmt"
	"log"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// Another goroutine connects through the loop, and reads and writes as with package net.
func ExampleDial() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	url := "tcp://" + l.LocalAddr().String()
	ctx, stop := context.WithCancel(context.Background())
	defer m.Close()
	defer stop()
	go func() {
		defer stop()
		conn, err := netconn.Dial(ctx, m, url, nil, nil)
		if err != nil {
			log.Print(err)
			return
		}
		defer conn.Close()
		fmt.Fprintln(conn, "hello")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		fmt.Print(line)
	}()
	m.Run(ctx)
	// Output: hello
}
