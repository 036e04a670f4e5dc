// Package ws implements WebSocket clients and servers [RFC 6455] on reactor connections.
//
// A client:
//
//	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
//		switch ev {
//		case reactor.EvWSOpen: // data is the *http.Message of the response
//			ws.Send(c, []byte("hello"), ws.OpText)
//		case reactor.EvWSMsg:
//			msg := data.(*ws.Message)
//			fmt.Printf("%s %s\n", ws.OpName(msg.Op), msg.Data) // valid until the handler returns
//			ws.Close(c, ws.StatusNormalClosure, "")
//		case reactor.EvError: // at most once
//			log.Print(data.(error))
//		case reactor.EvClose: // always, and last
//		}
//	}
//	c, err := ws.Connect(m, "wss://example.com/chat", handler, nil, "Origin: https://example.com\r\n")
//
// With wss:// the client trusts the system's certificate authorities. To change that, call
// c.StartTLS with a *tls.Config before the first Poll. Package proxy connects through a proxy.
//
// A server calls Upgrade in the handler of http.Listen, on reactor.EvHTTPMsg:
//
//	ws.Upgrade(c, data.(*http.Message), "")
//
// After that the handler gets reactor.EvWSOpen, then a reactor.EvWSMsg for each message and
// a reactor.EvWSCtl for each control frame. It sends with Send and Printf. It can also
// append bytes to c.Send and make them a frame in place with Wrap. NewWriter sends a message
// in several frames. A Prepared is a message that is encoded once for many connections. Listen
// makes a server that accepts WebSockets only.
//
// Connect, Upgrade and Listen take Options. They set the limits, the delivery in pieces, the
// compression (RFC 7692), the keep-alive, and the requests that a server accepts. SetLimits
// changes the limits of one connection.
//
//	c, err := ws.Connect(m, url, handler, nil, "", &ws.Options{Deflate: &ws.Deflate{}})
//
// Only connections of Connect, Upgrade and Listen speak WebSocket. On other connections all
// calls that send return ErrNotWebSocket.
//
// OpCode and StatusCode are the types of github.com/gobwas/ws. A program that also imports
// that package gives it another name:
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
//	other response: Fail                           [open] -- a violation: Close frame, Fail
//	                                              /      \      no pong in time: Fail
//	                        Close, OpClose sent  /        \   the peer's Close frame:
//	                                            v          v  answered, EvWSCtl
//	                                      [closing] ----> [done] -- server: Drain ----> EvClose
//	                                          |   the peer's      \ client: the server ends
//	        no Close frame in CloseWait: Fail    Close frame         it, or Close after 1 s
//
// In [closing] and [done] the program can send nothing. In [done] input is discarded. The
// layer answers pings in [open] and [closing]; the handler does not.
//
// # Deadlines
//
// The deadlines of reactor.Deadlines are on by default. Handshake bounds the opening handshake,
// Message and MessageRate a message from its first byte to its last, fragments and control frames
// included, and Stall a peer that does not read. A WebSocket between messages has no deadline:
// keep-alive probes (reactor.Sockets) and Options.Ping find a peer that has vanished. If peers send
// a message slowly on purpose, for example one fragment a minute, set Message to more, or to -1.
//
// # How a frame is processed
//
//  1. Bytes arrive in c.Recv. They are unmasked and checked as they arrive.
//  2. A frame stays in c.Recv until it is complete. Its payload is delivered from there,
//     without a copy.
//  3. The fragments of a message are copied once, to join them. If Options.Delivery is Frames
//     or Chunks, they are delivered without this copy.
//  4. A compressed message is collected first and then inflated.
//  5. Send copies the payload to c.Send. Forward may move its memory there instead.
//
// Data is removed from c.Recv before the handler runs. Therefore a handler may pause, close
// or raise EvRead at any time.
package ws
