package reactor

// transport is what lies between a connection's buffers and its descriptor. Connections
// and the loop know this contract and none of its implementations: stream (stream.go),
// datagram sockets (datagram.go) and TLS over a stream (tls.go). A listener of streams
// has none; it accepts.
//
// Bytes come in through input.go and go out through output.go, which alone call read
// and flush.
type transport interface {
	// write appends p to Send, as one message where the socket keeps boundaries.
	write(p []byte) (int, error)

	// read puts what it finds behind the rest in Recv and returns how many bytes that
	// is, or nothing if there is nothing to deliver. more asks to be called again at
	// once. Errors are poll.ErrAgain when the socket has nothing, io.EOF at the peer's
	// end of stream, and what the connection is to fail with.
	read() (n int, more bool, err error)

	// pending reports whether read has something to do without the socket.
	pending() bool

	// opening reports whether a handshake of the transport's own is still to be done.
	opening() bool

	// boundaries reports whether the socket keeps those of messages.
	boundaries() bool

	// flush offers Send to the socket and returns how many bytes left Send, or nothing
	// if the socket took nothing. An error is a write that failed: nothing more can be
	// sent.
	flush() (n int, err error)

	// queued is how many bytes the socket did not take, in whatever form they wait.
	queued() int

	// blocked reports whether queued bytes wait for the socket, and not for something
	// else such as a handshake.
	blocked() bool

	// shutdown ends the sending side, in the protocol and, unless the peer is to end
	// the stream first, in the socket. said is false while that waits for the socket:
	// call it again when the socket takes more. ends reports whether the socket has
	// ends of stream, so that the peer's can be awaited.
	shutdown(peerFirst bool) (said, ends bool)

	// abort makes the descriptor's closing a reset, and close say nothing.
	abort()

	// close gives back what the transport holds. The descriptor is open still, and is
	// closed next.
	close()
}

// nothing is what read and flush return if no event is to be raised. 0 is an empty
// datagram.
const nothing = -1

// transport returns the connection's. A plain stream, which most are, needs no memory
// of its own.
func (c *Conn) transport() transport {
	if c.ext != nil && c.ext.transport != nil {
		return c.ext.transport
	}
	return stream{c}
}

// securing reports whether the transport's handshake is still to be done.
func (c *Conn) securing() bool {
	return c.ext != nil && c.ext.transport != nil && c.ext.transport.opening()
}

// isDatagram reports whether the connection's socket keeps message boundaries.
func (c *Conn) isDatagram() bool {
	return c.ext != nil && c.ext.transport != nil && c.ext.transport.boundaries()
}

// accepts reports whether the connection is a listener of streams.
func (c *Conn) accepts() bool { return c.ext != nil && c.ext.accept != nil }

// queued is how many bytes of the connection wait to be sent.
func (c *Conn) queued() int {
	if c.accepts() {
		return 0
	}
	return c.transport().queued()
}

// blocked reports whether bytes wait for the socket.
func (c *Conn) blocked() bool { return !c.accepts() && c.transport().blocked() }
