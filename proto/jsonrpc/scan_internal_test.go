package jsonrpc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// walk turns JSON into Go values with the functions of scan.go, except numbers and strings.
func walk(value []byte) any {
	switch kind(value) {
	case '{':
		all := map[string]any{}
		members(value, func(name, v []byte) { all[string(name)] = walk(v) })
		return all
	case '[':
		all := []any{}
		elements(value, func(v []byte) { all = append(all, walk(v)) })
		return all
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	return v
}

// deepest returns the nesting of Go values.
func deepest(v any) int {
	most := -1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			most = max(most, deepest(e))
		}
	case []any:
		for _, e := range v {
			most = max(most, deepest(e))
		}
	default:
		return 0
	}
	return max(most, 0) + 1
}

var documents = []string{
	`1`, ` "a" `, `null`, `[]`, ` [ ] `, `{}`, "{\n}", `[1,2.5e-3,"x",true,null]`, `[[],[[]],{}]`,
	`{"a":1,"b":[{"c":"]}\"\\"}],"\u0064\n":"e"}`, ` { "a" : { } , "b" : [ 1 , [ 2 ] ] } `, `["\\","\"",",:[]{}"]`, `{"":{"":[""]}}`,
}

// The walk agrees with encoding/json.
func TestWalk(t *testing.T) {
	for _, doc := range documents {
		checkWalk(t, []byte(doc))
	}
}

func checkWalk(t *testing.T, doc []byte) {
	t.Helper()
	var want any
	if !utf8.Valid(doc) || json.Unmarshal(doc, &want) != nil {
		return
	}
	if got := walk(doc); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", doc, got, want)
	}
	if got, want := depth(doc), deepest(want); got < want {
		t.Errorf("%s: depth %d, want %d", doc, got, want)
	}
}

func FuzzWalk(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { checkWalk(t, doc) })
}

// Nothing is read beyond the end of text that is not valid.
func TestWalkOfInvalidText(t *testing.T) {
	for _, doc := range documents {
		for i := range doc {
			cut := bytes.Clone([]byte(doc[:i]))
			depth(cut[:i:i])
			kind(cut[:i:i])
		}
	}
}
