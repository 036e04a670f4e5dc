// Package http speaks HTTP/1.1 on a reactor connection, for servers and for
// clients, and is where a WebSocket connection begins.
//
// It has two halves. The codec ([Parser], [Message], [ParseHead]) is pure:
// bytes in, values out, in place and without allocating. The layer ([Listen],
// [Connect], [Reply]) hangs that codec on a connection and raises
//
//	EvHTTPHdrs *Message   the header is complete, the body may not be
//	EvHTTPMsg  *Message   the message is complete
//
// # Limits
//
// [SetLimits] bounds what a peer can make us hold, for a connection or for all that a
// listener accepts from then on. In each field of [Limits] zero is the default and a
// negative value is no limit, as in the packages ws and mqtt.
//
// # Beside net/http
//
// The package has the name of the standard library's. Programs that use both give
// this one another name:
//
//	import (
//		"net/http"
//
//		mghttp "github.com/rikki-go/rikki/proto/http"
//	)
//
// # Strictness
//
// What HTTP/1.1 leaves open for two readers to understand differently is
// refused, never guessed: repeated Content-Length, Content-Length beside
// Transfer-Encoding, any transfer coding but "chunked", folded lines, bare LF
// and bare CR, control bytes, blanks before the colon of a header. A server
// answers such a request with the [Error]'s status and closes.
//
// # Requests and answers on a server
//
// Every request gets one answer, in order. A request that was pipelined
// behind another waits in Recv until that one is answered with [Reply] or
// [ReplyBytes], from the handler or at any later time (from EvWakeup, from a
// timer). A handler that writes its answer to the connection by hand says so
// with [Answered]. The layer closes the connection behind the answer when
// the request or the answer asks for it.
//
// A message has been taken out of Recv when its EvHTTPMsg is raised; what is
// there follows it. Its slices are valid until the handler returns. A
// program that answers later copies what the answer needs.
//
// What a client does not read piles up in Send. While more than reactor's Limits.Unsent
// wait there, 1 MiB unless it is set, no further request is delivered. A server that wants
// to act earlier sets marks with reactor's SetWater, pauses the connection at EvHighWater
// and resumes it at EvLowWater.
package http
