package jsonrpc_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// FuzzAppend checks that a reply is JSON, that each of its parts is a response with the version,
// and that a peer which gets the reply answers nothing: no two programs can answer each other
// without end.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}`,
		`[{"jsonrpc":"2.0","method":"sum","params":[1],"id":"x"},{"method":"update"},1,[]]`,
		`{"id":1,"result":[{}]}`, `{"id":2,"error":{"code":1,"message":"m"}}`, `[`, `{"method":"code","id":null,"id":1}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, lenient bool) {
		s := calculator()
		s.Lenient = lenient
		p := &jsonrpc.Peer{Methods: s, Data: 1}
		outcomes := 0
		for range 2 {
			if _, err := p.Call(nil, "x", nil, time.Time{}, func(json.RawMessage, error) { outcomes++ }); err != nil {
				t.Fatal(err)
			}
		}
		reply := p.Append(nil, in)
		if p.Close(); outcomes != 2 {
			t.Fatalf("two calls have %d outcomes", outcomes)
		}
		if len(reply) == 0 {
			return
		}
		type response struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Result  json.RawMessage `json:"result"`
			Error   *jsonrpc.Error  `json:"error"`
		}
		var all []response
		if reply[0] != '[' {
			all = append(all, response{})
			if err := json.Unmarshal(reply, &all[0]); err != nil {
				t.Fatalf("%s: %v", reply, err)
			}
		} else if err := json.Unmarshal(reply, &all); err != nil || len(all) == 0 {
			t.Fatalf("%s: %v", reply, err)
		}
		for _, r := range all {
			if r.Version != "2.0" || r.ID == nil || (r.Result == nil) == (r.Error == nil) {
				t.Errorf("%s: %+v", reply, r)
			}
		}
		if again := (&jsonrpc.Peer{Methods: s}).Append(nil, reply); len(again) > 0 && len(reply) <= jsonrpc.DefaultMaxSize {
			t.Errorf("the reply %s is answered: %s", reply, again)
		}
	})
}
