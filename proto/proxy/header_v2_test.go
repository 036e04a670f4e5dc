package proxy_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/proxy"
)

// Bad binary headers of version 2.
func TestParseVersion2Errors(t *testing.T) {
	wantRefused(t, []badHeader{
		{v2(0x11, 0x11, inet4), proxy.ErrBadHeader, "says version 1", 13},
		{v2(0x22, 0x11, inet4), proxy.ErrBadHeader, "unknown command 2", 13},
		{v2(0x21, 0x41, inet4), proxy.ErrBadHeader, "protocol 0x41", 14},
		{v2(0x21, 0x13, inet4), proxy.ErrBadHeader, "protocol 0x13", 14},
		{v2(0x21, 0x11, inet4[:11]), proxy.ErrBadHeader, "11 bytes after the length, want 12", 16},
		{v2(0x21, 0x21, inet4), proxy.ErrBadHeader, "12 bytes after the length, want 36", 16},
		{v2(0x21, 0x31, inet6), proxy.ErrBadHeader, "want 216", 16},
		{v2(0x21, 0x11, inet4+"\x02\x00"), proxy.ErrBadHeader, "2 bytes after the last TLV", 30},
		{v2(0x21, 0x11, inet4+"\x02\x00\x05host"), proxy.ErrBadHeader, "type 0x02 has 5 bytes, 4 are left", 35},
		{v2(0x21, 0x00, "\x03\x00\x04\x3e\xc9\x89\x4f"), proxy.ErrBadHeader, "the CRC-32C is wrong", 23},
		{v2(0x21, 0x00, "\x03\x00\x03\xad\x5e\x42"), proxy.ErrBadHeader, "the CRC-32C is wrong", 22},
		{v2(0x21, 0x11, inet4+"\x04\x0f\xf0"+strings.Repeat("x", 4080)), proxy.ErrBadHeader, "the limit is 4096", 16},
	})
}
