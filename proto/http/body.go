package http

// chooseBody applies the rules of message body length [RFC 9112 6.3] to a
// complete header.
func (p *Parser) chooseBody() error {
	f := &p.framing
	switch {
	case p.Response && p.bodiless():
		p.kind = bodyNone
	case f.chunked:
		p.kind = bodyChunked
		p.chunks = chunks{out: p.head, left: 0, phase: chunkSize}
	case f.hasLen:
		p.kind = bodyLength
	case p.Response:
		p.kind = bodyToEnd
	default:
		p.kind = bodyNone
	}
	if !p.Response && p.minor > 0 && f.hosts == 0 { // [RFC 9112 3.2]
		return malformed("Host header is missing")
	}
	return nil
}

// bodiless reports whether a response never has a body, whatever its header
// says [RFC 9112 6.3, items 1 and 2].
func (p *Parser) bodiless() bool {
	status := p.status
	return status < 200 || status == 204 || status == 304 || p.Method == "HEAD" ||
		p.Method == "CONNECT" && status < 300
}

// hasBody reports whether bytes of a body belong to the header just parsed.
func (p *Parser) hasBody() bool {
	return p.kind != bodyNone && !(p.kind == bodyLength && p.framing.length == 0)
}

// checkLength refuses a body whose announced length is too large.
func (p *Parser) checkLength() error {
	if p.kind == bodyLength && p.framing.length > int64(p.Limits.body()) {
		return p.blame(refuse(413, "Content-Length %d is beyond the limit of %d bytes", p.framing.length, p.Limits.body()))
	}
	return nil
}

// parseBody goes on behind a complete header. Whether msg is filled with it
// matters at the end only, so that a body in many pieces does not cost a
// look at the header for each.
func (p *Parser) parseBody(buf []byte, msg *Message, filled bool) (n int, err error) {
	switch p.kind {
	case bodyNone:
		return p.complete(buf, msg, filled, p.head, p.head), nil
	case bodyChunked:
		if err := p.parseChunks(buf); err != nil {
			return 0, p.blame(err)
		}
		return p.complete(buf, msg, filled, p.chunks.out, p.line), nil
	case bodyLength:
		if err := p.checkLength(); err != nil {
			return 0, err
		}
		if end := p.head + int(p.framing.length); end <= len(buf) {
			return p.complete(buf, msg, filled, end, end), nil
		}
	case bodyToEnd:
		if len(buf)-p.head > p.Limits.body() {
			return 0, p.blame(refuse(413, "body is larger than the limit of %d bytes", p.Limits.body()))
		}
	}
	return 0, ErrIncomplete
}
