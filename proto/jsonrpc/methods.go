package jsonrpc

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Method is a function that Methods calls for a request (the function of mg_rpc_add). The result
// becomes the response: any value that encoding/json can write. An *Error becomes an error
// response with its code. Any other error has the code CodeServer, and the peer reads its text.
type Method func(r *Request) (result any, err error)

// Methods is a set of methods. The zero value is an empty set. Peers may share it.
type Methods struct {
	Limits Limits

	// Lenient also accepts messages without the member "jsonrpc", as programs with Mongoose send
	// them.
	Lenient bool

	all []entry
}

type entry struct {
	pattern string
	fn      Method
}

// Request is a call of a method. It and its slices are valid until the method returns.
type Request struct {
	Method string
	Params json.RawMessage // an array or an object; nil if there are none
	ID     json.RawMessage // as the peer wrote it; nil for a notification, whose result nobody gets
	Data   any             // of the call of Append, such as the connection
}

// Add registers a method (mg_rpc_add). A pattern is a name, or has wildcards: ? stands for one
// byte, * for any bytes except /, # for any bytes. If several patterns match, the one that was
// added last counts, as in Mongoose.
//
// A method that cannot answer at once copies Request.ID and returns ErrLater. The program appends
// the answer itself, with AppendResult or AppendError. In a batch this is an error, because all
// responses of a batch are one message.
func (s *Methods) Add(pattern string, fn Method) {
	if fn == nil {
		panic("jsonrpc: Add with a nil function")
	}
	s.all = append(s.all, entry{pattern, fn})
}

// Remove removes the methods that were added with exactly this pattern (mg_rpc_del).
func (s *Methods) Remove(pattern string) {
	s.all = slices.DeleteFunc(s.all, func(e entry) bool { return e.pattern == pattern })
}

// List is a method that returns the patterns of all methods in the order of Add (mg_rpc_list). Add
// it as "rpc.list".
func (s *Methods) List(*Request) (any, error) {
	names := make([]string, len(s.all))
	for i, e := range s.all {
		names[i] = e.pattern
	}
	return names, nil
}

// find returns the method that counts for a name, or nil.
func (s *Methods) find(name string) Method {
	for _, e := range slices.Backward(s.all) {
		if e.pattern == name || strings.ContainsAny(e.pattern, "?*#") && match(e.pattern, name) {
			return e.fn
		}
	}
	return nil
}

// Append calls the methods for a message, which is one request or a batch, and appends the reply
// (mg_rpc_process). It appends nothing if nothing is to be sent: for notifications, for responses,
// which only a Peer understands, and if all answers come later. data becomes Request.Data. The
// message is not changed, and is not needed after the call.
func (s *Methods) Append(dst, message []byte, data any) []byte {
	return (&Peer{Methods: s, Data: data}).Append(dst, message)
}

// appendReply calls the method of a request and appends the response, if there is one.
func (s *Methods) appendReply(dst []byte, m *message, batch bool, data any) []byte {
	if err := m.check(s.Lenient); err != nil {
		id := m.id
		if !validID(id) || m.twice != "" {
			id = nil
		}
		return AppendError(dst, id, err)
	}
	r := &Request{Method: string(unquote(m.method)), Params: m.params, ID: m.id, Data: data}
	var result any
	var err error
	if fn := s.find(r.Method); fn == nil {
		err = Errorf(CodeNotFound, "there is no method %q", r.Method)
	} else if result, err = fn(r); errors.Is(err, ErrLater) && batch {
		err = Errorf(CodeInternal, "this method cannot be called in a batch")
	}
	switch {
	case r.ID == nil || errors.Is(err, ErrLater):
		return dst
	case err != nil:
		return AppendError(dst, r.ID, asError(err))
	}
	dst, _ = AppendResult(dst, r.ID, result) // the peer gets the error
	return dst
}

// Args stores the parameters, an array, in the values that the pointers point to. It returns an
// *Error if their number or a type is another.
func (r *Request) Args(pointers ...any) error {
	var args []json.RawMessage
	if r.Params != nil {
		if err := json.Unmarshal(r.Params, &args); err != nil {
			return Errorf(CodeInvalidParams, "%s: the params are not an array", r.Method)
		}
	}
	if len(args) != len(pointers) {
		return Errorf(CodeInvalidParams, "%s: %d params, want %d", r.Method, len(args), len(pointers))
	}
	for i, p := range pointers {
		if err := json.Unmarshal(args[i], p); err != nil {
			return Errorf(CodeInvalidParams, "%s: param %d: %v", r.Method, i, err)
		}
	}
	return nil
}

// Bind stores the parameters in *p with json.Unmarshal: named parameters in a struct or a map. It
// returns an *Error if they do not fit. Without parameters it leaves *p as it is.
func (r *Request) Bind(p any) error {
	if r.Params == nil {
		return nil
	}
	if err := json.Unmarshal(r.Params, p); err != nil {
		return Errorf(CodeInvalidParams, "%s: %v", r.Method, err)
	}
	return nil
}
