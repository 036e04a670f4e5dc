package jsonrpc

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Limits bound what a peer may send. In each field zero means the default.
type Limits struct {
	Size  int // bytes of a message; the default is DefaultMaxSize, 1 MiB
	Depth int // nested arrays and objects of a message; the default is DefaultMaxDepth, 32
	Batch int // requests and responses of a batch; the default is DefaultMaxBatch, 100
	Calls int // calls of a Peer without a response; the default is DefaultMaxCalls, 1,000
}

// Defaults of Limits.
const (
	DefaultMaxSize  = 1 << 20
	DefaultMaxDepth = 32
	DefaultMaxBatch = 100
	DefaultMaxCalls = 1000
)

// MaxName is the largest size in bytes of a method's name and of an id. A response repeats the id.
const MaxName = 256

func or(limit, other int) int {
	if limit == 0 {
		return other
	}
	return limit
}

// check returns an error for a message that is not parsed.
func (l Limits) check(p []byte) *Error {
	size, deepest := or(l.Size, DefaultMaxSize), or(l.Depth, DefaultMaxDepth)
	if len(p) > size {
		return Errorf(CodeInvalidRequest, "the message has %d bytes, the limit is %d", len(p), size)
	}
	if depth(p) > deepest {
		return Errorf(CodeInvalidRequest, "the message is nested deeper than %d", deepest)
	}
	switch {
	case !utf8.Valid(p): // [RFC 8259 8.1]; encoding/json would replace the bytes
		return Errorf(CodeParse, "the message is not valid UTF-8")
	case !json.Valid(p):
		return Errorf(CodeParse, "the message is not valid JSON")
	}
	return nil
}

// message is a request or a response. Its fields alias the text, and are nil if it has no such
// member.
type message struct {
	version, method, params, id, result, err []byte
	twice                                    string // a member that the message has twice, or ""
}

// parse splits an object. It does not check the values.
func parse(object []byte) (m message) {
	fields := map[string]*[]byte{"jsonrpc": &m.version, "method": &m.method, "params": &m.params,
		"id": &m.id, "result": &m.result, "error": &m.err}
	members(object, func(name, value []byte) {
		field := fields[string(name)]
		switch {
		case field == nil: // the specification has no such member
		case *field != nil:
			m.twice = string(name)
		default:
			*field = value
		}
	})
	return m
}

// isResponse reports whether a message answers a request.
func (m *message) isResponse() bool { return m.method == nil && (m.result != nil || m.err != nil) }

// validID reports whether a request may have this id [JSON-RPC 4]. It is JSON.
func validID(id []byte) bool {
	if len(id) > MaxName {
		return false
	}
	switch kind(id) {
	case '{', '[', 't', 'f':
		return false
	}
	return true
}

// check returns an error if the request is not valid [JSON-RPC 4].
func (m *message) check(lenient bool) *Error {
	invalid := func(format string, args ...any) *Error { return Errorf(CodeInvalidRequest, format, args...) }
	switch {
	case m.twice != "":
		return invalid("the member %q is there twice", m.twice)
	case m.id != nil && !validID(m.id):
		return invalid("the id is no string, number or null of at most %d bytes", MaxName)
	case m.method == nil:
		return invalid("the member \"method\" is missing")
	case kind(m.method) != '"' || len(m.method) > MaxName+2:
		return invalid("the method is no string of at most %d bytes", MaxName)
	case m.params != nil && kind(m.params) != '[' && kind(m.params) != '{':
		return invalid("the params are no array and no object")
	case m.version == nil && lenient:
	case m.version == nil || kind(m.version) != '"' || string(unquote(m.version)) != "2.0":
		return invalid("the member \"jsonrpc\" is not \"2.0\"")
	}
	return nil
}

// AppendResult appends the response with the result of a method. id is Request.ID, as JSON. If the
// result cannot be written as JSON, it appends an error response instead, and returns the reason.
func AppendResult(dst, id []byte, result any) ([]byte, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return AppendError(dst, id, Errorf(CodeInternal, "the result cannot be written: %v", err)), err
	}
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = append(append(dst, `,"result":`...), text...)
	return append(dst, '}'), nil
}

// AppendError appends an error response. A nil id is the id null, for a message whose id is not
// known [JSON-RPC 5]. If e.Data is not valid JSON, it is left out.
func AppendError(dst, id []byte, e *Error) []byte {
	if id == nil {
		id = []byte("null")
	}
	text, err := json.Marshal(e)
	if err != nil {
		text, _ = json.Marshal(&Error{Code: e.Code, Message: e.Message}) // cannot fail
	}
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = append(append(dst, `,"error":`...), text...)
	return append(dst, '}')
}

// AppendNotification appends a request that gets no response [JSON-RPC 4.1]. params must be nil,
// or become an array or an object in JSON: a slice, a struct or a map.
func AppendNotification(dst []byte, method string, params any) ([]byte, error) {
	return appendRequest(dst, nil, method, params)
}

// appendRequest appends a request. On an error it returns dst unchanged.
func appendRequest(dst, id []byte, method string, params any) ([]byte, error) {
	name, err := json.Marshal(method)
	if err != nil || len(name) > MaxName+2 {
		return dst, fmt.Errorf("jsonrpc: the method %.50q has more than %d bytes", method, MaxName)
	}
	var text []byte
	if params != nil {
		if text, err = json.Marshal(params); err != nil {
			return dst, fmt.Errorf("jsonrpc: params of %s: %w", method, err)
		}
		if k := kind(text); k != '[' && k != '{' {
			return dst, fmt.Errorf("jsonrpc: params of %s: %T is no array and no object in JSON", method, params)
		}
	}
	dst = append(dst, `{"jsonrpc":"2.0",`...)
	if id != nil {
		dst = append(append(append(dst, `"id":`...), id...), ',')
	}
	dst = append(append(dst, `"method":`...), name...)
	if text != nil {
		dst = append(append(dst, `,"params":`...), text...)
	}
	return append(dst, '}'), nil
}
