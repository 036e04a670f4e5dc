package tlsio_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

func TestLooksLikeTLS(t *testing.T) {
	for in, want := range map[string]bool{
		"\x16\x03\x01\x00\xf0": true, "\x15\x03\x03": true, "\x16\x03": false, "\x16\x03\x05": false,
		"\x17\x03\x03": false, "GET /": false, "": false,
	} {
		if got := tlsio.LooksLikeTLS([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// UnencryptedAlert returns an unencrypted alert. It returns false for an encrypted one.
func TestUnencryptedAlert(t *testing.T) {
	_, refused := pair(t, tls.VersionTLS13)
	refused.In = []byte{21, 3, 3, 0, 2, 2, 46} // fatal, certificate_unknown
	refused.step()
	if alert, ok := refused.UnencryptedAlert(); !ok || alert != 46 || !refused.done {
		t.Errorf("alert %v %v", alert, ok)
	}
	client, server := pair(t, tls.VersionTLS13)
	shake(t, client, server, 1<<20)
	client.CloseWrite()
	feed(client, server, 1<<20, func() { server.readAll(new([]byte)) })
	if alert, ok := server.UnencryptedAlert(); ok {
		t.Errorf("an encrypted alert is returned as the unencrypted alert %v", alert)
	}
}
