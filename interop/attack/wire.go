//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

// upgrade makes a connection a WebSocket.
func upgrade(c net.Conn, headers string) error {
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"+headers+"\r\n")
	if err != nil {
		return err
	}
	head, err := readHead(bufio.NewReaderSize(oneByte{c}, 16))
	if err == nil && !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		err = fmt.Errorf("answered %.40q", head)
	}
	return err
}

// oneByte reads single bytes, so that a buffered reader takes no more than it returns.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

// frame is a WebSocket frame of a client. Its masking key is zero, which leaves the payload as it
// is. first is the first byte: FIN, RSV1 and the opcode.
func frame(first byte, payload []byte) []byte {
	return append(frameHead(first, len(payload)), payload...)
}

// frameHead is the header of a frame with n bytes of payload.
func frameHead(first byte, n int) []byte {
	head := []byte{first}
	switch {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(n))
	}
	return append(head, 0, 0, 0, 0)
}

// packet is an MQTT packet. first is its type and flags.
func packet(first byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	all := binary.AppendUvarint([]byte{first}, uint64(n)) // the same encoding as MQTT's
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// text is a UTF-8 string of MQTT.
func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func number(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// properties are the properties of a packet of MQTT 5, and nothing in earlier versions.
func properties(version byte, all []byte) []byte {
	if version < 5 {
		return nil
	}
	return append(binary.AppendUvarint(nil, uint64(len(all))), all...)
}

// userProperties are n user properties, each with an empty name and an empty value.
func userProperties(n int) []byte {
	all := make([]byte, 5*n)
	for i := range n {
		all[5*i] = 38
	}
	return all
}

// login sends CONNECT and reads CONNACK. will is the end of the packet's payload, with the will,
// or nil.
func login(c net.Conn, version byte, id string, will []byte) error {
	flags := byte(2) // clean session
	if will != nil {
		flags |= 4
	}
	return loginWith(c, packet(0x10, text("MQTT"), []byte{version, flags}, number(0),
		properties(version, nil), text(id), will))
}

func loginWith(c net.Conn, connect []byte) error {
	if _, err := c.Write(connect); err != nil {
		return err
	}
	p, err := readPacket(c)
	if err == nil && (len(p) < 2 || p[1] != 0) {
		err = fmt.Errorf("CONNACK % x", p)
	}
	return err
}

// subscribe sends SUBSCRIBE and reads SUBACK.
func subscribe(c net.Conn, version byte, filters ...string) error {
	if _, err := c.Write(subscription(version, filters...)); err != nil {
		return err
	}
	_, err := readPacket(c)
	return err
}

func subscription(version byte, filters ...string) []byte {
	var all []byte
	for _, f := range filters {
		all = append(append(all, text(f)...), 0)
	}
	return packet(0x82, number(1), properties(version, nil), all)
}

// publish is a PUBLISH with QoS 0.
func publish(version, flags byte, topic string, payload []byte) []byte {
	return packet(0x30|flags, text(topic), properties(version, nil), payload)
}

// readPacket returns the body of a packet.
func readPacket(c net.Conn) ([]byte, error) {
	in := bufio.NewReaderSize(oneByte{c}, 16)
	if _, err := in.ReadByte(); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	body := make([]byte, min(n, 1<<20))
	_, err = io.ReadFull(in, body)
	return body, err
}
