package http_test

import "testing"

// badFields are header lines that must be refused.
var badFields = []badRequest{
	// [RFC 9112 5] header lines
	{"fold", "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n", 400, "folded"},
	{"fold with tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", 400, "folded"},
	{"fold of the request line", "GET / HTTP/1.1\r\n A: b\r\n", 400, "folded"},
	{"blank line that is not empty", "GET / HTTP/1.1\r\nHost: h\r\n \r\n", 400, "folded"},
	{"no colon", "GET / HTTP/1.1\r\nabc\r\n", 400, `"abc" has no colon`},
	{"no name", "GET / HTTP/1.1\r\n: abc\r\n", 400, "no name"},
	{"blank before colon", "GET / HTTP/1.1\r\nHost : h\r\n", 400, "blank before the colon"},
	{"tab before colon", "GET / HTTP/1.1\r\nHost\t: h\r\n", 400, "blank before the colon"},
	{"name not a token", "GET / HTTP/1.1\r\nA b: c\r\n", 400, `"A b" is not a token`},
	{"name with bytes above 0x7f", "GET / HTTP/1.1\r\n\xc3\xa9: c\r\n", 400, "not a token"},
	// [RFC 9112 3.2] Host
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "Host header is missing"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n", 400, "second Host"},
	{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n", 400, "second Host"},
	{"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n", 400, `Host "a, b"`},
	{"path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n", 400, `Host "a/b"`},
	{"userinfo in Host", "GET / HTTP/1.1\r\nHost: u@b\r\n", 400, `Host "u@b"`},
	{"broken escape in Host", "GET / HTTP/1.1\r\nHost: a%zz\r\n", 400, `Host "a%zz"`},
	{"escape cut off in Host", "GET / HTTP/1.1\r\nHost: a%4\r\n", 400, `Host "a%4"`},
	// [RFC 9112 6] framing
	{"Content-Length sign", "POST / HTTP/1.1\r\nContent-Length: +5\r\n", 400, `Content-Length "+5"`},
	{"Content-Length minus", "POST / HTTP/1.1\r\nContent-Length: -5\r\n", 400, `Content-Length "-5"`},
	{"Content-Length hex", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n", 400, `Content-Length "0x5"`},
	{"Content-Length colon", "POST / HTTP/1.1\r\nContent-Length: 0:1\r\n", 400, `Content-Length "0:1"`},
	{"Content-Length empty", "POST / HTTP/1.1\r\nContent-Length:\r\n", 400, `Content-Length ""`},
	{"Content-Length list", "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n", 400, `Content-Length "5, 5"`},
	{"Content-Length 20 digits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n", 400, "overflows"},
	{"Content-Length 2^63", "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n", 400, "overflows"},
	{"Content-Length different", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400, "second Content-Length"},
	{"Content-Length repeated", "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n", 400, "second Content-Length"},
	{"Content-Length, Transfer-Encoding", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "both"},
	{"Transfer-Encoding, Content-Length", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, "both"},
	{"gzip, chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", 501, `"gzip, chunked" is not supported`},
	{"identity", "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n", 501, "only chunked"},
	{"chunked with parameter", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked;a\r\n", 501, "only chunked"},
	{"empty Transfer-Encoding", "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n", 501, "only chunked"},
	{"chunked twice", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "second Transfer-Encoding"},
	{"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400, "HTTP/1.0"},
}

// A malformed header line is refused when it is complete.
func TestRefuseField(t *testing.T) {
	for _, tt := range badFields {
		tt.run(t)
	}
}
