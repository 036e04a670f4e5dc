package ws_test

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

const pmd = "permessage-deflate"

// deflater compresses messages as a peer with context takeover does [RFC 7692 7.2.1].
type deflater struct {
	w   *flate.Writer
	buf bytes.Buffer
}

// newDeflater returns a deflater without a context.
func newDeflater() *deflater {
	d := new(deflater)
	d.w, _ = flate.NewWriter(&d.buf, flate.BestCompression)
	return d
}

// message compresses p and removes the last four bytes, which are the same in all messages.
func (d *deflater) message(p string) string {
	d.buf.Reset()
	d.w.Write([]byte(p))
	d.w.Flush()
	return strings.TrimSuffix(d.buf.String(), "\x00\x00\xff\xff")
}

// deflated returns p as a message that refers to no earlier one.
func deflated(p string) string { return newDeflater().message(p) }

// deflatedZeros returns a message of n or a few more zeros. It repeats a block of 64 KiB,
// which is faster than to compress n bytes.
func deflatedZeros(n int) string {
	const block = 64 << 10
	z := deflated(strings.Repeat("\x00", block)) + "\x00\x00\xff\xff"
	return strings.TrimSuffix(strings.Repeat(z, (n+block-1)/block), "\x00\x00\xff\xff")
}

// random returns n bytes that cannot be compressed. They are the same each time.
func random(n int) string {
	var b strings.Builder
	rnd := rand.New(rand.NewPCG(7692, uint64(n)))
	for range n {
		b.WriteByte(byte(rnd.Uint32()))
	}
	return b.String()
}

// inDeflate runs rows on connections that agreed to compress. What they send is not
// compressed, because the rows test the input.
func inDeflate(rows ...row) (all []tester) {
	for _, c := range rows {
		if c.opts == nil {
			c.opts = &ws.Options{Deflate: &ws.Deflate{Threshold: 1 << 30}}
		}
		if c.ext == "" {
			c.ext = pmd
		}
		all = append(all, c)
	}
	return all
}

// rsvText and rsvBin are the first bytes of compressed messages, without FIN.
const (
	rsvText = rsv1 | text
	rsvBin  = rsv1 | bin
)

// good is a row without a violation.
func good(name string, in []part, hears ...string) row { return row{name: name, in: in, events: hears} }

// deflateMessageRules are about compressed messages that we receive.
func deflateMessageRules() []rule {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00" // the example of RFC 7692
	hi := msg("text", "Hello")
	two, long := newDeflater(), random(20_000)
	first, second := two.message(long), two.message(long)
	return []rule{
		{"7692 7.2.3", "The examples of the RFC are inflated as it says.", inDeflate(
			good("compressed Hello", []part{fr(fin|rsvText, hello)}, hi),
			good("compressed Hello in two fragments", []part{fr(rsvText, hello[:3]), fr(fin|cont, hello[3:])}, hi),
			good("compressed Hello that refers to the one before", []part{fr(fin|rsvText, hello), fr(fin|rsvText, "\xf2\x00\x11\x00\x00")}, hi, hi),
			good("Hello in a stored block", []part{fr(fin|rsvText, "\x00\x05\x00\xfa\xffHello\x00")}, hi),
			good("Hello in a final block", []part{fr(fin|rsvText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, hi),
			good("Hello in two blocks", []part{fr(fin|rsvText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")}, hi),
			good("empty compressed message", []part{fr(fin|rsvText, "\x00")}, msg("text", "")),
		)},
		{"7692 7.2.2", "A compressed message is inflated, however it is fragmented. It may refer to earlier messages.", inDeflate(
			good("compressed binary of all bytes", []part{fr(fin|rsvBin, deflated(allBytes()))}, msg("binary", allBytes())),
			good("compressed text of 100,000 bytes", []part{fr(fin|rsvText, deflated(pattern(100_000)))}, msg("text", pattern(100_000))),
			good("message that compression does not shorten", []part{fr(fin|rsvBin, deflated(long))}, msg("binary", long)),
			good("compressed message that refers far back", []part{fr(fin|rsvBin, first), fr(fin|rsvBin, second)}, msg("binary", long), msg("binary", long)),
			good("compressed message in fragments of a byte", []part{fr(rsvText, "\xf2"), fr(cont, "\x48"), fr(cont, "\xcd"), fr(cont, "\xc9"), fr(cont, "\xc9"), fr(cont, "\x07"), fr(fin|cont, "\x00")}, hi),
			good("compressed message with empty fragments", []part{fr(rsvText, ""), fr(cont, hello), fr(fin|cont, "")}, hi),
			good("final block, then another message", []part{fr(fin|rsvText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), fr(fin|rsvText, hello)}, hi, hi),
			good("ping between compressed fragments", []part{fr(rsvText, hello[:3]), fr(fin|ping, "p"), fr(fin|cont, hello[3:])}, ctl("ping", "p"), hi),
			good("Close between compressed fragments", []part{fr(rsvText, hello[:3]), fr(fin|opClose, closePayload(1000, ""))}, `CTL close 1000 ""`).ending(closes),
			good("stream ends in a compressed message", []part{fr(rsvText, hello[:3])}).ending(breaks),
		)},
		{"7692 6.2", "Uncompressed messages may come between compressed ones, whole or in fragments.", inDeflate(
			good("message that is not compressed", []part{fr(fin|text, "Hello")}, hi),
			good("fragments that are not compressed", []part{fr(text, "Hel"), fr(fin|cont, "lo")}, hi),
			good("plain message between compressed ones", []part{fr(fin|rsvText, hello), fr(fin|text, "a"), fr(fin|rsvText, "\xf2\x00\x11\x00\x00")}, hi, msg("text", "a"), hi),
		)},
		{"7692 6", "RSV1 is allowed in the first frame of a message only.", inDeflate(
			refused("RSV1 in a continuation of a compressed message", 1, fr(rsvText, hello[:3]), fr(fin|rsv1|cont, hello[3:])),
			refused("RSV1 in a continuation of a plain message", 1, fr(text, "a"), fr(fin|rsv1|cont, "b")),
			refused("compressed ping", 1, fr(fin|rsv1|ping, "")),
			refused("compressed pong", 1, fr(fin|rsv1|pong, "")),
			refused("compressed Close", 1, fr(fin|rsv1|opClose, "")),
			refused("compressed ping between fragments", 1, fr(rsvText, hello[:3]), fr(fin|rsv1|ping, "")),
			refused("RSV1 in a continuation of nothing", 1, fr(fin|rsv1|cont, "")),
			refused("RSV1 in a reserved opcode", 1, fr(fin|rsv1|0x3, "")),
		)},
		{"7692 6", "RSV2 and RSV3 are still reserved.", inDeflate(
			refused("RSV2 beside compression", 1, fr(fin|rsv2|text, "")),
			refused("RSV3 beside compression", 1, fr(fin|rsv3|text, "")),
			refused("RSV1 and RSV2 beside compression", 1, fr(fin|rsv1|rsv2|text, "")),
			refused("RSV1 and RSV3 beside compression", 1, fr(fin|rsv1|rsv3|bin, "")),
		)},
		{"7692 7.2.2", "A message that cannot be inflated fails the connection.", inDeflate(
			corrupt("block of the reserved type", fr(fin|rsvText, "\x07")),
			corrupt("stored block with two different lengths", fr(fin|rsvText, "\x00\x05\x00\x00\x00Hello\x00")),
			corrupt("reference to before the first byte", fr(fin|rsvText, "\xf2\x00\x11\x00\x00")),
			corrupt("incomplete compressed data", fr(fin|rsvBin, deflated(long)[:500])),
			corrupt("compressed message of no bytes", fr(fin|rsvBin, "")),
			corrupt("plain text marked as compressed", fr(fin|rsvText, "this is no deflate stream")),
			corrupt("corrupt second fragment", fr(rsvText, hello[:3]), fr(fin|cont, "\xff\xff\xff\xff")),
		)},
		{"7692 8.1", "An inflated text must be UTF-8. An inflated binary message need not be.", inDeflate(
			corrupt("compressed text that is not UTF-8", fr(fin|rsvText, deflated("Gr\xfc\xdfe"))),
			corrupt("compressed text that ends inside a rune", fr(fin|rsvText, deflated("a\xe2\x82"))),
			corrupt("compressed surrogate", fr(fin|rsvText, deflated("\xed\xa0\x80"))),
			good("compressed binary that is not UTF-8", []part{fr(fin|rsvBin, deflated("\xff\xfe"))}, msg("binary", "\xff\xfe")),
			good("compressed text with a rune in two fragments", []part{fr(rsvText, deflated("€€€€")[:2]), fr(fin|cont, deflated("€€€€")[2:])}, msg("text", "€€€€")),
		)},
		{"7692 8", "Limits.Message applies to the inflated size. A message that grows more than MaxRatio allows is refused.", inDeflate(
			good("inflated to the limit", []part{fr(fin|rsvText, deflated(strings.Repeat("x", 1000)))}, msg("text", strings.Repeat("x", 1000))).limit(1000, 0),
			tooLarge("inflated beyond the limit", fr(fin|rsvText, deflated(strings.Repeat("x", 1001)))).limit(1000, 0),
			tooLarge("inflated far beyond the limit", fr(fin|rsvBin, deflated(strings.Repeat("\x00", 1<<20)))).limit(1000, 0),
			tooLarge("fragments inflated beyond the limit", fr(rsvText, ""), fr(fin|cont, deflated(strings.Repeat("x", 1001)))).limit(1000, 0),
			tooLarge("inflated to more than MaxRatio allows", fr(fin|rsvBin, deflated(strings.Repeat("\x00", 1<<20)))).limit(0, 20),
			good("inflated to as much as MaxRatio allows", []part{fr(fin|rsvBin, deflated(strings.Repeat("\x00", 60_000)))}, msg("binary", strings.Repeat("\x00", 60_000))).limit(0, 20),
			tooLarge("inflated beyond the default limit", fr(fin|rsvBin, deflatedZeros(ws.DefaultMaxMessage+1))).once(),
		)},
	}
}

// once sends the input of a large row once, in one piece.
func (c row) once() row {
	c.big = true
	return c
}

// ending sets how the connection ends.
func (c row) ending(f fate) row {
	c.fate = f
	return c
}

// limit sets Limits.Message and MaxRatio.
func (c row) limit(size, ratio int) row {
	c.opts = &ws.Options{Limits: ws.Limits{Message: size}, Deflate: &ws.Deflate{Threshold: 1 << 30, MaxRatio: ratio}}
	return c
}

// corrupt and tooLarge are violations that may be refused anywhere in the payload.
func corrupt(name string, in ...part) row {
	return row{name: name, in: in, early: 1 << 20, code: ws.StatusInvalidFramePayloadData}
}

func tooLarge(name string, in ...part) row {
	return row{name: name, in: in, early: 1 << 20, code: ws.StatusMessageTooBig}
}
