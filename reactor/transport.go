package reactor

// transport connects a connection's buffers with its file descriptor. Connections and the
// loop use only this contract. These types implement it:
//
//	stream        stream.go         TCP, UNIX-domain streams, pipes, terminals
//	datagrams     datagram.go       sockets that keep message boundaries
//	tlsTransport  tls_transport.go  TLS over a stream
//
// A listener of streams has no transport: it accepts connections (accept.go).
//
// Only input.go calls read, and only output.go calls flush.
type transport interface {
	// write appends a copy of p to Send. If the socket keeps message boundaries, p is one
	// message.
	write(p []byte) (int, error)

	// read puts bytes from the socket behind the content of Recv. It returns how many bytes it
	// added, or noEvent if there is nothing to deliver. If more is true, the caller calls read
	// again at once. The error tells the state of the input:
	//
	//	poll.ErrAgain    the socket has no more bytes now
	//	io.EOF           the peer has ended its stream
	//	any other error  the connection fails with it
	read() (n int, more bool, err error)

	// inputPending reports whether read has work to do even if the socket is not readable.
	inputPending() bool

	// handshakePending reports whether the transport has a handshake that is not finished.
	handshakePending() bool

	// keepsBoundaries reports whether the socket keeps message boundaries.
	keepsBoundaries() bool

	// flush offers the content of Send to the socket. It returns how many bytes it removed
	// from Send, or noEvent if it removed none. TLS removes what it has encrypted. An error
	// means that a write failed and that nothing more can be sent.
	flush() (n int, err error)

	// unsentBytes returns how many bytes the socket did not take yet: those in Send, and for
	// TLS also ciphertext.
	unsentBytes() int

	// blocked reports whether unsent bytes wait for the socket. It is false while they wait
	// for something else, such as a handshake.
	blocked() bool

	// shutdown ends the sending side. TLS first sends close_notify. Then the socket is shut
	// down, unless leaveOpen is true: the peer is to end the stream first, or it has ended and the
	// descriptor is closed next. If done is false, the socket must take more bytes first: call
	// shutdown again when it is writable. If hasEOF is true, the socket can report the end of
	// the peer's stream, and the caller can wait for it.
	shutdown(leaveOpen bool) (done, hasEOF bool)

	// abort makes the kernel send a reset when the descriptor is closed. After abort, close
	// sends nothing.
	abort()

	// close releases what the transport holds. The descriptor is still open. The caller
	// closes it afterwards.
	close()
}

// noEvent is what read and flush return if the caller must not raise an event. It is not 0,
// because an empty datagram has 0 bytes and raises an event.
const noEvent = -1

// transport returns the connection's transport. Most connections are plain streams. Their
// transport needs no memory of its own.
func (c *Conn) transport() transport {
	if c.ext != nil && c.ext.transport != nil {
		return c.ext.transport
	}
	return stream{c}
}

// writeTransport is transport().write(p), without a call through an interface for a plain stream.
func (c *Conn) writeTransport(p []byte) (int, error) {
	if c.ext != nil && c.ext.transport != nil {
		return c.ext.transport.write(p)
	}
	return stream{c}.write(p)
}

// handshakePending reports whether the connection has TLS and its handshake is not finished.
func (c *Conn) handshakePending() bool {
	return c.ext != nil && c.ext.transport != nil && c.ext.transport.handshakePending()
}

// isDatagram reports whether the connection's socket keeps message boundaries.
func (c *Conn) isDatagram() bool {
	return c.ext != nil && c.ext.transport != nil && c.ext.transport.keepsBoundaries()
}

// isStreamListener reports whether the connection is a listener of streams.
func (c *Conn) isStreamListener() bool { return c.ext != nil && c.ext.accept != nil }

// unsentBytes returns how many bytes of the connection wait to be sent.
func (c *Conn) unsentBytes() int {
	if c.isStreamListener() {
		return 0
	}
	return c.transport().unsentBytes()
}

// blocked reports whether bytes of the connection wait for the socket.
func (c *Conn) blocked() bool { return !c.isStreamListener() && c.transport().blocked() }
