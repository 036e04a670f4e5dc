package http_test

import "testing"

// badTargets are request targets that must be refused.
var badTargets = []badRequest{
	// [RFC 9112 3.2] target
	{"fragment", "GET /a#b HTTP/1.1\r\n", 400, "target"},
	{"raw bytes in target", "GET /\xc3\xa9 HTTP/1.1\r\n", 400, "target"},
	{"broken escape", "GET /%4g HTTP/1.1\r\n", 400, "escape"},
	{"escape cut off", "GET /%4 HTTP/1.1\r\n", 400, "escape"},
	{"relative", "GET a HTTP/1.1\r\n", 400, "neither a path"},
	{"other scheme", "GET ftp://h/ HTTP/1.1\r\n", 400, "neither a path"},
	{"no host", "GET http:///a HTTP/1.1\r\n", 400, "host"},
	{"only a port", "GET http://:80/a HTTP/1.1\r\n", 400, "host"},
	{"userinfo", "GET http://u@h/a HTTP/1.1\r\n", 400, "host"},
	{"port not a number", "GET http://h:a/a HTTP/1.1\r\n", 400, "host"},
	{"bad IPv6", "GET http://[::g]/a HTTP/1.1\r\n", 400, "host"},
	{"broken escape in host", "GET http://a%4/ HTTP/1.1\r\n", 400, "host"},
	{"escape in port", "GET http://a:%34/ HTTP/1.1\r\n", 400, "host"},
	{"escape in IPv6", "GET http://[fe80::1%25lo]/ HTTP/1.1\r\n", 400, "host"},
	{"asterisk for GET", "GET * HTTP/1.1\r\n", 400, "OPTIONS"},
	{"CONNECT path", "CONNECT /a HTTP/1.1\r\n", 400, "CONNECT"},
	{"CONNECT without port", "CONNECT h HTTP/1.1\r\n", 400, "CONNECT"},
}

// A malformed request target is refused at the end of the request line.
func TestRefuseTarget(t *testing.T) {
	for _, tt := range badTargets {
		tt.run(t)
	}
}
