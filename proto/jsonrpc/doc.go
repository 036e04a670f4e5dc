// Package jsonrpc is JSON-RPC 2.0 (https://www.jsonrpc.org/specification) as bytes in and bytes
// out. It does no input and output: a program passes the messages that arrive, and sends what the
// calls append. Any transport that keeps message boundaries will do, such as WebSocket or MQTT.
//
// A server registers methods and passes each message:
//
//	var methods jsonrpc.Methods                       // mg_rpc_add, mg_rpc_process
//	methods.Add("sum", func(r *jsonrpc.Request) (any, error) {
//		var a, b float64
//		if err := r.Args(&a, &b); err != nil {
//			return nil, err
//		}
//		return a + b, nil
//	})
//	methods.Add("rpc.list", methods.List)             // mg_rpc_list
//	...
//	case reactor.EvWSMsg:
//		if reply := methods.Append(nil, data.(*ws.Message).Data, c); len(reply) > 0 {
//			ws.Send(c, reply, ws.OpText)
//		}
//
// A side that also calls the other has a Peer for each connection. Peer.Call appends a request with
// a new id, and Peer.Append passes the response with that id to the function of the call.
//
// # Limits
//
// What a peer sends is bounded before it is parsed: Limits has the size of a message, the depth of
// its nesting and the number of requests in a batch. The fields of zero mean the defaults. Names of
// methods and ids have at most MaxName bytes.
//
// # Messages
//
// Member names are compared exactly, as the specification says; encoding/json alone ignores their
// case. If a message has a member twice, it is refused: two programs could read it in two ways.
//
// No value of this package may be used by two goroutines at the same time.
package jsonrpc
