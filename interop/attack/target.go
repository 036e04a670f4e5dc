//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
)

// targetMain is what tcp-proxy connects to. It prints its address and runs until its standard
// input ends. It is an echo, except for connections whose first byte is a 'b': to these it writes
// without end, and reads nothing more.
func targetMain() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveTarget(c)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func serveTarget(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	first, err := in.Peek(1)
	if err != nil {
		return
	}
	if first[0] != 'b' {
		in.WriteTo(c)
		return
	}
	for p := make([]byte, 64<<10); err == nil; {
		_, err = c.Write(p)
	}
}
