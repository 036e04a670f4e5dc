// Package reactor is an event loop in the style of Mongoose: a Manager polls
// non-blocking sockets with epoll or kqueue and calls one handler function
// per connection with events.
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
// A manager and all that lives on it belong to the goroutine that calls
// Poll. Nothing is locked. Other goroutines may call Manager.Post and
// Manager.Wakeup and nothing else.
//
// # Order of events
//
// Connect, Listen and WrapFD call no handler; EvOpen comes from the next
// Poll, or before what the program raises sooner with Fail or Call. An outgoing connection has EvOpen, EvResolve, EvConnect; an accepted one
// EvOpen, EvAccept; with TLS comes EvTLSHS; then come EvRead and EvWrite. EvError comes at most once and
// before EvClose; EvClose comes exactly once and last. Layers (see Protocol)
// hear of each event before the user's handler does.
//
// # What handlers may do
//
// Anything, on any connection, but call Poll, which panics. Calls only mark
// a connection; the loop writes, shuts down and frees after the handlers have
// returned. Nothing is written to a socket while a handler runs, so a handler
// may change what it has just appended to Send.
//
// # TLS
//
// tls:// URLs, and Conn.StartTLS on others, put crypto/tls under Recv and Send,
// which stay plaintext. Nothing is sent before EvTLSHS that was not encrypted: what
// is written earlier waits. The handshake runs as a coroutine, see iter.Pull: a
// program that locks its goroutine to a thread does so before New.
//
// # Half-closed connections
//
// When the peer has ended its side, what lies in Send is still written, and
// then the connection closes: there is no answering later.
//
// # Ownership
//
// Event data, and every slice reachable from it, is valid until the handler
// returns. A Conn owns memory for Recv only while it holds a rest that nobody
// consumed, and for Send only while it holds something unwritten.
package reactor
