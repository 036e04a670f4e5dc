package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
)

// appendAccept appends the server's proof that it understood the key, of which
// there are 24 bytes in a legal request [RFC 6455 4.2.2].
func appendAccept(dst, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var buf [24 + len(guid)]byte
	sum := sha1.Sum(append(append(buf[:0], key...), guid...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// validKey reports whether a key is 16 bytes in base64 [RFC 6455 4.2.1].
func validKey(key []byte) bool {
	var raw [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(raw[:], key)
	return err == nil && n == 16
}

// ownHeaders are those that the handshake itself sends, and whose second
// appearance would make it ambiguous.
var ownHeaders = []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
	"Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"}

// checkExtra checks the headers that a program adds to a handshake and
// returns the subprotocols among them.
func checkExtra(headers string) (protocols []string, err error) {
	err = http.EachHeader(headers, func(name, value string) error {
		for _, own := range ownHeaders {
			if strings.EqualFold(name, own) {
				return fmt.Errorf("ws: header %s is set by the handshake itself", own)
			}
		}
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			return nil
		}
		for p := range strings.SplitSeq(value, ",") {
			if p = strings.Trim(p, " \t"); !http.IsToken(p) {
				return errors.New("ws: Sec-WebSocket-Protocol is not a list of tokens")
			}
			if slices.Contains(protocols, p) { // [RFC 6455 4.1]
				return fmt.Errorf("ws: Sec-WebSocket-Protocol names %s twice", p)
			}
			protocols = append(protocols, p)
		}
		return nil
	})
	return protocols, err
}
