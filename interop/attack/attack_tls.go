//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"net"
)

// recorded keeps what a client writes first, and fails.
type recorded struct {
	net.Conn
	bytes []byte
}

var errRecorded = errors.New("recorded")

func (r *recorded) Write(p []byte) (int, error) {
	r.bytes = append(r.bytes, p...)
	return 0, errRecorded
}

// clientHello returns the first flight of a TLS client.
func clientHello() ([]byte, error) {
	r := &recorded{}
	err := tls.Client(r, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}).Handshake()
	if !errors.Is(err, errRecorded) {
		return nil, err
	}
	return r.bytes, nil
}

// hellos opens connections, sends a part of a ClientHello on each and says nothing more. part
// returns how many of n bytes.
func hellos(connections, short int, part func(n int) int) func(a *attacker) error {
	return func(a *attacker) error {
		hello, err := clientHello()
		if err != nil {
			return err
		}
		p := hello[:part(len(hello))]
		return a.crowd(a.size(connections, short), len(p), p)
	}
}

func oneOf(int) int    { return 1 }
func halfOf(n int) int { return n / 2 }
func allOf(n int) int  { return n }

// handshakes makes one handshake after the other.
func handshakes(a *attacker) error {
	return a.again(8, func(c net.Conn) {
		tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake()
		reset(c)
	})
}
