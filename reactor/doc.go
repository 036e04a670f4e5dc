// Package reactor is an event loop in the style of Mongoose. A Manager polls non-blocking
// sockets with epoll or kqueue and calls one handler function per connection with events.
//
//	m, err := reactor.New()
//	...
//	m.Listen("tcp://127.0.0.1:7000", func(c *reactor.Conn, ev reactor.Event, data any) {
//		if ev == reactor.EvRead {
//			c.Write(c.Recv.Bytes()) // echo
//			c.Recv.Reset()
//		}
//	}, nil)
//	for m.Poll(time.Second) == nil {
//	}
//
// # One goroutine
//
// A manager and all that lives on it belong to the goroutine that calls Poll. Nothing is
// locked. Other goroutines may call Manager.Post and Manager.Wakeup and nothing else.
// WithOwnerCheck finds calls from the wrong goroutine.
//
// # Order of events
//
// EvOpen is first and EvClose is last, each exactly once. EvError comes at most once, before
// EvClose. In between the order depends on how the connection was made:
//
//	Connect       EvOpen, EvResolve, EvConnect, EvTLSHS (with TLS), EvRead and EvWrite
//	accepted      EvOpen, EvAccept, EvTLSHS (with TLS), EvRead and EvWrite
//	WrapFD        EvOpen, EvRead and EvWrite
//
// Connect, Listen and WrapFD call no handler. EvOpen comes from the next Poll, or just before
// an event that the program raises sooner with Fail or Call. Protocols hear of each event
// before the handler does.
//
// # What handlers may do
//
// A handler may make any call on any connection, except Poll and Drain of the manager, which
// panic. Calls only mark a connection. The loop writes, shuts down and frees after the handlers
// have returned. Nothing is written to a socket while a handler runs, so a handler may change
// what it has just appended to Send. A handler must not block.
//
// # Errors
//
// The data of EvError is an error that wraps the cause: use errors.Is and errors.As, not == or
// a type assertion. An error that the program does not look at is logged once, at level Warn.
//
// # TLS
//
// tls:// URLs, and Conn.StartTLS on others, put crypto/tls under Recv and Send, which stay
// plaintext. What is written before EvTLSHS waits for it and leaves encrypted. The handshake
// runs as a coroutine (see iter.Pull): a program that locks its goroutine to a thread does so
// before New.
//
// # Half-closed connections
//
// By default a connection closes after the peer has ended its side: what lies in Send is
// written first. With Conn.SetHalfClose the peer's end is EvEnd, and the connection goes on
// sending until the program ends it. Conn.CloseWrite ends the sending side only.
//
// # Limits and backpressure
//
// Conn.SetLimits and WithLimits bound the buffers. Beyond Limits.Send or Limits.Recv a
// connection fails. Beyond Limits.Unsent, 1 MiB by default for accepted connections, no input
// is delivered until half of that is written: a client that does not read its answers is not
// read either. Conn.SetWater raises EvHighWater and EvLowWater, at which a handler may Pause
// and Resume the connection that the bytes come from. Deadlines bound how long things take.
//
// # Ownership
//
// Event data, and every slice reachable from it, is valid until the handler returns. A Conn
// owns memory for Recv only while it holds a rest that nobody consumed, and for Send only while
// it holds something unwritten.
//
// # Writing a protocol
//
// A protocol is a layer on a connection: a type with the method of Protocol, which handles each
// event before the layers above it and the handler. Conn.Stack returns the calls that are for
// layers: Push and Replace change the layers, Redispatch and AwaitEnd, SetHandshaking and
// SetReceiving, StartDeadline and StopDeadline tell the loop what the protocol waits for,
// Closed says whether it is over, and Report marks errors that a program may ignore. A layer
// raises events of its own with Conn.Call: from EvUser on, or from EvUserInput on if input
// causes them. It may also implement
//
//	Acceptor      to give accepted connections a layer of their own
//	Ender         to judge the peer's end of stream
//	Finisher      to accept an end of a TLS stream without close_notify
//	Leaver        to say goodbye when Manager.Drain ends the connection
//	Negotiator    to have a name for ALPN
//
// Find returns a layer of a connection, Local what a protocol keeps per manager.
package reactor
