package looptest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Types of records and of messages in TLS 1.3 [RFC 8446 4, 5.1].
const (
	RecordAlert     = 21
	RecordHandshake = 22
	RecordData      = 23

	MessageKeyUpdate = 24
)

// KeyLog is a KeyLogWriter of crypto/tls. It keeps the secrets by their labels.
type KeyLog map[string][]byte

// Write takes a line: label, random of the client, secret.
func (l KeyLog) Write(line []byte) (int, error) {
	if f := strings.Fields(string(line)); len(f) == 3 {
		secret, err := hex.DecodeString(f[2])
		if err != nil {
			return 0, err
		}
		l[f[0]] = secret
	}
	return len(line), nil
}

// TLS13 is one direction of TLS 1.3 with TLS_AES_128_GCM_SHA256 after the
// handshake. It says what crypto/tls, at the far end of a test, never would.
type TLS13 struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// NewTLS13 begins with a TRAFFIC_SECRET_0.
func NewTLS13(secret []byte) *TLS13 {
	k := &TLS13{secret: secret}
	k.key()
	return k
}

// key makes the keys of a secret [RFC 8446 7.3].
func (k *TLS13) key() {
	block, err := aes.NewCipher(k.expand("key", 16))
	if err != nil {
		panic(err)
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		panic(err)
	}
	k.iv, k.seq = k.expand("iv", 12), 0
}

// expand is HKDF-Expand-Label without a context [RFC 8446 7.1].
func (k *TLS13) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label+"\x00"...)
	out, err := hkdf.Expand(sha256.New, k.secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

// Next goes on to the keys that follow a KeyUpdate [RFC 8446 7.2].
func (k *TLS13) Next() {
	k.secret = k.expand("traffic upd", sha256.Size)
	k.key()
}

// nonce is for one record [RFC 8446 5.3].
func (k *TLS13) nonce() []byte {
	n := bytes.Clone(k.iv)
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^k.seq)
	k.seq++
	return n
}

// Seal makes a record of a type, with so many zeros of padding [RFC 8446 5.2].
func (k *TLS13) Seal(kind byte, p []byte, padding int) []byte {
	inner := append(append(bytes.Clone(p), kind), make([]byte, padding)...)
	head := binary.BigEndian.AppendUint16([]byte{RecordData, 3, 3}, uint16(len(inner)+k.aead.Overhead()))
	return k.aead.Seal(head, k.nonce(), inner, head)
}

// KeyUpdate makes the message, which wants the peer's own or not, and goes on to
// the next keys.
func (k *TLS13) KeyUpdate(wanted bool) []byte {
	msg := []byte{MessageKeyUpdate, 0, 0, 1, 0}
	if wanted {
		msg[4] = 1
	}
	record := k.Seal(RecordHandshake, msg, 0)
	k.Next()
	return record
}

// Open takes the first record out of what came. The record is nil if there is
// only a part of it. After a KeyUpdate it goes on to the next keys.
func (k *TLS13) Open(in []byte) (kind byte, p, rest []byte, err error) {
	if len(in) < 5 {
		return 0, nil, in, nil
	}
	n := 5 + int(binary.BigEndian.Uint16(in[3:]))
	if len(in) < n {
		return 0, nil, in, nil
	}
	if in[0] != RecordData {
		return in[0], nil, in[n:], fmt.Errorf("record of type %d in the clear: %q", in[0], in[5:n])
	}
	p, err = k.aead.Open(nil, k.nonce(), in[5:n], in[:5])
	if err != nil {
		return 0, nil, in[n:], err
	}
	p = bytes.TrimRight(p, "\x00")
	if len(p) == 0 {
		return 0, nil, in[n:], errors.New("record of zeros")
	}
	kind, p = p[len(p)-1], p[:len(p)-1]
	if kind == RecordHandshake && len(p) > 0 && p[0] == MessageKeyUpdate {
		k.Next()
	}
	return kind, p, in[n:], nil
}
