package http_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// The parser is compared with net/http. If both accept a message, they must find the same in it,
// and end it at the same byte. Only these differences are known: one of the two refuses a message
// that the other one accepts. Each has an example.
var knownDifferences = []struct {
	why string
	in  string
	err string // a part of the error of the one that refuses it
}{
	// We refuse.
	{"they end lines at LF too", "GET / HTTP/1.1\nHost: h\r\n\r\n", "bare LF"},
	{"they accept it in reasons", lines("HTTP/1.1 200 O\rK", "Content-Length: 0"), "bare CR"},
	{"they do not look at chunk extensions", chunkHead + "0;\x01\r\n\r\n", "control byte"},
	{"they unfold requests too, but [RFC 9112 5.2]", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", "begins with a blank"},
	{"their server checks names, ReadRequest does not", lines("GET / HTTP/1.1", "Host: h", "A : b"), "blank before the colon"},
	{"their server checks names, ReadRequest does not", lines("GET / HTTP/1.1", "Host: h", "A b: c"), "is not a token"},
	{"they accept equal lengths", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 0", "Content-Length: 0"), "second Content-Length"},
	{"they prefer chunked", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 0", "Transfer-Encoding: chunked") + "0\r\n\r\n", "both Content-Length and"},
	{"they ignore it in HTTP/1.0", lines("POST / HTTP/1.0", "Transfer-Encoding: chunked"), "not allowed in an HTTP/1.0"},
	{"their server checks Host, ReadRequest does not", lines("GET / HTTP/1.1"), "Host header is missing"},
	{"their server checks Host, ReadRequest does not", lines("GET / HTTP/1.1", "Host: a/b"), "is neither host nor host:port"},
	{"they accept bytes above 0x7f and #", lines("GET /# HTTP/1.1", "Host: h"), "request target"},
	{"they accept it for each method", lines("GET * HTTP/1.1", "Host: h"), "request target"},
	{"they accept other schemes", lines("GET ftp://h/ HTTP/1.1", "Host: h"), "request target"},
	{"they accept userinfo", lines("GET http://u@h/ HTTP/1.1", "Host: h"), "is neither host nor host:port"},
	{"they accept paths", lines("CONNECT /a HTTP/1.1", "Host: h"), "of CONNECT"},
	{"they accept HTTP/1.1 only, but blanks around the code", lines("HTTP/1.1   200 OK", "Content-Length: 0"), "status code"},
	{"they accept codes below 100", lines("HTTP/1.1 000 OK", "Content-Length: 0"), "status code"},
	{"they accept other major versions", lines("HTTP/9.9 200 OK", "Content-Length: 0"), "is not supported"},
	{"they accept blanks after the size", chunkHead + "0 \r\n\r\n", "chunk size"},
	{"they accept size lines of 4 KiB", chunkHead + "0;" + strings.Repeat("x", 300) + "\r\n\r\n", "larger than the limit"},
	{"they accept 500 header lines and more", lines("GET / HTTP/1.1", "Host: h", strings.Repeat("A:\r\n", 100)+"B:"), "beyond the limit"},
	// They refuse.
	{"escapes of ASCII in hosts are legal [RFC 3986 3.2.2]", lines("GET http://%41/ HTTP/1.1", "Host: h"), "invalid URL escape"},
	{"we ignore trailers", lines("POST / HTTP/1.1", "Host: h", "Trailer: Content-Length", "Transfer-Encoding: chunked") + "0\r\n\r\n", "bad trailer key"},
}

// isKnown reports whether the error of the one that refuses belongs to a known difference.
func isKnown(err error) bool {
	for _, d := range knownDifferences {
		if strings.Contains(err.Error(), d.err) {
			return true
		}
	}
	return false
}

// Each known difference exists.
func TestKnownDifferences(t *testing.T) {
	for _, d := range knownDifferences {
		response := strings.HasPrefix(d.in, "HTTP")
		ours, theirs := parseOurs(d.in, response, "GET"), parseTheirs(d.in, response, "GET")
		err := cmp.Or(ours.err, theirs.err)
		if ours.more || (ours.err == nil) == (theirs.err == nil) || !strings.Contains(err.Error(), d.err) {
			t.Errorf("%s: %q: ours %+v, theirs %+v", d.why, d.in, ours, theirs)
		}
	}
}

// FuzzNetHTTP compares this package with net/http, in what they accept and refuse, in framing and
// in content. Method is that of the request that a response answers.
func FuzzNetHTTP(f *testing.F) {
	addSeeds(f, func(in string, response bool) { f.Add(in, response, "GET") })
	for _, tt := range goodResponses {
		f.Add(tt.in, true, tt.method)
	}
	for _, tt := range smuggled {
		f.Add(tt.in, false, "")
	}
	f.Fuzz(func(t *testing.T, in string, response bool, method string) {
		if method != "HEAD" && method != "CONNECT" {
			method = "GET"
		}
		if err := compare(in, response, method); err != nil {
			t.Error(err)
		}
	})
}

// parsed is what a parser finds in a message.
type parsed struct {
	start  string // the parts of the first line
	header []string
	body   string
	rest   string // what follows the message
	err    error
	more   bool // the message is incomplete
}

// compare returns an error if the parsers differ without a good reason.
func compare(in string, response bool, method string) error {
	ours, theirs := parseOurs(in, response, method), parseTheirs(in, response, method)
	switch {
	case ours.more: // they cannot tell an incomplete message from a bad one
		if theirs.err == nil {
			return fmt.Errorf("%q is incomplete, but net/http takes it: %+v", in, theirs)
		}
	case ours.err != nil && theirs.err != nil:
	case ours.err != nil:
		if !isKnown(ours.err) {
			return fmt.Errorf("%q: %w, but net/http takes it: %+v", in, ours.err, theirs)
		}
	case theirs.err != nil:
		if !isKnown(theirs.err) {
			return fmt.Errorf("%q is accepted, but net/http says: %w", in, theirs.err)
		}
	case ours.start != theirs.start || ours.body != theirs.body || ours.rest != theirs.rest || !slices.Equal(ours.header, theirs.header):
		return fmt.Errorf("%q:\nours   %+v\ntheirs %+v", in, ours, theirs)
	}
	return nil
}

func parseOurs(in string, response bool, method string) (p parsed) {
	parser := http.Parser{Response: response, Method: method}
	var msg http.Message
	buf := []byte(in)
	n, err := parser.ParseEnd(buf, &msg)
	if n == 0 && err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return parsed{more: true}
	}
	if err != nil {
		return parsed{err: err}
	}
	p.body, p.rest = string(msg.Body), in[n:]
	if response {
		p.start = fmt.Sprint(msg.Status)
	} else {
		path, _ := url.PathUnescape(string(msg.URI))
		if string(msg.Method) == "CONNECT" { // its target has no path
			path = "/"
		}
		p.start = fmt.Sprintf("%s %q %q %q", msg.Method, path, msg.Query, unescaped(string(msg.Host())))
	}
	for _, h := range msg.Headers {
		p.add(string(h.Name), string(h.Value))
	}
	slices.Sort(p.header)
	return p
}

// unescaped returns host without escapes. net/url removes them, but not those in the Host header.
func unescaped(host string) string {
	if h, err := url.PathUnescape(host); err == nil {
		return h
	}
	return host
}

func parseTheirs(in string, response bool, method string) (p parsed) {
	var header nethttp.Header
	var body io.ReadCloser
	r := bufio.NewReader(strings.NewReader(strings.TrimPrefix(in, crlf))) // they do not skip an empty line
	if response {
		r.Reset(strings.NewReader(in))
		msg, err := nethttp.ReadResponse(r, &nethttp.Request{Method: method})
		if err != nil {
			return parsed{err: err}
		}
		p.start = fmt.Sprint(msg.StatusCode)
		header, body = msg.Header, msg.Body
		if msg.StatusCode == 101 || method == "CONNECT" && msg.StatusCode/100 == 2 {
			body = nethttp.NoBody // their body is the tunnel
		}
	} else {
		msg, err := nethttp.ReadRequest(r)
		if err != nil {
			return parsed{err: err}
		}
		p.start = fmt.Sprintf("%s %q %q %q", msg.Method, cmp.Or(msg.URL.Path, "/"), msg.URL.RawQuery, unescaped(msg.Host))
		header, body = msg.Header, msg.Body
	}
	got, err := io.ReadAll(body)
	if err != nil {
		return parsed{err: err}
	}
	rest, _ := io.ReadAll(r)
	p.body, p.rest = string(got), string(rest)
	for name, values := range header {
		for _, v := range values {
			p.add(name, v)
		}
	}
	slices.Sort(p.header)
	return p
}

// add adds a header line. Folds may become any number of spaces.
func (p *parsed) add(name, value string) {
	switch name = nethttp.CanonicalHeaderKey(name); name {
	case "Host", "Transfer-Encoding", "Content-Length", "Trailer": // net/http removes them
		return
	case "Pragma", "Cache-Control": // net/http adds Cache-Control for Pragma
		return
	}
	p.header = append(p.header, name+": "+string(bytes.Join(bytes.FieldsFunc([]byte(value), func(r rune) bool { return r == ' ' || r == '\t' }), []byte(" "))))
}
