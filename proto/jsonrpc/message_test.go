package jsonrpc_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// Each limit at its value and beyond, given and by default.
func TestLimits(t *testing.T) {
	sum := func(params, id string) string {
		return `{"jsonrpc":"2.0","method":"params","params":` + params + `,"id":` + id + `}`
	}
	padded := func(size int) string { s := sum("[]", "1"); return s + strings.Repeat(" ", size-len(s)) }
	nested := func(depth int) string { return sum(strings.Repeat("[", depth-1)+strings.Repeat("]", depth-1), "1") }
	batch := func(n int) string { return "[" + strings.Repeat(sum("[]", "1")+",", n-1) + sum("[]", "1") + "]" }
	name := func(n int) string { return sum("[]", `"`+strings.Repeat("x", n-2)+`"`) }
	small := jsonrpc.Limits{Size: 2000, Depth: 5, Batch: 3}
	for _, tc := range []struct {
		name   string
		limits jsonrpc.Limits
		in     func(n int) string
		limit  int
		words  string // of the error beyond the limit
	}{
		{"size", small, padded, 2000, "the message has 2001 bytes, the limit is 2000"},
		{"default size", jsonrpc.Limits{}, padded, jsonrpc.DefaultMaxSize, "the message has 1048577 bytes, the limit is 1048576"},
		{"depth", small, nested, 5, "the message is nested deeper than 5"},
		{"default depth", jsonrpc.Limits{}, nested, jsonrpc.DefaultMaxDepth, "the message is nested deeper than 32"},
		{"batch", small, batch, 3, "the batch has 4 messages, the limit is 3"},
		{"default batch", jsonrpc.Limits{}, batch, jsonrpc.DefaultMaxBatch, "the batch has 101 messages, the limit is 100"},
		{"id", jsonrpc.Limits{}, name, jsonrpc.MaxName, "the id is no string, number or null of at most 256 bytes"},
	} {
		s := calculator()
		s.Limits = tc.limits
		if got := string(s.Append(nil, []byte(tc.in(tc.limit)), nil)); got == "" || strings.Contains(got, "error") {
			t.Errorf("%s: at the limit %.200s", tc.name, got)
		}
		if got, want := string(s.Append(nil, []byte(tc.in(tc.limit+1)), nil)), failed(-32600, `"`+tc.words+`"`); got != want {
			t.Errorf("%s: beyond the limit %.200s, want %s", tc.name, got, want)
		}
	}
	method := func(n int) []byte {
		return []byte(`{"jsonrpc":"2.0","method":"` + strings.Repeat("m", n) + `","id":1}`)
	}
	for n, words := range map[int]string{jsonrpc.MaxName: "there is no method", jsonrpc.MaxName + 1: "no string of at most 256 bytes"} {
		if got := string(calculator().Append(nil, method(n), nil)); !strings.Contains(got, words) {
			t.Errorf("method of %d bytes: %s", n, got)
		}
	}
}

// What a program appends itself.
func TestAppendOthers(t *testing.T) {
	type point struct{ X, Y int }
	for _, tc := range []struct {
		name   string
		append func(dst []byte) ([]byte, error)
		want   string
		err    string
	}{
		{"notification", func(d []byte) ([]byte, error) { return jsonrpc.AppendNotification(d, "tick", []int{1, 2, 3}) },
			`{"jsonrpc":"2.0","method":"tick","params":[1,2,3]}`, ""},
		{"no params", func(d []byte) ([]byte, error) { return jsonrpc.AppendNotification(d, `a"b`, nil) },
			`{"jsonrpc":"2.0","method":"a\"b"}`, ""},
		{"named params", func(d []byte) ([]byte, error) { return jsonrpc.AppendNotification(d, "move", point{1, 2}) },
			`{"jsonrpc":"2.0","method":"move","params":{"X":1,"Y":2}}`, ""},
		{"params are a number", func(d []byte) ([]byte, error) { return jsonrpc.AppendNotification(d, "move", 5) },
			"", "params of move: int is no array and no object"},
		{"params cannot be written", func(d []byte) ([]byte, error) { return jsonrpc.AppendNotification(d, "move", []any{math.NaN()}) },
			"", "params of move: json: unsupported value: NaN"},
		{"long method", func(d []byte) ([]byte, error) {
			return jsonrpc.AppendNotification(d, strings.Repeat("m", jsonrpc.MaxName+1), nil)
		}, "", "more than 256 bytes"},
		{"result", func(d []byte) ([]byte, error) { return jsonrpc.AppendResult(d, []byte("7"), point{1, 2}) },
			`{"jsonrpc":"2.0","id":7,"result":{"X":1,"Y":2}}`, ""},
		{"bad result", func(d []byte) ([]byte, error) { return jsonrpc.AppendResult(d, []byte("7"), func() {}) },
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"the result cannot be written: json: unsupported type: func()"}}`, "unsupported type"},
		{"error", func(d []byte) ([]byte, error) {
			return jsonrpc.AppendError(d, []byte(`"x"`), jsonrpc.Errorf(5, "no %s", "paper")), nil
		}, `{"jsonrpc":"2.0","id":"x","error":{"code":5,"message":"no paper"}}`, ""},
	} {
		got, err := tc.append([]byte("before "))
		if string(got) != "before "+tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %s, %v", tc.name, got, err)
		}
	}
}

func ExampleAppendNotification() {
	frame, err := jsonrpc.AppendNotification(nil, "temperature", map[string]float64{"celsius": 21.5})
	fmt.Println(string(frame), err)
	// Output: {"jsonrpc":"2.0","method":"temperature","params":{"celsius":21.5}} <nil>
}
