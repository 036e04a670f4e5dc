package netconn_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// A goroutine per connection, as with package net, beside the handlers of a loop.
func ExampleNewListener() {
	m, err := reactor.New()
	if err != nil {
		log.Fatal(err)
	}
	l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := netconn.NewListener(l, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer m.Close()
	defer stop()

	go func() {
		defer stop()
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			log.Fatal(err)
		}
		defer client.Close()
		fmt.Fprintln(client, "hello")
		answer, _ := bufio.NewReader(client).ReadString('\n')
		fmt.Print(answer)
	}()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // the manager is closed
			}
			go func() {
				defer c.Close()
				io.Copy(c, c) // blocks, and the loop goes on
			}()
		}
	}()
	m.Run(ctx)
	// Output: hello
}

// net/http's server, with the loop doing the input and output.
func ExampleListener() {
	m, _ := reactor.New()
	l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	ln, _ := netconn.NewListener(l, nil)
	ctx, stop := context.WithCancel(context.Background())
	defer m.Close()
	defer stop()

	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s\n", r.URL.Path)
	}))
	go func() {
		defer stop()
		// The client uses the loop too.
		client := &http.Client{Transport: &http.Transport{DialContext: netconn.Dialer(m, nil)}}
		resp, err := client.Get("http://" + ln.Addr().String() + "/tea")
		if err != nil {
			log.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		fmt.Print(string(body))
		client.CloseIdleConnections()
	}()
	m.Run(ctx)
	// Output: you asked for /tea
}

// A handler gives its connection to code that blocks, for a part of the conversation or for all of
// it.
func ExampleNew() {
	m, _ := reactor.New()
	defer m.Close()
	done := false
	handler := func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev != reactor.EvConnect {
			return
		}
		conn, err := netconn.New(c, nil)
		if err != nil {
			log.Fatal(err)
		}
		go func() { // this goroutine may wait
			defer m.Post(func() { done = true })
			defer conn.Close()
			fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(resp.Status)
		}()
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(server, http.NotFoundHandler())
	if _, err := m.Connect("tcp://"+server.Addr().String(), handler, nil); err != nil {
		log.Fatal(err)
	}
	for !done {
		m.Poll(-1)
	}
	server.Close()
	// Output: 404 Not Found
}
