package jsonrpc_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// calculator has the methods of the examples in the specification, and some that fail.
func calculator() *jsonrpc.Methods {
	s := &jsonrpc.Methods{}
	s.Add("subtract", func(r *jsonrpc.Request) (any, error) {
		var a, b float64
		if len(r.Params) > 0 && r.Params[0] == '{' {
			named := struct{ Minuend, Subtrahend float64 }{}
			err := r.Bind(&named)
			return named.Minuend - named.Subtrahend, err
		}
		err := r.Args(&a, &b)
		return a - b, err
	})
	s.Add("sum", func(r *jsonrpc.Request) (any, error) {
		var all []float64
		err := r.Bind(&all)
		sum := 0.0
		for _, v := range all {
			sum += v
		}
		return sum, err
	})
	s.Add("get_data", func(*jsonrpc.Request) (any, error) { return []any{"hello", 5}, nil })
	s.Add("notify_*", func(*jsonrpc.Request) (any, error) { return nil, nil })
	s.Add("update", func(*jsonrpc.Request) (any, error) { return nil, nil })
	s.Add("fail", func(*jsonrpc.Request) (any, error) { return nil, errors.New("out of paper") })
	s.Add("code", func(*jsonrpc.Request) (any, error) {
		return nil, fmt.Errorf("wrapped: %w", &jsonrpc.Error{Code: 7, Message: "seven", Data: []byte(`[1]`)})
	})
	s.Add("bad data", func(*jsonrpc.Request) (any, error) {
		return nil, &jsonrpc.Error{Code: 8, Message: "eight", Data: []byte(`[`)}
	})
	s.Add("inf", func(*jsonrpc.Request) (any, error) { return math.Inf(1), nil })
	s.Add("later", func(*jsonrpc.Request) (any, error) { return nil, jsonrpc.ErrLater })
	s.Add("data", func(r *jsonrpc.Request) (any, error) { return r.Data, nil })
	s.Add("params", func(r *jsonrpc.Request) (any, error) { return r.Params, nil })
	return s
}

const null = `{"jsonrpc":"2.0","id":null,"error":`

func failed(code int, text string) string {
	return fmt.Sprintf(`%s{"code":%d,"message":%s}}`, null, code, text)
}

// What the specification shows [JSON-RPC 7], with this package's texts, and what else a server
// answers.
func TestAppend(t *testing.T) {
	noVersion := `"the member \"jsonrpc\" is not \"2.0\""`
	for _, tc := range []struct{ name, in, want string }{
		{"positional", `{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}`, `{"jsonrpc":"2.0","id":1,"result":19}`},
		{"named", `{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}`, `{"jsonrpc":"2.0","id":3,"result":19}`},
		{"notification", `{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}`, ""},
		{"notification of no method", `{"jsonrpc": "2.0", "method": "foobar"}`, ""},
		{"no method", `{"jsonrpc": "2.0", "method": "foobar", "id": "1"}`, `{"jsonrpc":"2.0","id":"1","error":{"code":-32601,"message":"there is no method \"foobar\""}}`},
		{"no JSON", `{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, failed(-32700, `"the message is not valid JSON"`)},
		{"no UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\",\"id\":1}", failed(-32700, `"the message is not valid UTF-8"`)},
		{"empty", "", failed(-32700, `"the message is not valid JSON"`)},
		{"no valid request", `{"jsonrpc": "2.0", "method": 1, "params": "bar"}`, failed(-32600, `"the method is no string of at most 256 bytes"`)},
		{"batch is no JSON", `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]`, failed(-32700, `"the message is not valid JSON"`)},
		{"empty batch", ` [ ] `, failed(-32600, `"the batch is empty"`)},
		{"batch of what is no request", `[1,2]`, "[" + failed(-32600, `"the message is no object"`) + "," + failed(-32600, `"the message is no object"`) + "]"},
		{"batch", `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
			{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
			{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
			{"foo": "boo"},
			{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
			{"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
			`[{"jsonrpc":"2.0","id":"1","result":7},{"jsonrpc":"2.0","id":"2","result":19},` +
				failed(-32600, `"the member \"method\" is missing"`) +
				`,{"jsonrpc":"2.0","id":"5","error":{"code":-32601,"message":"there is no method \"foo.get\""}},{"jsonrpc":"2.0","id":"9","result":["hello",5]}]`},
		{"batch of notifications", `[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]`, ""},
		{"batch that begins with notifications", `[{"jsonrpc":"2.0","method":"update"},{"jsonrpc":"2.0","method":"sum","params":[],"id":1},{"jsonrpc":"2.0","method":"update"}]`, `[{"jsonrpc":"2.0","id":1,"result":0}]`},
		{"batch in a batch", `[[]]`, "[" + failed(-32600, `"the message is no object"`) + "]"},
		{"no object", `"sum"`, failed(-32600, `"the message is no object"`)},
		{"version is missing", `{"method":"get_data","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":` + noVersion + `}}`},
		{"another version", `{"jsonrpc":"1.0","method":"get_data","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":` + noVersion + `}}`},
		{"version is a number", `{"jsonrpc":2.0,"method":"get_data","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":` + noVersion + `}}`},
		{"the id null is one", `{"jsonrpc":"2.0","method":"sum","params":[1],"id":null}`, `{"jsonrpc":"2.0","id":null,"result":1}`},
		{"id as written", `{"jsonrpc":"2.0","method":"sum","params":[1],"id":1.50e1}`, `{"jsonrpc":"2.0","id":1.50e1,"result":1}`},
		{"id with escapes", `{"jsonrpc":"2.0","method":"sum","params":[1],"id":"a\"\u0041"}`, `{"jsonrpc":"2.0","id":"a\"\u0041","result":1}`},
		{"id is an array", `{"jsonrpc":"2.0","method":"sum","params":[1],"id":[1]}`, failed(-32600, `"the id is no string, number or null of at most 256 bytes"`)},
		{"id is true", `{"jsonrpc":"2.0","method":"sum","params":[1],"id":true}`, failed(-32600, `"the id is no string, number or null of at most 256 bytes"`)},
		{"a member twice", `{"jsonrpc":"2.0","method":"update","id":1,"method":"sum"}`, failed(-32600, `"the member \"method\" is there twice"`)},
		{"other case", `{"jsonrpc":"2.0","Method":"sum","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"the member \"method\" is missing"}}`},
		{"names with escapes", `{"jsonrpc":"2\u002e0","m\u0065thod":"s\u0075m","params":[2],"id":1}`, `{"jsonrpc":"2.0","id":1,"result":2}`},
		{"unknown members", `{"jsonrpc":"2.0","x":{"method":[1,"}"]},"y":[],"method":"sum","params":[2],"id":1,"z":-1.5e3}`, `{"jsonrpc":"2.0","id":1,"result":2}`},
		{"params are a string", `{"jsonrpc":"2.0","method":"sum","params":"1","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"the params are no array and no object"}}`},
		{"params", `{"jsonrpc":"2.0","method":"params","params": [ {"a" : "}"} ] ,"id":1}`, `{"jsonrpc":"2.0","id":1,"result":[{"a":"}"}]}`},
		{"too few params", `{"jsonrpc":"2.0","method":"subtract","params":[1],"id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"subtract: 1 params, want 2"}}`},
		{"a param of another type", `{"jsonrpc":"2.0","method":"subtract","params":[1,"2"],"id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"subtract: param 1: json: cannot unmarshal string into Go value of type float64"}}`},
		{"params that do not fit", `{"jsonrpc":"2.0","method":"sum","params":{"a":1},"id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"sum: json: cannot unmarshal object into Go value of type []float64"}}`},
		{"error", `{"jsonrpc":"2.0","method":"fail","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"out of paper"}}`},
		{"error with a code", `{"jsonrpc":"2.0","method":"code","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"seven","data":[1]}}`},
		{"error with bad data", `{"jsonrpc":"2.0","method":"bad data","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":8,"message":"eight"}}`},
		{"error of a notification", `{"jsonrpc":"2.0","method":"fail"}`, ""},
		{"bad result", `{"jsonrpc":"2.0","method":"inf","id":1}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"the result cannot be written: json: unsupported value: +Inf"}}`},
		{"later", `{"jsonrpc":"2.0","method":"later","id":1}`, ""},
		{"later in a batch", `[{"jsonrpc":"2.0","method":"later","id":1}]`, `[{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"this method cannot be called in a batch"}}]`},
		{"data", `{"jsonrpc":"2.0","method":"data","id":1}`, `{"jsonrpc":"2.0","id":1,"result":"of the call"}`},
		{"response", `{"jsonrpc":"2.0","id":1,"result":2}`, ""},
		{"batch of responses", `[{"jsonrpc":"2.0","id":1,"result":2},{"jsonrpc":"2.0","id":1,"error":{}}]`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for in, want := range map[string]string{tc.in: tc.want, " \r\n" + tc.in + "\t": tc.want} {
				got := calculator().Append([]byte("before "), []byte(in), "of the call")
				if string(got) != "before "+want {
					t.Errorf("%s\ngot  %s\nwant before %s", in, got, want)
				}
			}
		})
	}
}

// Mongoose's programs leave "jsonrpc" out.
func TestLenient(t *testing.T) {
	s := calculator()
	s.Lenient = true
	for in, want := range map[string]string{
		`{"id":0,"method":"sum","params":[1,2]}`:                   `{"jsonrpc":"2.0","id":0,"result":3}`,
		`{"jsonrpc":"2.0","id":0,"method":"sum","params":[1,2]}`:   `{"jsonrpc":"2.0","id":0,"result":3}`,
		`{"jsonrpc":"1.1","id":0,"method":"sum","params":[1,2]}`:   `{"jsonrpc":"2.0","id":0,"error":{"code":-32600,"message":"the member \"jsonrpc\" is not \"2.0\""}}`,
		`{"id":"` + strings.Repeat("x", 300) + `","method":"sum"}`: failed(-32600, `"the id is no string, number or null of at most 256 bytes"`),
	} {
		if got := string(s.Append(nil, []byte(in), nil)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// The method that was added last counts. Remove removes it, and List shows the rest.
func TestAddAndRemove(t *testing.T) {
	s := &jsonrpc.Methods{}
	answer := func(text string) jsonrpc.Method {
		return func(*jsonrpc.Request) (any, error) { return text, nil }
	}
	s.Add("a.*", answer("wildcard"))
	s.Add("a.b", answer("first"))
	s.Add("a.b", answer("second"))
	s.Add("rpc.list", s.List)
	call := func(method string) string {
		return string(s.Append(nil, []byte(`{"jsonrpc":"2.0","method":"`+method+`","id":1}`), nil))
	}
	want := func(method, result string) {
		t.Helper()
		if got := call(method); got != `{"jsonrpc":"2.0","id":1,"result":`+result+`}` {
			t.Errorf("%s: %s, want %s", method, got, result)
		}
	}
	want("a.b", `"second"`)
	want("a.c", `"wildcard"`)
	want("rpc.list", `["a.*","a.b","a.b","rpc.list"]`)
	s.Remove("a.b")
	want("a.b", `"wildcard"`)
	s.Remove("a.*")
	if got := call("a.b"); !strings.Contains(got, "-32601") {
		t.Error(got)
	}
	s.Add("a.*", answer("newer"))
	s.Add("#", answer("newest"))
	want("a.b", `"newest"`)
}
