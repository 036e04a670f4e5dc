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

// CheckPackets runs the checks of SendPackets on a new connection.
func CheckPackets(version uint8, packets []byte) error {
	l := &layer{role: client, phase: connected, version: version}
	_, err := l.checkPackets(packets)
	if err == nil {
		_, err = l.takeIDs(packets, nil)
	}
	return err
}
