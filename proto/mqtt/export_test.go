package mqtt

import "github.com/rikki-go/rikki/reactor"

// UnparsedMemory returns the size of the memory for the part of a packet that earlier WebSocket
// messages contained.
func UnparsedMemory(c *reactor.Conn) int {
	if l, ok := reactor.Find[*layer](c); ok {
		return l.wsInput.Cap()
	}
	return 0
}
