package http

import "bytes"

// HeaderVar returns the value of a variable in the value of a header, like
// mg_http_get_header_var. For example, it finds realm in `Digest realm="a b", qop=auth` and
// filename in `form-data; name=x; filename="a.txt"`. Variables are separated by ';', ',' and
// blanks. Names are compared without regard to case.
//
// Quotation marks around the value are removed, and so are the backslashes before '"' and '\'
// in it. HeaderVar returns nil if the variable is missing. An empty value is not nil. The result
// is a slice of header, or a new one if backslashes were removed.
func HeaderVar(header []byte, name string) []byte {
	for rest := header; len(rest) > 0; {
		if isVarEnd(rest[0]) {
			rest = rest[1:]
			continue
		}
		n := 0
		for n < len(rest) && !isVarEnd(rest[n]) && rest[n] != '=' {
			n++
		}
		found := equalFold(rest[:n], name)
		if rest = rest[n:]; len(rest) == 0 || rest[0] != '=' {
			continue
		}
		var value []byte
		if value, rest = cutVarValue(rest[1:]); found {
			return value
		}
	}
	return nil
}

// isVarEnd reports whether c separates the variables of a header.
func isVarEnd(c byte) bool { return c == ';' || c == ',' || isBlank(c) }

// cutVarValue splits b after the value that it begins with. A quoted value that does not end
// lasts until the end of b.
func cutVarValue(b []byte) (value, rest []byte) {
	if len(b) == 0 || b[0] != '"' {
		n := 0
		for n < len(b) && !isVarEnd(b[n]) {
			n++
		}
		return b[:n:n], b[n:]
	}
	b = b[1:]
	escaped := false
	for i := 0; i < len(b); i++ {
		switch {
		case isQuotedPair(b[i:]):
			escaped = true
			i++
		case b[i] == '"':
			return unescapeQuoted(b[:i:i], escaped), b[i+1:]
		}
	}
	return unescapeQuoted(b, escaped), nil
}

// isQuotedPair reports whether b begins with a backslash that belongs to the byte after it. Some
// clients send paths of Windows, so other backslashes stand for themselves.
func isQuotedPair(b []byte) bool {
	return len(b) > 1 && b[0] == '\\' && (b[1] == '"' || b[1] == '\\')
}

// unescapeQuoted removes the backslashes of quoted pairs, if there are some.
func unescapeQuoted(b []byte, escaped bool) []byte {
	if !escaped {
		return b
	}
	plain := bytes.Buffer{}
	for i := 0; i < len(b); i++ {
		if isQuotedPair(b[i:]) {
			i++
		}
		plain.WriteByte(b[i])
	}
	return plain.Bytes()
}
