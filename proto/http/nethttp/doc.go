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
//   - Write waits while the client does not read.
//   - The context is cancelled when the client ends or resets the connection, and when the manager
//     closes. Read and Write return errors then.
//   - Hijack returns a netconn.Conn. The handler is not counted any more from then on.
//   - A panic ends the connection, and is logged unless it is http.ErrAbortHandler.
//
// # What differs from net/http
//
//   - At most Options.Workers handlers run at once, and Options.Queue requests wait for them. More
//     are answered with 503 by the loop.
//   - Deadlines and limits are those of the loop: reactor.Deadlines, reactor.Limits, http.Limits.
//     The body has no limit: use http.MaxBytesHandler.
//   - Trailers of a request are not delivered. HTTP/2 is not served. A handler cannot answer with
//     101, or CONNECT with 2xx, except by Hijack. Status 205 has no body.
//   - http.MaxBytesReader cannot tell the server to close the connection. It closes if more than
//     256 KiB are not read.
package nethttp
