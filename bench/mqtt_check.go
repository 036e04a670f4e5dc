//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// mqttPattern follows the number of a message in its payload.
var mqttPattern = func() (p [mqttPayload - 8]byte) {
	for i := range p {
		p[i] = byte(i*7 + 1)
	}
	return p
}()

// payloads are the memory of the messages in flight. A client may keep a payload until the message
// is complete.
type payloads [][]byte

func newPayloads(inFlight int) payloads {
	p := make(payloads, 2*inFlight)
	for i := range p {
		p[i] = append(make([]byte, 8, mqttPayload), mqttPattern[:]...)
	}
	return p
}

// payload returns the payload of message n.
func (p payloads) payload(n int) []byte {
	b := p[n%len(p)]
	binary.BigEndian.PutUint64(b, uint64(n))
	return b
}

// checker verifies that each message arrives once and unchanged. Clients that publish from many
// goroutines mix up the order a little.
type checker struct {
	messages int          // that have arrived
	next     int          // all below have arrived
	early    map[int]bool // those above next that have arrived
}

func (c *checker) check(payload []byte) error {
	if len(payload) != mqttPayload || !bytes.Equal(payload[8:], mqttPattern[:]) {
		return fmt.Errorf("message %d has another content: %x", c.messages, payload)
	}
	n := int(binary.BigEndian.Uint64(payload))
	c.messages++
	if n == c.next && len(c.early) == 0 {
		c.next++
		return nil
	}
	if n < c.next || c.early[n] {
		return fmt.Errorf("message %d has arrived twice", n)
	}
	if c.early == nil {
		c.early = map[int]bool{}
	}
	c.early[n] = true
	for c.early[c.next] {
		delete(c.early, c.next)
		c.next++
	}
	if len(c.early) > mqttAhead {
		return fmt.Errorf("message %d has not arrived, but %d later ones have", c.next, len(c.early))
	}
	return nil
}

// end verifies that nothing else was published.
func (c *checker) end(published int) error {
	if c.messages != published || c.next != published {
		return fmt.Errorf("%d messages have arrived, all of the first %d, but %d were published", c.messages, c.next, published)
	}
	return nil
}
