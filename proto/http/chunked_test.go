package http_test

import "testing"

// badChunks are chunked bodies that must be refused.
var badChunks = []badRequest{
	// [RFC 9112 7.1] chunked
	{"chunk size missing", chunkHead + "\r\n", 400, `chunk size ""`},
	{"chunk size not hex", chunkHead + "g\r\n", 400, `chunk size "g"`},
	{"chunk size sign", chunkHead + "+1\r\n", 400, `chunk size "+1"`},
	{"chunk size 0x", chunkHead + "0x1\r\n", 400, `chunk size "0x1"`},
	{"chunk size blank", chunkHead + "1 ;a\r\n", 400, `chunk size "1 "`},
	{"chunk size 64 bits", chunkHead + "ffffffffffffffff\r\n", 413, "limit of 3145728"},
	{"chunk size overflow", chunkHead + "10000000000000000\r\n", 400, "overflows"},
	{"chunk size bare LF", chunkHead + "1\n", 400, "bare LF"},
	{"chunk size control byte", chunkHead + "1;\x01", 400, "control byte"},
	{"chunk too long", chunkHead + "1\r\nab", 400, "data of a chunk"},
	{"chunk bare LF", chunkHead + "1\r\na\n", 400, "data of a chunk"},
	{"chunk CR only", chunkHead + "1\r\na\r1", 400, "data of a chunk"},
	{"trailer fold", chunkHead + "0\r\nA: b\r\n c\r\n", 400, "folded"},
	{"trailer no colon", chunkHead + "0\r\nGET / HTTP/1.1\r\n", 400, "colon"},
	{"trailer bare LF", chunkHead + "0\r\n\n", 400, "bare LF"},
}

// A malformed chunk or trailer is refused at the byte that proves it.
func TestRefuseChunked(t *testing.T) {
	for _, tt := range badChunks {
		tt.run(t)
	}
}
