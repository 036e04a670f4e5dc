package looptest

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// AcceptKey is what a server makes of a client's Sec-WebSocket-Key
// [RFC 6455 4.2.2].
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Agreement is the answer that opens a WebSocket [RFC 6455 4.2.2], with more
// header lines, each with its "\r\n".
func Agreement(key, more string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + AcceptKey(key) + "\r\n" + more + "\r\n"
}

// HeaderValue returns the value of a line in the header of an HTTP message,
// "" if there is none.
func HeaderValue(head, name string) string {
	for _, line := range strings.Split(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d} // of the examples in [RFC 6455 5.7]

// Frame writes a frame [RFC 6455 5.2]. width is the size of the extended
// length: 0, 2 or 8 bytes; -1 is the shortest that fits.
func Frame(first byte, masked bool, width int, payload string) string {
	n := len(payload)
	if width < 0 {
		switch {
		case n < 126:
			width = 0
		case n < 65536:
			width = 2
		default:
			width = 8
		}
	}
	b := []byte{first, byte(n)}
	switch width {
	case 2:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	case 8:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !masked {
		return string(b) + payload
	}
	b[1] |= 0x80
	b = append(b, maskKey[:]...)
	for i := range n {
		b = append(b, payload[i]^maskKey[i%4])
	}
	return string(b)
}
