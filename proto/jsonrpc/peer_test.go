package jsonrpc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// outcomes records the outcomes of calls.
type outcomes []string

func (o *outcomes) done(name string) jsonrpc.Done {
	return func(result json.RawMessage, err error) {
		*o = append(*o, fmt.Sprintf("%s: %s %v", name, result, err))
	}
}

func (o *outcomes) want(t *testing.T, want ...string) {
	t.Helper()
	if got := []string(*o); !slices.Equal(got, want) {
		t.Errorf("outcomes %q, want %q", got, want)
	}
	*o = nil
}

func call(t *testing.T, p *jsonrpc.Peer, method string, until time.Time, done jsonrpc.Done) string {
	t.Helper()
	frame, err := p.Call(nil, method, []int{1}, until, done)
	if err != nil {
		t.Fatal(err)
	}
	return string(frame)
}

// Each response ends the call with its id, in any order, alone or in a batch, and once.
func TestResponses(t *testing.T) {
	var o outcomes
	p := &jsonrpc.Peer{}
	for i, name := range []string{"one", "two", "three", "four"} {
		want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"%s","params":[1]}`, i+1, name)
		if got := call(t, p, name, time.Time{}, o.done(name)); got != want {
			t.Errorf("the request is %s, want %s", got, want)
		}
	}
	for _, in := range []string{
		`{"jsonrpc":"2.0","id":2,"result":{"a":[1]}}`,
		`{"jsonrpc":"2.0","id":2,"result":"again"}`,
		`{"jsonrpc":"2.0","id":99,"result":"of no call"}`,
		`{"jsonrpc":"2.0","id":"1","result":"of no call"}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`{"jsonrpc":"2.0","result":"no id"}`,
		`[{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"Method not found","data":[2]}},{"jsonrpc":"2.0","id":1,"result":null}]`,
	} {
		if reply := p.Append(nil, []byte(in)); len(reply) > 0 {
			t.Errorf("%s is answered: %s", in, reply)
		}
	}
	o.want(t, `two: {"a":[1]} <nil>`, `four:  jsonrpc: error -32601: "Method not found"`, `one: null <nil>`)
	if p.Pending() != 1 {
		t.Errorf("%d calls are pending, want 1", p.Pending())
	}
	p.Append(nil, []byte(`{"id":3,"result":0}`)) // as Mongoose writes it
	o.want(t, "three: 0 <nil>")
}

// Responses that are not valid end the call with an error.
func TestBadResponses(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":1,"result":1,"error":null}`:             "x: 1 <nil>",
		`{"id":1,"result":null,"error":null}`:          "x: null <nil>",
		`{"id":1,"result":null,"error":{"code":5}}`:    `x:  jsonrpc: error 5: ""`,
		`{"id":1,"error":null}`:                        "x:  jsonrpc: bad response: it has no result and no error",
		`{"id":1,"result":1,"error":{"code":5}}`:       "x:  jsonrpc: bad response: it has a result and an error",
		`{"id":1,"result":1,"result":2}`:               `x:  jsonrpc: bad response: the member "result" is there twice`,
		`{"id":1,"error":"text"}`:                      "x:  jsonrpc: bad response: its error is not valid: json: cannot unmarshal string into Go value of type jsonrpc.Error",
		`{"id":1,"error":{"code":"5","message":"no"}}`: "x:  jsonrpc: bad response: its error is not valid: json: cannot unmarshal string into Go struct field Error.code of type int",
	} {
		var o outcomes
		p := &jsonrpc.Peer{}
		call(t, p, "x", time.Time{}, o.done("x"))
		if reply := p.Append(nil, []byte(in)); len(reply) > 0 {
			t.Errorf("%s is answered: %s", in, reply)
		}
		o.want(t, want)
	}
}

// Two sides call each other, and each serves too.
func TestBothSides(t *testing.T) {
	var o outcomes
	server := &jsonrpc.Peer{Methods: calculator()}
	names := &jsonrpc.Methods{}
	names.Add("name", func(*jsonrpc.Request) (any, error) { return "sensor 7", nil })
	client := &jsonrpc.Peer{Methods: names}
	question, err := client.Call(nil, "sum", []int{1, 2}, time.Time{}, o.done("sum"))
	if err != nil {
		t.Fatal(err)
	}
	client.Append(nil, server.Append(nil, question))
	server.Append(nil, client.Append(nil, []byte(call(t, server, "name", time.Time{}, o.done("name")))))
	server.Append(nil, client.Append(nil, []byte(call(t, server, "nothing", time.Time{}, o.done("nothing")))))
	o.want(t, "sum: 3 <nil>", `name: "sensor 7" <nil>`, `nothing:  jsonrpc: error -32601: "there is no method \"nothing\""`)
}

// A call fails when its time has passed, and a response after that is ignored. The others go on.
func TestExpire(t *testing.T) {
	var o outcomes
	p := &jsonrpc.Peer{}
	start := time.Unix(1000, 0)
	call(t, p, "never", time.Time{}, o.done("never"))
	call(t, p, "first", start.Add(time.Second), o.done("first"))
	again := func(json.RawMessage, error) { call(t, p, "again", start, o.done("again")) }
	call(t, p, "second", start.Add(2*time.Second), again)
	p.Expire(start.Add(time.Second - 1))
	o.want(t)
	p.Expire(start.Add(time.Second))
	o.want(t, "first:  jsonrpc: no response in time")
	p.Append(nil, []byte(`{"id":2,"result":1}`))
	p.Expire(start.Add(time.Hour)) // the call that it makes waits for the next Expire
	o.want(t)
	p.Expire(start.Add(time.Hour))
	o.want(t, "again:  jsonrpc: no response in time")
	p.Append(nil, []byte(`{"id":1,"result":1}`))
	o.want(t, "never: 1 <nil>")
}

// Close fails all calls. Calls after it, from Done too, fail at once.
func TestClose(t *testing.T) {
	var o outcomes
	p := &jsonrpc.Peer{}
	call(t, p, "x", time.Time{}, func(_ json.RawMessage, err error) {
		_, again := p.Call(nil, "y", nil, time.Time{}, o.done("y"))
		o.done("x")(nil, errors.Join(err, again))
	})
	p.Close()
	p.Close()
	o.want(t, "x:  jsonrpc: the peer is closed\njsonrpc: the peer is closed")
	if p.Pending() != 0 {
		t.Error("calls are left")
	}
}

// At the limit of calls without a response, Call returns an error, and dst as it was.
func TestCallsLimit(t *testing.T) {
	for _, most := range []int{0, 3} {
		var o outcomes
		p := &jsonrpc.Peer{Methods: &jsonrpc.Methods{Limits: jsonrpc.Limits{Calls: most}}}
		if most == 0 {
			most = jsonrpc.DefaultMaxCalls
		}
		for range most {
			call(t, p, "x", time.Time{}, o.done("x"))
		}
		if frame, err := p.Call([]byte("as it was"), "x", nil, time.Time{}, o.done("x")); string(frame) != "as it was" || err == nil {
			t.Errorf("call %d: %s, %v", most+1, frame, err)
		}
		p.Append(nil, []byte(`{"id":1,"result":1}`))
		call(t, p, "x", time.Time{}, o.done("x"))
		o.want(t, "x: 1 <nil>")
	}
}

// A call whose parameters are not valid leaves nothing behind.
func TestBadCall(t *testing.T) {
	var o outcomes
	p := &jsonrpc.Peer{}
	if frame, err := p.Call([]byte("as it was"), "x", "text", time.Time{}, o.done("x")); string(frame) != "as it was" || err == nil || p.Pending() != 0 {
		t.Errorf("%s, %v, %d calls", frame, err, p.Pending())
	}
	p.Close()
	o.want(t)
}
