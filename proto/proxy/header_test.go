package proxy_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/proxy"
)

// v2 returns a header of version 2: the bytes 12 and 13, and what follows the length.
func v2(command, family byte, rest string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

const (
	inet4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x01\xbb" // 192.0.2.1:4711, 192.0.2.2:443
	inet6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x12\x67\x01\xbb"
	authority = "\x02\x00\x04host"
)

// unixPaths returns the addresses of AF_UNIX.
func unixPaths(source, dest string) string {
	fill := func(s string) string { return s + strings.Repeat("\x00", 108-len(s)) }
	return fill(source) + fill(dest)
}

var source4, dest4 = addrPort("192.0.2.1:4711"), addrPort("192.0.2.2:443")
var source6, dest6 = addrPort("[2001:db8::1]:4711"), addrPort("[2001:db8::2]:443")

// headers are valid headers. Those with canonical are what AppendHeader makes of them.
var headers = []struct {
	name, text string
	want       proxy.Header
	canonical  bool
}{
	{"TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n", proxy.Header{Version: 1, Source: source4, Dest: dest4}, true},
	{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", proxy.Header{Version: 1, Source: source6, Dest: dest6}, true},
	{"TCP6 in full", "PROXY TCP6 2001:0DB8:0:0:0:0:0:1 2001:db8:0000::2 4711 443\r\n", proxy.Header{Version: 1, Source: source6, Dest: dest6}, false},
	{"TCP6 mapped", "PROXY TCP6 ::ffff:c000:201 ::ffff:c000:202 0 65535\r\n",
		proxy.Header{Version: 1, Source: addrPort("[::ffff:192.0.2.1]:0"), Dest: addrPort("[::ffff:192.0.2.2]:65535")}, true},
	{"longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		proxy.Header{Version: 1, Source: addrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"), Dest: addrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")}, true},
	{"UNKNOWN", "PROXY UNKNOWN\r\n", proxy.Header{Version: 1}, true},
	{"UNKNOWN with more", "PROXY UNKNOWN what \x00ever \xff\r\n", proxy.Header{Version: 1}, false},
	{"longest UNKNOWN", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", proxy.Header{Version: 1}, false},
	{"v2 TCP4", v2(0x21, 0x11, inet4), proxy.Header{Version: 2, Source: source4, Dest: dest4}, true},
	{"v2 TCP6", v2(0x21, 0x21, inet6), proxy.Header{Version: 2, Source: source6, Dest: dest6}, true},
	{"v2 UDP4", v2(0x21, 0x12, inet4), proxy.Header{Version: 2, Source: source4, Dest: dest4, Datagram: true}, true},
	{"v2 UNIX", v2(0x21, 0x31, unixPaths("/run/a", "\x00abstract")), proxy.Header{Version: 2, SourcePath: "/run/a", DestPath: "\x00abstract"}, true},
	{"v2 UNIX, longest", v2(0x21, 0x31, unixPaths("", strings.Repeat("x", 108))), proxy.Header{Version: 2, DestPath: strings.Repeat("x", 108)}, true},
	{"v2 LOCAL", v2(0x20, 0x00, ""), proxy.Header{Version: 2, Local: true}, true},
	{"v2 LOCAL with addresses", v2(0x20, 0x11, inet4+authority), proxy.Header{Version: 2, Local: true}, false},
	{"v2 LOCAL with nonsense", v2(0x20, 0xff, "xx"), proxy.Header{Version: 2, Local: true}, false},
	{"v2 UNSPEC", v2(0x21, 0x00, ""), proxy.Header{Version: 2}, true},
	{"v2 INET, protocol UNSPEC", v2(0x21, 0x10, inet4), proxy.Header{Version: 2}, false},
	{"v2 TLVs", v2(0x21, 0x11, inet4+authority+"\x05\x00\x00\xee\x00\x01x"), proxy.Header{Version: 2, Source: source4, Dest: dest4,
		TLVs: []proxy.TLV{{proxy.TypeAuthority, []byte("host")}, {proxy.TypeUniqueID, []byte{}}, {0xee, []byte("x")}}}, true},
	{"v2 UNSPEC with a TLV", v2(0x21, 0x00, authority), proxy.Header{Version: 2, TLVs: []proxy.TLV{{proxy.TypeAuthority, []byte("host")}}}, true},
	{"v2 CRC-32C", v2(0x21, 0x00, "\x03\x00\x04\x3e\xc9\x89\x4e"), proxy.Header{Version: 2, TLVs: []proxy.TLV{{proxy.TypeCRC32C, []byte("\x3e\xc9\x89\x4e")}}}, false},
}

// Each header is parsed to its end, whatever follows. Each beginning of it is incomplete.
func TestParseHeader(t *testing.T) {
	for _, h := range headers {
		for _, more := range []string{"", "GET / HTTP/1.1\r\n", h.text} {
			var got proxy.Header
			n, err := proxy.ParseHeader([]byte(h.text+more), &got, 0)
			if err != nil || n != len(h.text) || !reflect.DeepEqual(got, h.want) {
				t.Errorf("%s: %d, %v\n got %+v\nwant %+v", h.name, n, err, got, h.want)
			}
		}
		for i := range h.text {
			var got proxy.Header
			if n, err := proxy.ParseHeader([]byte(h.text[:i]), &got, 0); err != proxy.ErrIncomplete || n != 0 || !reflect.DeepEqual(got, proxy.Header{}) {
				t.Errorf("%s: %d bytes of it: %d, %v", h.name, i, n, err)
			}
		}
	}
}

func TestAppendHeader(t *testing.T) {
	for _, h := range headers {
		if !h.canonical {
			continue
		}
		got, err := proxy.AppendHeader([]byte("x"), &h.want)
		if err != nil || string(got) != "x"+h.text {
			t.Errorf("%s: %v\n got %q\nwant %q", h.name, err, got, "x"+h.text)
		}
	}
}

func TestAppendHeaderErrors(t *testing.T) {
	zoned := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%lo"), 1)
	for says, h := range map[string]proxy.Header{
		"Version is 0":       {},
		"Version is 3":       {Version: 3},
		"only one of Source": {Version: 1, Source: source4},
		"only one":           {Version: 2, Dest: source4},
		"one family":         {Version: 2, Source: source4, Dest: dest6},
		"zone":               {Version: 2, Source: zoned, Dest: zoned},
		"addresses and path": {Version: 2, Source: source4, Dest: dest4, DestPath: "/x"},
		"with Local":         {Version: 2, Source: source4, Dest: dest4, Local: true},
		"no TLVs":            {Version: 2, Local: true, TLVs: []proxy.TLV{{1, nil}}},
		"version 1 has no":   {Version: 1, TLVs: []proxy.TLV{{1, nil}}},
		"version 1":          {Version: 1, SourcePath: "/x"},
		"more than 108":      {Version: 2, SourcePath: strings.Repeat("x", 109)},
		"zero byte":          {Version: 2, SourcePath: "/x\x00y"},
		"65,535":             {Version: 2, TLVs: []proxy.TLV{{1, make([]byte, 65533)}}},
		"CRC-32C":            {Version: 2, TLVs: []proxy.TLV{{proxy.TypeCRC32C, make([]byte, 4)}}},
	} {
		got, err := proxy.AppendHeader([]byte("x"), &h)
		if err == nil || !strings.Contains(err.Error(), says) || string(got) != "x" {
			t.Errorf("%+v: %q, %v, want %q", h, got, err, says)
		}
	}
}

// badHeader is input that is no header, or a bad one.
type badHeader struct {
	text string
	is   error
	says string
	at   int // how many bytes show it
}

// wantRefused checks that bad input is refused with its first byte that shows it, and never before.
func wantRefused(t *testing.T, tests []badHeader) {
	t.Helper()
	for _, test := range tests {
		for i := 0; i <= len(test.text); i++ {
			var h proxy.Header
			n, err := proxy.ParseHeader([]byte(test.text[:i]), &h, 0)
			if want := i >= test.at; n != 0 || errors.Is(err, test.is) != want || !want && err != proxy.ErrIncomplete {
				t.Errorf("%.40q: %d bytes of it: %d, %v, want it to be refused from %d on", test.text, i, n, err, test.at)
				break
			}
			if !reflect.DeepEqual(h, proxy.Header{}) {
				t.Errorf("%.40q: %d bytes of it leave %+v", test.text, i, h)
			}
			if i == test.at && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%.40q: %v, want %q", test.text, err, test.says)
			}
		}
	}
}

// Input that cannot become a header is refused at once.
func TestParseNoHeader(t *testing.T) {
	wantRefused(t, []badHeader{
		{"GET / HTTP/1.1\r\n\r\n", proxy.ErrNoHeader, `the first bytes are "G"`, 1},
		{"\x16\x03\x01\x02\x00", proxy.ErrNoHeader, `"\x16"`, 1},
		{"PROXX", proxy.ErrNoHeader, `"PROXX"`, 5},
		{"PUT / HTTP/1.1", proxy.ErrNoHeader, `"PU"`, 2},
		{"\r\n\r\n\x00\r\nQUIX", proxy.ErrNoHeader, `QUIX"`, 11},
	})
}

// A limit applies to both versions.
func TestParseHeaderLimit(t *testing.T) {
	for _, h := range headers {
		var got proxy.Header
		if _, err := proxy.ParseHeader([]byte(h.text), &got, len(h.text)); err != nil {
			t.Errorf("%s at the limit: %v", h.name, err)
		}
		if _, err := proxy.ParseHeader([]byte(h.text), &got, len(h.text)-1); !errors.Is(err, proxy.ErrBadHeader) {
			t.Errorf("%s beyond the limit: %v", h.name, err)
		}
	}
}

func TestHeaderTLV(t *testing.T) {
	h := proxy.Header{TLVs: []proxy.TLV{{1, []byte("a")}, {2, nil}, {1, []byte("b")}}}
	if v, ok := h.TLV(1); !ok || string(v) != "a" {
		t.Errorf("TLV(1) = %q, %v", v, ok)
	}
	if v, ok := h.TLV(2); !ok || v != nil {
		t.Errorf("TLV(2) = %q, %v", v, ok)
	}
	if _, ok := h.TLV(3); ok {
		t.Error("TLV(3) exists")
	}
}
