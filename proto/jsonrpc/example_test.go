package jsonrpc_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// A server registers methods. It passes each message that arrives, and sends the reply.
func ExampleMethods() {
	var methods jsonrpc.Methods
	methods.Add("sum", func(r *jsonrpc.Request) (any, error) {
		var a, b float64
		if err := r.Args(&a, &b); err != nil {
			return nil, err
		}
		return a + b, nil
	})
	methods.Add("rpc.list", methods.List)
	for _, message := range []string{
		`{"jsonrpc": "2.0", "id": 1, "method": "sum", "params": [1, 2]}`,
		`{"jsonrpc": "2.0", "id": 2, "method": "sum", "params": [1]}`,
		`{"jsonrpc": "2.0", "id": 3, "method": "rpc.list"}`,
		`{"jsonrpc": "2.0", "method": "sum", "params": [1, 2]}`, // a notification has no reply
	} {
		fmt.Printf("%s\n", methods.Append(nil, []byte(message), nil))
	}
	// Output:
	// {"jsonrpc":"2.0","id":1,"result":3}
	// {"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"sum: 1 params, want 2"}}
	// {"jsonrpc":"2.0","id":3,"result":["sum","rpc.list"]}
}

// A peer also calls the other side. Here the two messages go over no network.
func ExamplePeer_Call() {
	var methods jsonrpc.Methods
	methods.Add("name", func(r *jsonrpc.Request) (any, error) { return "sensor 7", nil })
	device := jsonrpc.Peer{Methods: &methods}

	var server jsonrpc.Peer
	limit := time.Now().Add(time.Second) // a timer calls server.Expire
	request, err := server.Call(nil, "name", nil, limit, func(result json.RawMessage, err error) {
		fmt.Printf("the device is %s, error %v\n", result, err)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	response := device.Append(nil, request)
	server.Append(nil, response)
	// Output: the device is "sensor 7", error <nil>
}
