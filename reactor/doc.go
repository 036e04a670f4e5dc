// Package reactor is an event loop in the style of Mongoose. A Manager polls non-blocking
// sockets with epoll or kqueue. Each connection has one handler function. The loop calls it
// with an event when something happens on the connection.
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
// A client has the same kind of handler:
//
//	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
//		switch ev {
//		case reactor.EvConnect:
//			fmt.Fprintf(c, "hello\n")
//		case reactor.EvRead:
//			fmt.Printf("%s", c.Recv.Bytes())
//			c.Recv.Reset()
//		case reactor.EvError: // at most once
//			log.Print(data.(error))
//		case reactor.EvClose: // always, and last
//		}
//	}
//	c, err := m.Connect("tcp://127.0.0.1:7000", handler, nil)
//
// The comments of the constants list the events, each with the type of its data: go doc EvError.
// The packages http, ws, mqtt, sntp and mdns are protocols, package session keeps MQTT sessions,
// package proxy leads through proxies, and package netconn is for code that blocks.
//
// # The loop
//
// One call of Manager.Poll is one turn of the loop. It waits until a socket is ready or a
// timer is due. Then it reads, calls the handlers, and writes what they left in Send.
// Manager.Run calls Poll until a context is done. A program with a loop of its own uses
// Manager.Fd and Manager.NextTimeout.
//
// # Connections
//
// A Conn is a connection or a listener. Manager.Connect makes an outgoing connection, and
// Manager.WrapFD makes one from a descriptor. Manager.Listen makes a listener, which makes a
// Conn for each connection that it accepts. Accepted connections inherit its handler.
//
// A Conn has two buffers. Recv holds bytes that arrived: a handler consumes any part of
// them, and later bytes follow the rest. On a datagram socket Recv holds one datagram, and
// what the handlers leave of it is dropped. Send holds bytes that are to be written:
// Conn.Write appends to it, and the loop writes it to the socket.
//
// # Order of events
//
// EvOpen is the first event and EvClose is the last. Each is raised exactly once. EvError is
// raised at most once, before EvClose. The order of the others depends on how the connection
// was made:
//
//	Connect       EvOpen, EvResolve, EvConnect, EvTLSHS (with TLS), EvRead and EvWrite
//	accepted      EvOpen, EvAccept, EvTLSHS (with TLS), EvRead and EvWrite
//	WrapFD        EvOpen, EvRead and EvWrite
//	listener      EvOpen
//
// A datagram listener is one Conn for all its peers, and has EvRead and EvWrite too. EvResolve
// is not raised for unix:// URLs. docs/events.md in the repository describes each event.
//
// Connect, Listen and WrapFD call no handler: the next Poll raises EvOpen. If the program
// itself raises an event earlier, with Fail or Call, EvOpen comes just before it. Protocols
// handle each event before the handler does.
//
// # One goroutine
//
// A manager, its connections and its timers belong to the goroutine that calls Poll. They
// have no locks. Other goroutines may make these calls, and no others:
//
//	Manager.Post    runs a function on the loop
//	Manager.Do      runs a function on the loop and waits for it
//	Manager.Wakeup  raises EvWakeup on the connection with an ID
//
// WithOwnerCheck finds calls from the wrong goroutine.
//
// # What handlers may do
//
// A handler may make any call on any connection. Of the manager's calls, Poll, Run and Drain
// panic in a handler. A handler must not block.
//
// Calls that write, drain or close only mark a connection. The loop writes, shuts down and
// frees after the handlers have returned. Nothing is written to a socket while a handler runs,
// so a handler may change what it has just appended to Send.
//
// # Closing
//
//	Conn.Drain       delivers input until Send is written, then ends the sending side,
//	                 discards input and waits for the peer's end, one second at most
//	Conn.Close       discards Send and closes
//	Conn.Fail        raises EvError at once, offers Send to the socket once, and closes
//	Conn.Abort       discards Send and resets the connection
//	Conn.CloseWrite  writes Send, then ends the sending side only
//	Manager.Drain    drains all connections and closes the manager
//	Manager.Close    closes all connections at once
//
// By default the peer's end of stream closes the connection after Send is written. With
// Conn.SetHalfClose the peer's end raises EvEnd instead, and the program goes on sending
// until it ends the connection itself.
//
// # Errors
//
// A call returns an error for what fails at once, such as a bad URL or a failed bind. What
// fails later raises EvError, and EvClose follows. The data of EvError is an error that wraps
// the cause: use errors.Is and errors.As, not == or a type assertion. The error counts as
// handled when errors.Is or errors.As has examined it, or when its Error method was called.
// The manager logs an unhandled error once, at level Warn.
//
// # Panics
//
// The loop recovers no panic of a handler, a timer or a posted function. Without a recover of
// the program's own the process ends. A handler runs inside of the loop and of the layers of a
// protocol, and shares the program's state with all other handlers. After a panic, nobody
// can say which of these are still sound. If the program recovers around Poll, the manager can only
// be closed (ErrPanicked).
//
// A program that prefers to lose one connection wraps its handlers with Recover. The panic is
// then logged with its stack, and the connection fails with a *PanicError.
//
// # Ownership
//
// Event data, and every slice reachable from it, is valid until the handler returns. Copy
// what is needed longer. A Conn owns memory for Recv only while Recv holds bytes that no
// handler consumed, and memory for Send only while Send holds unwritten bytes.
//
// # Limits and backpressure
//
// Conn.SetLimits and WithLimits bound the buffers:
//
//	Limits.Send          a connection with more in Send fails
//	Limits.Recv          a connection whose handlers leave more in Recv fails
//	Limits.Backpressure  a connection with more in Send gets no input until at most half of the
//	                     limit is unsent
//
// Limits.Backpressure is 1 MiB by default for accepted connections, so the loop does not read
// from a peer that does not read its answers. The other two are off by default. On a listener,
// Limits.Conns and Limits.WhenFull say how many connections it has at most, and what happens then.
// WithMemoryBudget bounds what all connections hold of unfinished messages.
//
// Conn.SetWater sets water marks for Send. EvHighWater and EvLowWater are raised when Send
// crosses them. A handler can then Pause and Resume the connection that the bytes come from.
//
// Deadlines bound how long a connection may take. Most are on by default: see Conn.SetDeadlines
// and WithDeadlines. In each turn of the loop a connection gets a share of the time, and what is
// left of its input waits for later turns (fairness.go). docs/security.md has all defaults.
//
// # TLS
//
// A tls:// URL, or Conn.StartTLS on any stream, puts crypto/tls between the socket and the
// buffers. Recv and Send stay plaintext. What is written before EvTLSHS waits for it and is
// sent encrypted. The handshake runs as a coroutine (see iter.Pull). Go cannot continue a
// coroutine if the loop's goroutine has locked or unlocked its thread since the coroutine began.
// So a program that uses runtime.LockOSThread must call it before New.
//
// # Writing a protocol
//
// A protocol is a layer on a connection: a type that implements Protocol. It handles each
// event before the layers above it and before the handler. It raises events of its own with
// Conn.Call. Their numbers begin at EvUser, or at EvUserInput if input causes them. Conn.Stack
// returns the calls that are for layers:
//
//	Push, Replace                    change the layers
//	Redispatch                       offers the rest of Recv again
//	AwaitEnd                         drains, but lets the peer close first
//	SetHandshaking, SetReceiving,    start and end the protocol's waits for the peer
//	SetAwaitingRequest
//	StartDeadline, StopDeadline      bound a wait of the layer's own
//	Closed, CanSend                  report whether the connection is over, and whether bytes of
//	                                 Send can still reach the peer
//	Worked, Yielded                  say that an event took long, and whether input waits for the
//	                                 connection's next share of a turn
//	AddHeld                          counts what the layer holds of an unfinished message
//	Report                           logs an error later, if the program ignores it
//
// A layer may also implement one or more of these:
//
//	Acceptor       gives accepted connections a layer of their own
//	Ender          decides whether the peer may end its stream now
//	Finisher       accepts an end of a TLS stream without close_notify
//	GoodbyeSayer   says goodbye when Manager.Drain ends the connection
//	Negotiator     names the protocols for ALPN
//
// Find returns a layer of a connection. Local returns what a protocol keeps once per manager.
package reactor
