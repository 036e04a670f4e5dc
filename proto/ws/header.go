package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// acceptKey is the server's proof that it understood the key [RFC 6455 4.2.2].
func acceptKey(key []byte) string {
	h := sha1.New()
	h.Write(key)
	h.Write([]byte("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
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

// eachHeader calls fn for the lines of headers, "Name: value\r\n" each, as
// callers of Connect and Upgrade write them.
func eachHeader(headers string, fn func(name, value string) error) error {
	for headers != "" {
		line, rest, ok := strings.Cut(headers, "\r\n")
		if !ok {
			return fmt.Errorf("ws: header line %q does not end with CR LF", line)
		}
		headers = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return fmt.Errorf("ws: header line %q is not of the form \"Name: value\"", line)
		}
		value = strings.Trim(value, " \t")
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("ws: value of header %s has a control character", name)
		}
		if err := fn(name, value); err != nil {
			return err
		}
	}
	return nil
}

// isToken reports whether s is a token [RFC 9110 5.6.2].
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// ownHeaders are those that the handshake itself sends, and whose second
// appearance would make it ambiguous.
var ownHeaders = []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
	"Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"}

// checkExtra checks the headers that a program adds to a handshake and
// returns the subprotocols among them.
func checkExtra(headers string) (protocols []string, err error) {
	err = eachHeader(headers, func(name, value string) error {
		for _, own := range ownHeaders {
			if strings.EqualFold(name, own) {
				return fmt.Errorf("ws: header %s is set by the handshake itself", own)
			}
		}
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			return nil
		}
		for p := range strings.SplitSeq(value, ",") {
			if p = strings.Trim(p, " \t"); !isToken(p) {
				return errors.New("ws: Sec-WebSocket-Protocol is not a list of tokens")
			}
			protocols = append(protocols, p)
		}
		return nil
	})
	return protocols, err
}
