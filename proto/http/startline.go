package http

import "bytes"

// parseRequestLine parses "method SP request-target SP HTTP-version" [RFC 9112 3].
func parseRequestLine(line []byte, msg *Message) error {
	if len(line) == 0 {
		return malformed("empty request line")
	}
	// Only single spaces separate the parts. A target that contains a space is refused,
	// not repaired [RFC 9112 3.2].
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first == last {
		return malformed("request line %s does not consist of method, target and version", line)
	}
	method, target, proto := line[:first], line[first+1:last], line[last+1:]
	if !IsToken(method) {
		return malformed("method %s is not a token", method)
	}
	if err := checkVersion(proto); err != nil {
		return err
	}
	msg.Method, msg.Proto, msg.Status = method, proto, 0
	return parseTarget(target, msg)
}

// parseStatusLine parses "HTTP-version SP status-code SP [reason-phrase]" [RFC 9112 4]. The
// second space may be missing if there is no reason. Many servers leave it out, and the line
// is not ambiguous without it.
func parseStatusLine(line []byte, msg *Message) error {
	proto, rest, _ := bytes.Cut(line, space)
	if err := checkVersion(proto); err != nil {
		return err
	}
	code, reason, _ := bytes.Cut(rest, space)
	if len(code) != 3 || !allOf(code, classDigit) || code[0] == '0' {
		return malformed("status code %s is not three digits", code)
	}
	msg.Proto, msg.Reason = proto, reason
	msg.Status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return nil
}

var space = []byte{' '}

// checkVersion checks that proto is "HTTP/" DIGIT "." DIGIT with the major version 1
// [RFC 9112 2.3]. A minor version above 1 is accepted and treated as 1.1 [RFC 9110 2.5].
func checkVersion(proto []byte) error {
	const shape = "HTTP/1.1"
	if len(proto) != len(shape) || string(proto[:5]) != shape[:5] || proto[6] != '.' ||
		charClasses[proto[5]]&charClasses[proto[7]]&classDigit == 0 {
		return malformed("version %s is not HTTP/1.1 or HTTP/1.0", proto)
	}
	if proto[5] != '1' {
		return refuse(505, "version %s is not supported: want HTTP/1.1 or HTTP/1.0", string(proto))
	}
	return nil
}
