package http

import (
	"bytes"
	"iter"
	"mime"
)

// Var returns the value of a variable in the Query, or in the Body of a submitted form if the
// Query does not have it. The Body counts if the Content-Type is
// application/x-www-form-urlencoded. '+' and percent escapes in the value are decoded.
//
// ok is false if the variable is missing, or if its value contains a broken escape. The
// function [Var] does the same without an allocation. Files and variables of multipart forms
// are parts: see [Message.NextPart].
func (m *Message) Var(name string) (value string, ok bool) {
	v, ok := Var(nil, m.Query, name)
	if !ok && m.hasForm() {
		v, ok = Var(nil, m.Body, name)
	}
	return string(v), ok
}

// Vars returns the variables of the Query, then those of the Body if it is a submitted form. It
// decodes them like the function [Vars].
func (m *Message) Vars() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		if eachVar(m.Query, yield) && m.hasForm() {
			eachVar(m.Body, yield)
		}
	}
}

// hasForm reports whether the body is a submitted form that is not multipart.
func (m *Message) hasForm() bool {
	value := m.Header("Content-Type")
	if value == nil {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(string(value))
	return err == nil && mediaType == "application/x-www-form-urlencoded"
}

// Vars returns the names and values of the variables in form, which is a Query or the Body of a
// submitted form, in the order sent and including repeated names. '+' and percent escapes are
// decoded. A variable without '=' has an empty value. Vars leaves out variables with a broken
// escape. To get an error for them, use net/url's ParseQuery. net/url also encodes, with
// QueryEscape and PathEscape.
func Vars(form []byte) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) { eachVar(form, yield) }
}

// eachVar calls yield for each variable of form until it returns false. It returns false then.
func eachVar(form []byte, yield func(name, value string) bool) bool {
	var scratch []byte
	for rest, more := form, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if len(pair) == 0 {
			continue
		}
		rawName, rawValue, _ := bytes.Cut(pair, equals)
		decoded, nameOK := appendUnescaped(scratch[:0], rawName)
		n := len(decoded)
		decoded, valueOK := appendUnescaped(decoded, rawValue)
		scratch = decoded
		if nameOK && valueOK && !yield(string(decoded[:n]), string(decoded[n:])) {
			return false
		}
	}
	return true
}

var equals = []byte{'='}
