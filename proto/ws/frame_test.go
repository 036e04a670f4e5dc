package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// wantRefused expects that the peer is told code and the connection failed.
// A ping before that may have been answered.
func (e *end) wantRefused(code ws.CloseCode, words ...string) {
	e.Helper()
	var pe *ws.ProtocolError
	if !errors.As(e.rec.err, &pe) || pe.Code != code {
		e.Fatalf("error is %v (%T), want code %d; events %v", e.rec.err, e.rec.err, code, e.rec.log)
	}
	contains(e, e.rec.err, append(words, "ws: ")...)
	e.ends()
	if n := len(e.rec.log); n < 2 || e.rec.log[n-2] != "ERROR" || e.rec.log[n-1] != "CLOSE" {
		e.Fatalf("events %v do not end with ERROR, CLOSE", e.rec.log)
	}
	sent := e.sent()
	if n := len(sent); n > 1 && sent[0] == `pong ""` {
		sent = sent[1:]
	}
	wantLines(e, "frames sent", sent, []string{fmt.Sprintf(`close %d ""`, code)})
}

type violation struct {
	rule   string
	before string // events, if any, of what precedes
	in     func(f func(first byte, payload string) string, masked bool) string
	code   ws.CloseCode
	words  []string
}

// maskBit is the second byte's flag as the peer has to set it.
func maskBit(masked bool) byte {
	if masked {
		return 0x80
	}
	return 0
}

func frames(firstAndPayload ...any) func(func(byte, string) string, bool) string {
	return func(f func(byte, string) string, _ bool) (s string) {
		for i := 0; i < len(firstAndPayload); i += 2 {
			s += f(byte(firstAndPayload[i].(int)), firstAndPayload[i+1].(string))
		}
		return s
	}
}

// header writes the beginning of a frame: two bytes and more behind them.
func header(first, length byte, rest string) func(func(byte, string) string, bool) string {
	return func(_ func(byte, string) string, masked bool) string {
		return string([]byte{first, length | maskBit(masked)}) + rest
	}
}

// Every rule is broken once, in whole and byte by byte, and noticed with the
// same words; those of the first two bytes as soon as these are there.
func TestViolations(t *testing.T) {
	table := []violation{
		{rule: "5.1 wrong masking", in: func(_ func(byte, string) string, masked bool) string {
			return build(fin|text, !masked, -1, "x")
		}, code: 1002, words: []string{"mask"}},
		{rule: "5.2 RSV1", in: header(fin|0x40|text, 0, ""), code: 1002, words: []string{"text frame", "RSV1"}},
		{rule: "5.2 RSV2", in: header(fin|0x20|bin, 0, ""), code: 1002, words: []string{"binary frame", "RSV2"}},
		{rule: "5.2 RSV3", in: header(fin|0x10|ping, 0, ""), code: 1002, words: []string{"ping frame", "RSV2 or RSV3"}},
		{rule: "5.2 16-bit length not minimal", in: header(fin|bin, 126, "\x00\x7d"), code: 1002, words: []string{"shortest"}},
		{rule: "5.2 64-bit length not minimal", in: header(fin|bin, 127, "\x00\x00\x00\x00\x00\x00\xff\xff"), code: 1002, words: []string{"shortest"}},
		{rule: "5.2 64-bit length with top bit", in: header(fin|bin, 127, "\x80\x00\x00\x00\x00\x01\x00\x00"), code: 1002, words: []string{"top bit"}},
		{rule: "5.5 ping of 126 bytes", in: header(fin|ping, 126, ""), code: 1002, words: []string{"ping frame", "control"}},
		{rule: "5.5 close with 64-bit length", in: header(fin|closs, 127, ""), code: 1002, words: []string{"close frame", "control"}},
		{rule: "5.5 fragmented ping", in: header(ping, 0, ""), code: 1002, words: []string{"ping frame", "final"}},
		{rule: "5.5 fragmented pong", in: header(pong, 0, ""), code: 1002, words: []string{"pong frame", "final"}},
		{rule: "5.5 fragmented close", in: header(closs, 0, ""), code: 1002, words: []string{"close frame", "final"}},
		{rule: "5.4 continuation of nothing", in: frames(fin|cont, "x"), code: 1002, words: []string{"continuation"}},
		{rule: "5.4 continuation after the end", in: frames(text, "a", fin|cont, "b", fin|cont, "c"),
			before: `MSG text "ab"`, code: 1002, words: []string{"continuation"}},
		{rule: "5.4 text in a fragmented message", in: frames(bin, "a", fin|text, "b"), code: 1002, words: []string{"text frame"}},
		{rule: "5.4 binary in a fragmented message", in: frames(bin, "a", bin, "b"), code: 1002, words: []string{"binary frame"}},
		{rule: "5.4 still fragmented after a ping", in: frames(bin, "a", fin|ping, "", fin|bin, "b"),
			before: `CTL ping ""`, code: 1002, words: []string{"binary frame"}},
		{rule: "5.5.1 close with one byte", in: frames(fin|closs, "\x03"), code: 1002, words: []string{"close frame", "one byte"}},
		{rule: "5.5.1 reason not UTF-8", in: frames(fin|closs, closing(1000, "\xc3")), code: 1007, words: []string{"close frame", "UTF-8"}},
		{rule: "8.1 text not UTF-8", in: frames(fin|text, "a\xff"), code: 1007, words: []string{"text", "UTF-8"}},
		{rule: "8.1 text overlong", in: frames(fin|text, "\xc0\xaf"), code: 1007, words: []string{"UTF-8"}},
		{rule: "8.1 text with surrogate", in: frames(fin|text, "\xed\xa0\x80"), code: 1007, words: []string{"UTF-8"}},
		{rule: "8.1 text beyond U+10FFFF", in: frames(fin|text, "\xf4\x90\x80\x80"), code: 1007, words: []string{"UTF-8"}},
		{rule: "8.1 text cut in a rune", in: frames(text, "\xe2\x82", fin|cont, ""), code: 1007, words: []string{"UTF-8"}},
	}
	for _, op := range []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		table = append(table, violation{rule: "5.2 reserved " + ws.OpCode(op).String(), in: header(fin|op, 0, ""),
			code: 1002, words: []string{ws.OpCode(op).String(), "reserved"}})
	}
	for _, r := range roles {
		w := newWorld(t)
		for _, v := range table {
			t.Run(string(r)+" "+v.rule, func(t *testing.T) {
				w.TB = t
				var said string
				for _, bytewise := range []bool{false, true} {
					e := w.open(r, nil)
					in := v.in(e.frame, r == asServer)
					good := e.frame(fin|text, "good")
					if bytewise {
						e.feed(strings.Split(good+in, "")...)
					} else {
						e.feed(good + in)
					}
					if want := []string{`MSG text "good"`, v.before, "ERROR"}; v.before != "" {
						wantLines(t, "events", e.rec.log[:3], want)
					} else if len(e.rec.log) < 2 || e.rec.log[1] != "ERROR" {
						t.Fatalf("events %v", e.rec.log)
					}
					e.wantRefused(v.code, v.words...)
					if said != "" && said != e.rec.err.Error() {
						t.Errorf("in whole %q, byte by byte %q", said, e.rec.err)
					}
					said = e.rec.err.Error()
					e.p.close()
				}
			})
		}
	}
}
