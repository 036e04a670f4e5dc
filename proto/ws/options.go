package ws

import (
	"fmt"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Options say how WebSockets behave. Connect, Upgrade and Listen take one or none. The zero
// value and nil are the defaults. All connections that are made with the same Options share
// them, so do not change them afterwards.
type Options struct {
	// Limits limit how much memory a peer can make this side use. SetLimits changes them
	// for one connection.
	Limits Limits
	// Delivery says whether messages reach the handler whole or in pieces.
	Delivery Delivery
	// Deflate turns on permessage-deflate [RFC 7692]: a client offers it, a server accepts
	// it. Nil is off.
	Deflate *Deflate

	// Ping is the keep-alive interval. A peer that has sent nothing for this time gets a
	// ping. Zero is off. Ping, Pong and CloseWait are durations: write 30*time.Second, not
	// 30. A positive value below 1 ms is an error.
	Ping time.Duration
	// Pong is how long the peer may send nothing after that ping. Then the connection
	// fails with a *reactor.DeadlineError, "pong". Zero means as long as Ping. With a
	// negative value the connection does not fail, and the peer gets another ping each time
	// it has sent nothing for Ping.
	Pong time.Duration
	// CloseWait is how long this side waits for the peer's Close frame after its own. Then
	// the connection fails with a *reactor.DeadlineError, "close". Zero is
	// DefaultCloseWait. The time counts from when the socket took the frame. Until then it
	// starts again each time the socket takes bytes.
	CloseWait time.Duration

	// Protocols are the subprotocols that a server speaks, the preferred one first. The
	// server chooses the first one that the client offers [RFC 6455 4.2.2]. If there is
	// no such subprotocol, the connection has none.
	Protocols []string
	// Headers are additional lines of a server's response, "Name: value\r\n" each.
	Headers string
	// Origins are the web pages of other servers that a server accepts requests from. Pages of
	// the server itself need no entry, see SameOrigin. Requests without an Origin header do not
	// come from a browser and are accepted. For other requests the response is 403
	// [RFC 6455 10.2]. Each element is one of these patterns:
	//
	//	https://example.com      this scheme and host, and the default port of the scheme
	//	https://example.com:444  this port
	//	https://example.com:*    any port
	//	https://*.example.com    all subdomains at any depth, but not example.com itself
	//	null                     pages without an origin: files, sandboxed frames, data: URLs
	//	*                        all pages; the check is off
	//
	// Case does not matter. A host is a name in ASCII (xn--… for other letters) or an IP
	// address, IPv6 in brackets. A dot at its end counts, as it does for browsers. Behind a
	// proxy that ends TLS, the server sees no TLS: list its own https:// origin.
	Origins []string
	// CheckOrigin, if it is not nil, decides instead of Origins and SameOrigin. It reports
	// whether a server accepts a request from the web page that the Origin header names.
	CheckOrigin func(hm *http.Message) bool
	// Check is the last check before a server accepts a request. If it returns a
	// *HandshakeError, the response has its Status and Reason. If it returns another error,
	// the response is 403 without the error's text, and the connection closes. Check may
	// also respond itself with http.Reply; it can return any error then.
	Check func(c *reactor.Conn, hm *http.Message) error
}

// Delivery says whether a connection's messages are delivered whole or in pieces. Each piece
// is the data of one EvWSMsg. Each piece may be empty, also the last one. A piece of a text
// may end inside a UTF-8 sequence. A compressed message is inflated when all of it has
// arrived. With Frames and Chunks it is then delivered in pieces of at most 16 KiB.
type Delivery uint8

// The kinds of delivery.
const (
	Whole  Delivery = iota // whole messages, fragments joined
	Frames                 // the payload of each frame, when the frame is complete
	Chunks                 // the part of a frame's payload that has arrived
)

// DefaultCloseWait is how long a connection waits for the peer's Close frame by default.
const DefaultCloseWait = 5 * time.Second

var defaultOptions = new(Options)

// oneOptions returns the only element of opts, or the defaults. call is the name of the
// caller for the error message.
func oneOptions(call string, opts []*Options) (*Options, error) {
	switch {
	case len(opts) > 1:
		return nil, fmt.Errorf("ws: %s takes one *Options or none, got %d", call, len(opts))
	case len(opts) == 0 || opts[0] == nil:
		return defaultOptions, nil
	}
	return opts[0], nil
}

// validate checks the options and the headers that are sent with them. It returns the
// subprotocols that the headers name.
func (o *Options) validate(headers string) (protocols []string, err error) {
	if o.Deflate != nil {
		if err := o.Deflate.validate(); err != nil {
			return nil, err
		}
	}
	for _, d := range [...]struct {
		name string
		set  time.Duration
	}{{"Ping", o.Ping}, {"Pong", o.Pong}, {"CloseWait", o.CloseWait}} {
		if d.set > 0 && d.set < time.Millisecond {
			return nil, fmt.Errorf("ws: Options.%s is %v: want a time.Duration of at least 1ms, or 0, or a negative value",
				d.name, d.set)
		}
	}
	if err := o.checkOrigins(); err != nil {
		return nil, err
	}
	return checkAddedHeaders(headers)
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
