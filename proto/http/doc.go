// Package http implements HTTP/1.1 servers and clients on reactor connections. A WebSocket
// connection starts as an HTTP connection, so package ws builds on this package.
//
// The package has two parts. The codec ([Parser], [Message], [ParseHead]) is pure: it takes
// bytes and returns values. It parses in place. After a warm-up it allocates only errors. The
// layer ([Listen], [Connect], [Reply]) connects the codec to a connection and raises these
// events:
//
//	EvHTTPHdrs *Message   the header is complete; the body may not be
//	EvHTTPBody *Piece     a piece of the body; only after StreamBody
//	EvHTTPMsg  *Message   the message is complete
//
// A server, with a route and a folder of files:
//
//	files, err := http.Dir("web_root")
//	...
//	l, err := http.Listen(m, "http://0.0.0.0:8000", func(c *reactor.Conn, ev reactor.Event, data any) {
//		if ev != reactor.EvHTTPMsg {
//			return
//		}
//		hm := data.(*http.Message)
//		var id []byte
//		if http.Match(hm.URI, "/devices/*", &id) {
//			http.Reply(c, 200, "Content-Type: text/plain\r\n", "device %s\n", id)
//		} else {
//			http.ServeDir(c, hm, &http.ServeOptions{FS: files})
//		}
//	}, nil)
//
// A client:
//
//	cl := http.NewClient(m, nil)
//	err := cl.Do(&http.Request{URL: "https://example.com/"}, func(c *reactor.Conn, ev reactor.Event, data any) {
//		switch ev {
//		case reactor.EvHTTPMsg: // the response is complete
//			hm := data.(*http.Message)
//			fmt.Printf("%d %s\n", hm.Status, hm.Body)
//		case reactor.EvError: // there is none: this or EvHTTPMsg is the last event
//			log.Print(data.(error))
//		}
//	}, nil)
//
// # Where to find what
//
//	routes                         Match
//	query and form fields          Message.Var, Message.Vars; Var and Vars for bytes
//	header lines                   Message.Header, Message.HasToken, HeaderVar
//	credentials, cookies           Message.Creds, BasicAuth, Message.Cookie, SetCookie
//	files and folders              ServeDir, ServeFile, Dir
//	responses                      Reply, ReplyBytes, ReplyReader; ReplyStart, Chunk, EndChunks
//	large bodies, in pieces        StreamBody, which raises EvHTTPBody with a Piece
//	multipart bodies               MultipartParser in pieces; Message.NextPart for a whole body
//	requests                       Client, SendRequest; Request says where the body comes from
//	HTTP on another connection     StartServer, StartClient, ListenFD
//	handlers of net/http           package nethttp
//	another protocol after HTTP    Layer, Detach, ws.Upgrade
//
// # The life of a request on a server
//
//	EvHTTPHdrs   answer at once, or call StreamBody, or replace the layer, or do nothing
//	EvHTTPBody   only after StreamBody: each piece as it arrives; c.Pause slows the client down
//	EvHTTPMsg    answer now or at any later time; without StreamBody msg has the whole body
//
// The next request on the connection is delivered when this one is answered. A request is answered
// by one of these, in any event and also outside of handlers:
//
//	Reply, ReplyBytes               a response in one piece
//	ReplyReader                     a response whose body is read from a file or another reader
//	ReplyStart, Chunk…, EndChunks   a response in pieces, now and later
//	MarkAnswered                    the program has written the response itself
//
// Content-Length, Transfer-Encoding, Connection and Date come from these calls. They know HEAD,
// the statuses without body, and HTTP/1.0 clients. An error that the program does not use is
// logged once.
//
// # The life of a response on a client
//
// A [Client] sends requests, keeps connections for further ones, and bounds the wait for each
// response. [Connect] and [SendRequest] do less: the program has one connection, and decides when
// it ends. [StartClient] and [StartServer] put HTTP on a connection that exists already.
//
// A response raises the same events. [ExpectResponseTo] says which request it answers, if the
// program has written that request itself. [StreamBody] works as on a server, and the body of a
// request is sent like that of a response: whole, from a reader, or with Chunk and EndChunks.
//
// # Limits
//
// [SetLimits] bounds the memory that a peer can make a connection use. On a listener it
// applies to the connections that are accepted from then on. In each field of [Limits] zero
// means the default and a negative value means no limit, as in the packages ws and mqtt.
//
//	what                                default     set with          a server answers
//	request line                        16 KiB      Limits.Head       414
//	header, with the first line         16 KiB      Limits.Head       431
//	header lines, with the trailer      100         Limits.Headers    431
//	trailer                             16 KiB      Limits.Head       431
//	body that is collected              3 MiB       Limits.Body       413
//	body in pieces                      3 MiB       StreamBody        413
//	size line of a chunk                256 bytes   -                 400
//	framing of all chunks               Head + the limit of the body  413
//	bytes after an unanswered request   Head + Body                   -: the connection fails
//	interim responses (1xx) to a client 100         -                 -: the connection fails
//
// The limit of the body is applied after EvHTTPHdrs. So a handler can take over a body of any size.
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
// without NextRequest: a response may begin at any time, and must be complete in time then. Only
// a [Client] also bounds the wait for its beginning, see ClientOptions.Timeout. To
// read a response without end, call StreamBody, and set Deadlines.Message to a negative value.
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
//   - folded header lines in requests and trailers; those of a response are unfolded
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
