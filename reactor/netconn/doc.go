// Package netconn connects the event loop with code that blocks. A [Conn] is a [net.Conn] over a
// connection of a [reactor.Manager]: the loop does the input and output, and any other goroutine
// may call Read and Write. A [Listener] is a [net.Listener] whose connections are of this kind.
// So code that was written for package net runs beside handlers, on the same loop: crypto/tls,
// net/http, bufio, database drivers, protocols of other modules.
//
// # Which goroutine
//
// [New] and [NewListener] take a connection of the loop, so they are called where its other calls
// are: in handlers, or before the loop runs. [Dial] and [Dialer] are for other goroutines. All
// methods of a Conn and a Listener may be called from any goroutine. Those that wait (Read, Write,
// Accept) panic if they have to wait within a handler: the loop would wait for itself.
//
// # Flow control
//
//	direction  what waits                         bound
//	reading    bytes that Read has not taken      Options.ReadBuffer, and one read of the loop
//	writing    bytes that Write has accepted      Options.WriteBuffer, and as much in Conn.Send
//
// If the bound for reading is reached, the connection is paused until Read has taken half of it.
// If the bound for writing is reached, Write waits. The loop never waits.
//
// What waits for Read counts towards reactor.WithMemoryBudget, in blocks of 16 KiB, also before
// Accept has returned the Conn. What waits for the peer does not, like Conn.Send. If the budget is
// exceeded, the connections that hold most fail with reactor.ErrMemoryBudget. Read then returns the
// error at once: what was not read is released.
//
// # How a connection ends
//
//	what happens                           Read, after all that arrived before   Write
//	the peer ends its side                 io.EOF                                works
//	the connection fails (EvError)         the error of EvError                  the same error
//	it closes without an error (EvClose)   net.ErrClosed, or io.EOF as above     net.ErrClosed
//	Close                                  net.ErrClosed, at once                net.ErrClosed
//	CloseWrite                             works                                 net.ErrClosed
//	the memory budget is exceeded          reactor.ErrMemoryBudget, at once      the same error
//
// The error of EvError is the same value that a handler gets: a reset is ECONNRESET, a TLS stream
// that ends without close_notify is reactor.ErrTruncated, and so on. Most of them are a
// *net.OpError already. Manager.Close closes all connections, so no goroutine waits after it. If
// nobody calls Poll, Read and Write wait until their deadline, Conn.Close or Manager.Close.
//
// There is no goroutine per connection. A Conn that is not used any more must be closed.
package netconn
