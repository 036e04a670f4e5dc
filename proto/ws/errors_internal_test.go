package ws

import (
	"testing"

	gobwas "github.com/gobwas/ws"
)

// TestValidStatusComparedWithGobwas checks all status codes: validStatus accepts those that a
// Close frame may carry [RFC 6455 7.4]. gobwas.CheckCloseFrameData differs in two ranges.
func TestValidStatusComparedWithGobwas(t *testing.T) {
	for i := range 1 << 16 {
		code := StatusCode(i)
		want := i >= 1000 && i <= 1003 || i >= 1007 && i <= 1014 || i >= 3000 && i <= 4999
		if validStatus(code) != want {
			t.Errorf("validStatus(%d) is %v", code, !want)
		}
		stricter := i >= 5000            // no range of RFC 6455 7.4.2
		looser := i >= 1012 && i <= 1014 // in the IANA registry since RFC 6455
		gobwasWant := want && !looser || stricter
		if err := gobwas.CheckCloseFrameData(code, ""); (err == nil) != gobwasWant {
			t.Errorf("gobwas.CheckCloseFrameData of %d says %v", code, err)
		}
	}
}

// TestErrorTexts: an error names the code of the Close frame, and its meaning if it has one.
func TestErrorTexts(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{violation(StatusProtocolError, "text frame has RSV1"), "ws: text frame has RSV1 (close code 1002 protocol error)"},
		{violation(StatusMessageTooBig, "%d bytes", 7), "ws: 7 bytes (close code 1009 message too big)"},
		{violation(4000, "100%"), "ws: 100% (close code 4000)"},
		{violation(1005, "it has a code"), "ws: it has a code (close code 1005 no status received)"},
		{violation(1013, "busy"), "ws: busy (close code 1013 try again later)"},
		{&HandshakeError{Status: 400, Header: "Upgrade", Reason: "no Upgrade"}, "ws: handshake: no Upgrade"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("error is %q, want %q", got, tt.want)
		}
	}
}
