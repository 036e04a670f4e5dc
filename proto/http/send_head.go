package http

import (
	"fmt"
	"strings"
)

// requestLines is what the header lines of a request say.
type requestLines struct {
	hasHost, hasAuth bool
	closes           bool // Connection: close
	expects          bool // Expect
	upgrades         bool // Upgrade
}

// checkRequestLines checks the header lines for a request.
func checkRequestLines(headers string) (r requestLines, err error) {
	err = EachHeader(headers, func(name, value string) error {
		switch {
		case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
			return fmt.Errorf("http: header %q must not be set: the body of the Request determines it", name)
		case strings.EqualFold(name, "Host"):
			if r.hasHost {
				return fmt.Errorf("http: second Host header %q", value)
			}
			if !isAuthority([]byte(value)) {
				return fmt.Errorf("http: Host %q is neither host nor host:port", value)
			}
			r.hasHost = true
		case strings.EqualFold(name, "Authorization"):
			r.hasAuth = true
		case strings.EqualFold(name, "Connection"):
			r.closes = r.closes || hasToken(value, "close")
		case strings.EqualFold(name, "Expect"):
			r.expects = true
		case strings.EqualFold(name, "Upgrade"):
			r.upgrades = true
		}
		return nil
	})
	return r, err
}

// check checks a request, except its URL, and returns what its header lines say.
func (r *Request) check() (requestLines, error) {
	bodies := 0
	for _, has := range [...]bool{len(r.Body) > 0, r.Reader != nil, r.Stream} {
		if has {
			bodies++
		}
	}
	lines, err := checkRequestLines(r.Headers)
	switch method := r.method(); {
	case err != nil:
		return lines, err
	case !IsToken(method):
		return lines, fmt.Errorf("http: method %q is not a token", method)
	case bodies > 1:
		return lines, fmt.Errorf("http: a Request has one of Body, Reader and Stream, not several")
	case r.Size < Chunked:
		return lines, fmt.Errorf("http: Size %d is negative and not Chunked", r.Size)
	case r.Size != 0 && r.Reader == nil && !r.Stream:
		return lines, fmt.Errorf("http: Size %d without Reader and Stream", r.Size)
	case bodies > 0 && (method == "CONNECT" || method == "TRACE"): // [RFC 9110 9.3.6, 9.3.8]
		return lines, fmt.Errorf("http: a %s request has no body", method)
	case lines.expects && !r.Stream:
		return lines, fmt.Errorf("http: Expect without Stream: only the program can wait for 100 (Continue) before it sends the body")
	}
	return lines, nil
}

// method returns the method of the request.
func (r *Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

// bodySize returns the size of the body in bytes, or Chunked. has is false if the header says
// nothing about a body.
func (r *Request) bodySize() (size int64, has bool) {
	switch {
	case (r.Reader != nil || r.Stream) && r.Size == 0:
		return Chunked, true
	case r.Reader != nil || r.Stream:
		return r.Size, true
	case len(r.Body) > 0:
		return int64(len(r.Body)), true
	}
	switch r.Method { // methods whose requests usually have a body [RFC 9110 8.6]
	case "POST", "PUT", "PATCH":
		return 0, true
	}
	return 0, false
}

// sendHead is the header of a request before it is written.
type sendHead struct {
	method, target string
	host, auth     string   // for the headers that the program has not set; auth may be ""
	headers        string   // of the program
	body           outgoing // announced in the header, unless it is of kind outNone
}

// append appends the header. The Host header comes first [RFC 9110 7.2].
func (h *sendHead) append(b []byte) []byte {
	b = append(b, h.method...)
	b = append(b, ' ')
	b = append(b, h.target...)
	b = append(b, " HTTP/1.1\r\n"...)
	if h.host != "" {
		b = append(b, "Host: "...)
		b = append(b, h.host...)
		b = append(b, "\r\n"...)
	}
	if h.auth != "" {
		b = append(b, "Authorization: "...)
		b = append(b, h.auth...)
		b = append(b, "\r\n"...)
	}
	b = append(b, h.headers...)
	return append(h.body.appendFraming(b), "\r\n"...)
}
