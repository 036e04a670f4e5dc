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

// appendAccept appends the value of Sec-WebSocket-Accept for a key. It proves that the
// server understood the request. A legal key has 24 bytes [RFC 6455 4.2.2].
func appendAccept(dst, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var buf [24 + len(guid)]byte
	sum := sha1.Sum(append(append(buf[:0], key...), guid...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// validKey reports whether a key is the base64 form of 16 bytes [RFC 6455 4.2.1].
func validKey(key []byte) bool {
	var raw [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(raw[:], key)
	return err == nil && n == 16
}

// handshakeHeaders are the headers that a program must not add to a handshake. The handshake
// itself sends them, or they would make it ambiguous.
var handshakeHeaders = []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
	"Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"}

// cutHost removes the Host line from the headers of a client, and returns its value, or "" if there
// is none. Other lines are checked later.
func cutHost(headers string) (host, rest string, err error) {
	found := 0
	for line := range strings.SplitAfterSeq(headers, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(name, "Host") || !strings.HasSuffix(line, "\r\n") {
			rest += line
			continue
		}
		found++
		host = strings.Trim(value, " \t\r\n")
	}
	switch {
	case found > 1:
		return "", "", fmt.Errorf("ws: %d Host headers, want one at most", found)
	case found == 1 && host == "":
		return "", "", errors.New("ws: header Host is empty")
	}
	return host, rest, nil
}

// checkAddedHeaders checks the headers that a program adds to a handshake. It returns the
// subprotocols in these headers. httphead.ScanTokens is not used, because it accepts "a b" and
// "a,,b" as lists.
func checkAddedHeaders(headers string) (protocols []string, err error) {
	err = http.EachHeader(headers, func(name, value string) error {
		for _, own := range handshakeHeaders {
			if strings.EqualFold(name, own) {
				return fmt.Errorf("ws: header %s must not be added to a handshake", own)
			}
		}
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			return nil
		}
		for p := range strings.SplitSeq(value, ",") {
			if p = strings.Trim(p, " \t"); !http.IsToken(p) {
				return fmt.Errorf("ws: header Sec-WebSocket-Protocol is %q: want tokens separated by commas", value)
			}
			if slices.Contains(protocols, p) { // [RFC 6455 4.1]
				return fmt.Errorf("ws: header Sec-WebSocket-Protocol names %q twice", p)
			}
			protocols = append(protocols, p)
		}
		return nil
	})
	return protocols, err
}
