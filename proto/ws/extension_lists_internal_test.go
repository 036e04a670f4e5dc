package ws

import (
	"io"
	"math"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// malformedExtensions are headers that are not lists of extensions [RFC 6455 9.1].
var malformedExtensions = []string{
	";", "=", "\"", "a b", "a;", "a; ", "a;;b", "a;=1", "a; b=", "a; b=,", "a; b==1", "a; b=1 2", "a; b=\"", "a; b=\"1", "a; b=\"1\\\"", "a; b=\"\"", "a; b=\"1 2\"", "a; b=\"1\"2",
	"a; b=\"1;\"", "a=1", "a; b c", "\"a\"", "a; \"b\"", "a\x00", "ä", "a; b=ä", "a; b=\"ä\"", "a/b", "(a)", "a, b;", pmd + ", ;",
}

// A malformed header is an error, together with well-formed headers too.
func TestExtensionsMalformed(t *testing.T) {
	var d Deflate
	for _, s := range malformedExtensions {
		for _, all := range [][][]byte{lines(s), lines(pmd, s), lines(s, pmd), lines(pmd + ", " + s)} {
			if p, answer, err := d.acceptOffer(all, new(flatePool), math.MaxInt); err == nil || answer != "" || p.enabled() {
				t.Errorf("%q: %+v, %q, %v", all, p, answer, err)
			}
		}
	}
}

// These headers are illegal, but httphead.ScanOptions and wsflate.Parameters.Parse accept
// them. This is why eachExtension and parameters exist. If a row fails here, gobwas/ws has
// become stricter.
func TestGobwasAcceptsIllegalExtensions(t *testing.T) {
	for _, tt := range []struct{ name, header string }{
		{"no comma between extensions", "mux permessage-deflate"},
		{"no parameter after the semicolon", pmd + ";"},
		{"no value after the equals sign", pmd + "; server_no_context_takeover="},
		{"empty quoted value", pmd + sno + "=\"\""},
		{"two values", pmd + sbit + "=10 11"},
		{"token after a quoted value", pmd + sbit + "=\"10\"11"},
		{"quoted value that is not a token", pmd + sbit + "=\":\""},
		{"leading zero", pmd + sbit + "=08"},
		{"leading zero of the client's window", pmd + cbit + "=09"},
		{"number of more than 64 bits", pmd + sbit + "=18446744073709551626"},
		{"parameter twice, without value", pmd + cbit + cbit},
		{"parameter twice, once without value", pmd + cbit + "=10" + cbit},
	} {
		if !gobwasReads(tt.header) {
			t.Errorf("%s: gobwas/ws refuses %q", tt.name, tt.header)
		}
		if p, answer, _ := new(Deflate).acceptOffer(lines(tt.header), new(flatePool), DefaultDeflateBudget); p.enabled() {
			t.Errorf("%s: a server accepts %q and answers %q", tt.name, tt.header, answer)
		}
	}
	const escaped = pmd + sbit + "=\"1\\0\"" // 10 [RFC 9110 5.6.4]
	if gobwasReads(escaped) {
		t.Errorf("gobwas/ws accepts the escape in %q", escaped)
	}
	if p, _, _ := new(Deflate).acceptOffer(lines(escaped), new(flatePool), DefaultDeflateBudget); p.sendBits != 10 {
		t.Errorf("a server does not read the window in %q: %+v", escaped, p)
	}
}

// gobwas/ws refuses the other headers that the tests of this package call illegal.
func TestGobwasRefusesExtensions(t *testing.T) {
	for _, header := range []string{
		pmd + "; x", pmd + "; x=1", pmd + sno + sno, pmd + sbit + "=10" + sbit + "=10", pmd + sno + "=1",
		pmd + sbit, pmd + sbit + "=7", pmd + sbit + "=16", pmd + cbit + "=a", "", ";", "a; b==1", "a=1", "a; \"b\"", "(a)",
	} {
		if gobwasReads(header) {
			t.Errorf("gobwas/ws accepts %q", header)
		}
	}
}

// gobwasReads reports whether gobwas/ws accepts a request with the header.
func gobwasReads(header string) bool {
	request := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: " + header + "\r\n\r\n"
	wire := struct {
		io.Reader
		io.Writer
	}{strings.NewReader(request), io.Discard}
	_, err := gobwas.Upgrader{Negotiate: new(wsflate.Extension).Negotiate}.Upgrade(wire)
	return err == nil
}
