// Package nethttp runs handlers of net/http on the event loop: the loop does the input and output,
// and each handler runs on a goroutine of a bounded pool, where it may block. So routers,
// middleware, net/http/pprof, expvar and file servers work beside WebSocket, MQTT and the handlers
// of package http, on the same port.
//
// [Listen] serves a handler on a port of its own. A program with events of its own makes a [Bridge]
// and calls [Bridge.Serve] in EvHTTPHdrs for the requests that net/http is to answer.
//
// # What a handler can rely on
//
//   - Request has the fields that net/http's server sets. The header names are canonical. In the
//     context are LocalAddrContextKey, and ServerContextKey with an http.Server that has the
//     Handler and the ErrorLog, but does not run.
//   - The body is read as fast as the handler reads it. At most Options.Buffer bytes wait, and one
//     read of the loop. A client that waits for 100 (Continue) gets it with the first Read.
//   - ResponseWriter does what net/http's does: implicit 200, Content-Type by sniffing,
//     Content-Length of short bodies, chunks for others, 1xx by WriteHeader, trailers, HEAD. It
//     implements http.Flusher, http.Hijacker, io.StringWriter, and all of http.ResponseController.
//   - As in net/http, the rest of a request's body is discarded when the response begins, up to
//     256 KiB. Beyond that the connection closes after the response. EnableFullDuplex changes that.
//   - Write waits while the client does not read, and WriteHeader with a status of 1xx too.
//   - The context is cancelled when the client ends or resets the connection, and when the manager
//     closes. Read and Write return errors then.
//   - Hijack returns a netconn.Conn. The handler is not counted any more from then on. The end of
//     the connection does not cancel the context any more: Read and Write of the Conn report it.
//   - Read, Write, Flush and Hijack wait for the loop. If nobody calls Poll, they wait until
//     Manager.Close, which ends all of them.
//   - A panic ends the connection, and is logged unless it is http.ErrAbortHandler.
//
// # What differs from net/http
//
//   - At most Options.Workers handlers run at once, and Options.Queue requests wait for them. More
//     are answered with 503 by the loop.
//   - Deadlines and limits are those of the loop, see below. The body has no limit: use
//     http.MaxBytesHandler.
//   - Trailers of a request are not delivered. HTTP/2 is not served. A handler cannot answer with
//     101, or CONNECT with 2xx, except by Hijack. Status 205 has no body.
//   - http.MaxBytesReader cannot tell the server to close the connection. It closes if more than
//     256 KiB are not read.
//
// # Timeouts
//
// These take the place of the fields of http.Server:
//
//	http.Server         here
//	ReadHeaderTimeout   Deadlines.Handshake
//	ReadTimeout         Deadlines.Message and MessageRate: how slow a body may be
//	WriteTimeout        Deadlines.Stall: how long the client may take nothing
//	IdleTimeout         Deadlines.NextRequest
//	MaxHeaderBytes      http.Limits.Head
//
// The Deadlines are those of package reactor, and have defaults. A body and a response that make
// progress may last. SetReadDeadline and SetWriteDeadline of http.ResponseController set points in
// time.
//
// # Memory
//
// A connection has one request at a time. Besides what handlers allocate, it holds at most
//
//	2*Head + Buffer + 112 KiB   of the request
//	2*Buffer + 48 KiB           of the response
//
// Head is http.Limits.Head, and Buffer is Options.Buffer. The constants are one read of the loop,
// the http.Header, and what blocks of 16 KiB leave unused. Multiply the sum by reactor.Limits.Conns
// for the worst case, in which all clients send much and read nothing. Deadlines.Stall ends
// connections whose clients do not read.
//
// The first row counts towards reactor.WithMemoryBudget, also while the request waits for a worker,
// so the budget bounds its sum. If it is exceeded, the requests that hold most end with
// reactor.ErrMemoryBudget. The second row does not count, like Conn.Send.
package nethttp
