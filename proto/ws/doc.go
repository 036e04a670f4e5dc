// Package ws is the WebSocket protocol, RFC 6455, for connections of package
// reactor, client and server.
//
//	c, err := ws.Connect(m, "ws://127.0.0.1:8000/echo", handler, nil, "")
//
// or, in the handler of an http.Listen listener, on reactor.EvHTTPMsg:
//
//	ws.Upgrade(c, data.(*http.Message), "")
//
// The handler then hears reactor.EvWSOpen, a reactor.EvWSMsg per message and
// a reactor.EvWSCtl per control frame. It sends with Send and Printf, or
// appends bytes to c.Send and frames them in place with Wrap. NewWriter sends a
// message in frames, Prepare makes one for many connections. Listen serves
// WebSockets and nothing else.
//
// Connect, Upgrade and Listen take Options, which say how connections behave: limits,
// delivery in pieces, compression as RFC 7692 says, keep-alive, which requests are
// accepted. SetLimits changes the limits of one connection.
//
//	c, err := ws.Connect(m, url, handler, nil, "", &ws.Options{Deflate: &ws.Deflate{}})
//
// Calls that send return ErrNotWebSocket for a connection that Connect, Upgrade or
// Listen did not make a WebSocket.
//
// Programs that use the package of gobwas, too, give that one another name:
//
//	import (
//		gws "github.com/gobwas/ws"
//
//		"github.com/rikki-go/rikki/proto/ws"
//	)
//
// # The connection's states
//
//	        Connect                       Upgrade
//	           |                             |
//	     [handshaking] ---- 101, all checks --+--> EvWSOpen
//	           |                                     |
//	any other answer: Fail                         [open] -- a violation: Close frame, Fail
//	                                              /      \      no pong in time: Fail
//	                        Close, OpClose sent  /        \   the peer's Close frame:
//	                                            v          v  answered, EvWSCtl
//	                                      [closing] ----> [done] -- server: Drain --------> EvClose
//	                                          |   the peer's      \ client: the server hangs
//	        no Close frame in CloseWait: Fail    Close frame         up, or after 1 s Close
//
// In [closing] and [done] nothing can be sent; in [done] what arrives is
// dropped. Pings are answered without the handler's help.
//
// # The way of a frame
//
// Bytes arrive in c.Recv, where they are unmasked and checked as they come. A
// frame waits there until it is complete, and its payload is handed to the handler
// where it lies. Only the fragments of a message that comes in several frames are
// copied, once, to lie in one piece; with Options.Delivery they are handed on as they
// are. What is handed on is taken out of Recv before the handler runs, so a
// handler may pause, close or raise EvRead at any time. A message that comes
// compressed is gathered as it is, then inflated.
package ws
