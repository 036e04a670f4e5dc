// Package http implements HTTP/1.1 servers and clients on reactor connections. A WebSocket
// connection starts as an HTTP connection, so package ws builds on this package.
//
// The package has two parts. The codec ([Parser], [Message], [ParseHead]) is pure: it takes
// bytes and returns values. It parses in place. After a warm-up it allocates only errors. The
// layer ([Listen], [Connect], [Reply]) connects the codec to a connection and raises these
// events:
//
//	EvHTTPHdrs *Message   the header is complete; the body may not be
//	EvHTTPMsg  *Message   the message is complete
//
// # Limits
//
// [SetLimits] bounds the memory that a peer can make a connection use. On a listener it
// applies to the connections that are accepted from then on. In each field of [Limits] zero
// means the default and a negative value means no limit, as in the packages ws and mqtt.
//
// # Deadlines
//
// The deadlines of [reactor.Deadlines] are on by default. On a server they bound:
//
//	Handshake     the first header, from EvAccept; each later one, from its first byte
//	Message       the rest of a body, a chunk or a trailer, together with MessageRate
//	NextRequest   the time between an answer and the next request; then the connection closes
//	              without EvError
//	Stall         a client that does not read its answers
//
// While a request is not answered, none of them runs except Stall. A client has the same ones,
// without NextRequest: a response may begin at any time, and must be complete in time then. To
// read a response without end, replace the layer in EvHTTPHdrs.
//
// # Use together with net/http
//
// This package has the same name as the one in the standard library. Programs that use
// both give this one another name:
//
//	import (
//		"net/http"
//
//		mghttp "github.com/rikki-go/rikki/proto/http"
//	)
//
// # Strictness
//
// Some messages can be understood in two ways. The parser never guesses. It refuses:
//
//   - a repeated Content-Length header
//   - Content-Length together with Transfer-Encoding
//   - any transfer coding except "chunked"
//   - folded header lines
//   - bare LF, bare CR and other control bytes
//   - spaces or tabs before the colon of a header
//
// A server answers such a request with the status of the [Error], and closes the connection.
//
// After a write has failed, nothing can be answered any more. A server then completes the request
// whose header it has delivered, and drops the pipelined requests after it.
//
// # Requests and responses on a server
//
// Every request gets one response, in order. If a client pipelines requests, the second one
// waits in Recv until the first one is answered. A program answers with [Reply] or
// [ReplyBytes], in the handler or at any later time, for example in EvWakeup or in a timer. It
// may also write the response to the connection itself, and call [MarkAnswered] afterwards.
// The layer closes the connection after a response if the request or the response says
// "Connection: close".
//
// The layer takes a message out of Recv before it raises EvHTTPMsg. During that event Recv
// contains what follows the message. The slices of the message are valid until the handler
// returns. A program that answers later copies what it needs for the response.
//
// Responses that a client does not read accumulate in Send. While more bytes than reactor's
// Limits.Backpressure wait there, no further request is delivered. The default is 1 MiB. To
// act earlier, a server sets water marks with reactor's SetWater, pauses the connection at
// EvHighWater and resumes it at EvLowWater.
package http
