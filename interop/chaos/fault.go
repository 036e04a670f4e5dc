package main

import (
	"math/rand/v2"
	"time"
)

// fault is something that the proxy does to one direction of a connection.
type fault struct {
	kind  kind
	after int           // bytes of this direction that are forwarded before it begins
	size  int           // split: bytes of a piece; throttle: bytes in a millisecond
	bytes int           // split and throttle: for how many bytes
	pause time.Duration // delay: for how long
	begun bool
}

// kind is what a fault does.
type kind uint8

const (
	cutReset  kind = iota // both sides get a reset
	cutClose              // both sides get an end of stream
	blackHole             // nothing is forwarded in either direction until a side gives up
	delay                 // the bytes wait
	split                 // the bytes arrive in small pieces
	throttle              // the bytes arrive slowly
	kinds
)

var kindNames = [kinds]string{"reset", "close", "black hole", "delay", "split", "throttle"}

// ends reports whether the connection does not survive the fault.
func (k kind) ends() bool { return k <= blackHole }

// plan returns the faults of one direction of a connection, in the order of their offsets. The
// connection ends after `life` bytes on average. A connection has an offset of its own for the end,
// anywhere: also inside a handshake, a header and a packet.
func plan(r *rand.Rand, life int) []fault {
	var faults []fault
	at := 0
	for range r.IntN(4) {
		at += r.IntN(life/2 + 1)
		f := fault{kind: delay + kind(r.IntN(int(kinds-delay))), after: at}
		switch f.kind {
		case delay:
			f.pause = time.Duration(r.IntN(30)) * time.Millisecond
		case split:
			f.size, f.bytes = 1+r.IntN(7), 1+r.IntN(2000)
		case throttle:
			f.size, f.bytes = 1+r.IntN(50), 1+r.IntN(3000)
		}
		faults = append(faults, f)
	}
	end := fault{kind: cutReset, after: at + r.IntN(2*life)}
	switch n := r.IntN(100); {
	case n < 5:
		end.after = r.IntN(200) // in the handshakes
	case n < 10:
		end.kind = blackHole
	}
	if end.kind == cutReset && r.IntN(2) == 0 {
		end.kind = cutClose
	}
	return append(faults, end)
}
