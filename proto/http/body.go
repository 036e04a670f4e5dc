package http

// chooseBodyKind decides how the body after a complete header is framed [RFC 9112 6.3]. It also
// checks that a request has a Host header.
func (p *Parser) chooseBodyKind() error {
	f := &p.framing
	switch {
	case p.Response && p.hasNoBody():
		p.kind = bodyNone
	case f.chunked:
		p.kind = bodyChunked
		p.chunks = chunkState{bodyEnd: p.headEnd, remaining: 0, phase: chunkSize}
	case f.hasLen:
		p.kind = bodyLength
	case p.Response:
		p.kind = bodyToEnd
	default:
		p.kind = bodyNone
	}
	if !p.Response && p.minorVersion > 0 && f.hosts == 0 { // [RFC 9112 3.2]
		return malformed("Host header is missing")
	}
	return nil
}

// hasNoBody reports whether a response has no body, even if its header announces one
// [RFC 9112 6.3, items 1 and 2].
func (p *Parser) hasNoBody() bool {
	status := p.status
	return status < 200 || status == 204 || status == 304 || p.Method == "HEAD" ||
		p.Method == "CONNECT" && status < 300
}

// hasBody reports whether the current message has a body that is not known to be empty.
func (p *Parser) hasBody() bool {
	return p.kind != bodyNone && !(p.kind == bodyLength && p.framing.length == 0)
}

// checkContentLength returns an error if Content-Length exceeds the limit.
func (p *Parser) checkContentLength() error {
	if limit := int64(p.Limits.body()); p.kind == bodyLength && p.framing.length > limit {
		return p.withStatus(lengthTooLarge(p.framing.length, limit))
	}
	return nil
}

// missing returns how many bytes of the body are to come, if Content-Length says it. n is how many
// bytes of the message have arrived.
func (p *Parser) missing(n int) int {
	if p.kind != bodyLength {
		return 0
	}
	return p.headEnd + int(p.framing.length) - n
}

func lengthTooLarge(length, limit int64) error {
	return refuse(413, "Content-Length %d is beyond the limit of %d bytes", length, limit)
}

func bodyToEndTooLarge(limit int64) error {
	return refuse(413, "body is larger than the limit of %d bytes", limit)
}

// parseBody parses the body after a complete header and returns the length of the message.
// filled says that msg already contains the header. If filled is false, parseBody fills msg
// when the body is complete. So the header is not parsed again for each piece of the body.
func (p *Parser) parseBody(buf []byte, msg *Message, filled bool) (n int, err error) {
	if err := p.recheck(buf, msg); err != nil { // the limits may have changed since the last call
		return 0, err
	}
	switch p.kind {
	case bodyNone:
		return p.complete(buf, msg, filled, p.headEnd, p.headEnd), nil
	case bodyChunked:
		if err := p.parseChunks(buf); err != nil {
			return 0, p.withStatus(err)
		}
		return p.complete(buf, msg, filled, p.chunks.bodyEnd, p.lineAt), nil
	case bodyLength:
		if err := p.checkContentLength(); err != nil {
			return 0, err
		}
		if end := p.headEnd + int(p.framing.length); end <= len(buf) {
			return p.complete(buf, msg, filled, end, end), nil
		}
	case bodyToEnd:
		if len(buf)-p.headEnd > p.Limits.body() {
			return 0, p.withStatus(bodyToEndTooLarge(int64(p.Limits.body())))
		}
	}
	return 0, ErrIncomplete
}
