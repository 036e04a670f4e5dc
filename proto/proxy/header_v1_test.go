package proxy_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/proxy"
)

// Bad lines of version 1.
func TestParseVersion1Errors(t *testing.T) {
	wantRefused(t, []badHeader{
		{"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, `protocol "TCP5"`, 32},
		{"PROXY \r\n", proxy.ErrBadHeader, `protocol ""`, 8},
		{"PROXY tcp4 1.1.1.1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, `protocol "tcp4"`, 32},
		{"PROXY UNKNOWNX\r\n", proxy.ErrBadHeader, "UNKNOWNX", 16},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", proxy.ErrBadHeader, "4 fields", 30},
		{"PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, "6 fields", 33},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n", proxy.ErrBadHeader, "6 fields", 33},
		{"PROXY TCP4 ::1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, `"::1" is no address for TCP4`, 28},
		{"PROXY TCP6 ::1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, `"1.1.1.1" is no address for TCP6`, 28},
		{"PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, `"01.1.1.1"`, 33},
		{"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n", proxy.ErrBadHeader, "1.1.1.256", 34},
		{"PROXY TCP6 fe80::1%lo ::1 1 1\r\n", proxy.ErrBadHeader, "fe80::1%lo", 31},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", proxy.ErrBadHeader, `"01" is no port`, 33},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n", proxy.ErrBadHeader, `"65536" is no port`, 36},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n", proxy.ErrBadHeader, `"+1" is no port`, 33},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 \r\n", proxy.ErrBadHeader, `"" is no port`, 31},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n", proxy.ErrBadHeader, "does not end with CRLF", 31},
		{"PROXY TCP4 1.1.1.1\r1.1.1.1 1 1\r\n", proxy.ErrBadHeader, "a CR without an LF", 20},
		{"PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", proxy.ErrBadHeader, "no end of line in the first 107 bytes", 107},
	})
}
