package ws

import (
	"fmt"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Options say how WebSockets behave. Connect, Upgrade and Listen take one or none.
// The zero value and nil are the defaults. The connections that are made with
// Options share them, so they must not be changed afterwards.
type Options struct {
	// Limits bound what a peer can make us hold. SetLimits changes them for one
	// connection.
	Limits Limits
	// Delivery says in what pieces messages are handed to the handler.
	Delivery Delivery
	// Deflate turns permessage-deflate [RFC 7692] on: a client offers it, a server
	// agrees to it. Nil is off.
	Deflate *Deflate

	// Ping is the keep-alive: a peer that has sent nothing for so long is sent a
	// ping. 0 is off. Ping, Pong and CloseWait are durations, so 30*time.Second and not 30:
	// what is positive and less than 1 ms is an error.
	Ping time.Duration
	// Pong is how long the peer may be silent after that ping until the
	// connection fails with a *reactor.DeadlineError, "pong"; 0 is as long as Ping. With a
	// negative value it does not fail, and is pinged after each Ping of silence.
	Pong time.Duration
	// CloseWait is how long our Close frame waits for the peer's, until the
	// connection fails with a *reactor.DeadlineError, "close"; 0 is
	// DefaultCloseWait. It counts from when the socket took the frame, and before
	// that from when it last took something.
	CloseWait time.Duration

	// Protocols are the subprotocols that a server speaks, the preferred one
	// first: it agrees to the first that the client offers [RFC 6455 4.2.2]. With
	// none in common the connection has none.
	Protocols []string
	// Headers are further lines of a server's answer, "Name: value\r\n" each.
	Headers string
	// CheckOrigin reports whether a server takes a request from a page of that
	// origin; others are answered 403 [RFC 6455 10.2]. Nil takes all, SameOrigin
	// those of the server's own pages.
	CheckOrigin func(hm *http.Message) bool
	// Check is asked last, before a server agrees. A *HandshakeError is answered
	// with its Status and Reason. Check may also answer by itself, with
	// http.Reply, and return any error. Any other error is answered 403, without
	// its text, and closes the connection.
	Check func(c *reactor.Conn, hm *http.Message) error
}

// Delivery says in what pieces the messages of a connection are handed to its
// handler: each piece is the data of one EvWSMsg. Pieces may be empty, the last one
// too, and those of a text may be cut inside a rune. A message that comes
// compressed is inflated when all of it has arrived, and handed on whole or, with
// Frames and Chunks, in pieces of 16 KiB at the most.
type Delivery uint8

// The ways of delivery.
const (
	Whole  Delivery = iota // whole messages, their fragments joined
	Frames                 // each frame's payload when the frame is complete
	Chunks                 // what has arrived of a frame's payload, even if more is to come
)

// DefaultCloseWait is how long a Close frame waits for its answer unless
// Options say otherwise.
const DefaultCloseWait = 5 * time.Second

var defaults = new(Options)

// one returns the Options that a call was given, or the defaults.
func one(call string, opts []*Options) (*Options, error) {
	switch {
	case len(opts) > 1:
		return nil, fmt.Errorf("ws: %s takes one *Options at most, not %d", call, len(opts))
	case len(opts) == 0 || opts[0] == nil:
		return defaults, nil
	}
	return opts[0], nil
}

// valid checks the options, and the headers that go with them, and returns the
// subprotocols among those.
func (o *Options) valid(headers string) (protocols []string, err error) {
	if o.Deflate != nil {
		if err := o.Deflate.check(); err != nil {
			return nil, err
		}
	}
	for _, d := range [...]struct {
		name string
		set  time.Duration
	}{{"Ping", o.Ping}, {"Pong", o.Pong}, {"CloseWait", o.CloseWait}} {
		if d.set > 0 && d.set < time.Millisecond {
			return nil, fmt.Errorf("ws: Options.%s is %v, a time.Duration: want 1ms at least, or 0 or less", d.name, d.set)
		}
	}
	return checkExtra(headers)
}

func (o *Options) closeWait() time.Duration {
	if o.CloseWait == 0 {
		return DefaultCloseWait
	}
	return o.CloseWait
}

func (o *Options) pong() time.Duration {
	if o.Pong == 0 {
		return o.Ping
	}
	return o.Pong
}
