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
// appends bytes to c.Send and frames them in place with Wrap.
//
// # The connection's states
//
//	        Connect                       Upgrade
//	           |                             |
//	     [handshaking] ---- 101, all checks --+--> EvWSOpen
//	           |                                     |
//	any other answer: Fail                         [open] -- a violation: Close frame, Fail
//	                                              /      \
//	                      Send(c, p, OpClose)    /        \   the peer's Close frame:
//	                                            v          v  EvWSCtl, answered
//	                                      [closing] ----> [done] -- Drain --> EvClose
//	                                             peer's Close
//
// In [closing] and [done] nothing can be sent; in [done] what arrives is
// dropped. Pings are answered without the handler's help.
//
// # The way of a frame
//
// Bytes arrive in c.Recv. A frame waits there until it is complete, is
// unmasked in place, and its payload is handed to the handler where it lies. Only
// the fragments of a message that comes in several frames are copied, once, to lie
// in one piece. A frame is taken out of Recv before the handler runs, so
// what the handler leaves by pausing is whole frames.
package ws
