package ws_test

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/ws"
)

// goodText has texts in UTF-8 [RFC 3629 3, 4].
var goodText = []struct{ name, text string }{
	{"nothing", ""}, {"U+0000", "\x00"}, {"U+007F, the last of one byte", "\x7f"},
	{"U+0080, the first of two bytes", "\u0080"}, {"U+07FF, the last of two bytes", "\u07ff"},
	{"U+0800, the first of three bytes", "\u0800"}, {"U+0FFF", "\u0fff"}, {"U+1000", "\u1000"}, {"U+CFFF", "\ucfff"}, {"U+D000", "\ud000"},
	{"U+D7FF, below the surrogates", "\ud7ff"}, {"U+E000, above the surrogates", "\ue000"}, {"U+FEFF, the byte order mark", "\ufeff"},
	{"U+FFFD", "\ufffd"}, {"U+FFFE, no character", "\ufffe"}, {"U+FFFF, the last of three bytes", "\uffff"}, {"U+FDD0 and U+FDEF, no characters", "\ufdd0\ufdef"},
	{"U+10000, the first of four bytes", "\U00010000"}, {"U+3FFFF", "\U0003ffff"}, {"U+40000", "\U00040000"}, {"U+FFFFF", "\U000fffff"}, {"U+100000", "\U00100000"},
	{"U+1FFFE and U+1FFFF, no characters", "\U0001fffe\U0001ffff"}, {"U+10FFFE, no character", "\U0010fffe"}, {"U+10FFFF, the last", "\U0010ffff"},
	{"all lengths", "aé€😀a😀€éa"}, {"Greek", "κόσμε"}, {"combining marks", "e\u0301 o\u0308"}, {"right to left", "שלום \u202e عالم"},
	{"eight ASCII bytes and a rune", "12345678é"}, {"seven ASCII bytes and a rune", "1234567é"}, {"rune across eight bytes", "12345😀67890123456😀"},
	{"long, of runes of two bytes", strings.Repeat("é", 500)}, {"long, of runes of three bytes", strings.Repeat("€", 500)}, {"long, of runes of four bytes", strings.Repeat("😀", 500)},
}

// badText has texts that are not UTF-8.
var badText = []struct {
	name, text string
	at         int // number of bytes that prove it; 0: the text ends inside a rune
}{
	{"80 alone", "\x80", 1}, {"BF alone", "\xbf", 1}, {"80 after ASCII", "abc\x80", 4}, {"80 after a whole rune", "é\x80", 3}, {"two of 80", "\x80\x80", 1},
	{"C0, overlong", "\xc0\x80", 1}, {"C1, overlong", "\xc1\xbf", 1}, {"overlong slash in two bytes", "\xc0\xaf", 1},
	{"overlong in three bytes", "\xe0\x80\xaf", 2}, {"overlong in three bytes, the last", "\xe0\x9f\xbf", 2},
	{"overlong in four bytes", "\xf0\x80\x80\xaf", 2}, {"overlong in four bytes, the last", "\xf0\x8f\xbf\xbf", 2},
	{"overlong in five bytes", "\xf8\x80\x80\x80\xaf", 1}, {"overlong in six bytes", "\xfc\x80\x80\x80\x80\xaf", 1},
	{"U+D800, a surrogate", "\xed\xa0\x80", 2}, {"U+DB7F, a surrogate", "\xed\xad\xbf", 2}, {"U+DBFF, a surrogate", "\xed\xaf\xbf", 2},
	{"U+DC00, a surrogate", "\xed\xb0\x80", 2}, {"U+DFFF, a surrogate", "\xed\xbf\xbf", 2}, {"pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", 2},
	{"U+110000, beyond the last", "\xf4\x90\x80\x80", 2}, {"U+13FFFF", "\xf4\xbf\xbf\xbf", 2}, {"F5", "\xf5\x80\x80\x80", 1}, {"F7", "\xf7\xbf\xbf\xbf", 1},
	{"F8, five bytes", "\xf8\x88\x80\x80\x80", 1}, {"FB, five bytes", "\xfb\xbf\xbf\xbf\xbf", 1}, {"FC, six bytes", "\xfc\x84\x80\x80\x80\x80", 1},
	{"FD, six bytes", "\xfd\xbf\xbf\xbf\xbf\xbf", 1}, {"FE", "\xfe", 1}, {"FF", "\xff", 1}, {"FF FE, a byte order mark of UTF-16", "\xff\xfea\x00", 1},
	{"two-byte rune broken by ASCII", "\xc3a", 2}, {"three-byte rune broken by ASCII", "\xe2a", 2}, {"three-byte rune broken late", "\xe2\x82a", 3},
	{"four-byte rune broken by ASCII", "\xf0a", 2}, {"four-byte rune broken in the middle", "\xf0\x9fa", 3}, {"four-byte rune broken late", "\xf0\x9f\x98a", 4},
	{"rune broken by another's first byte", "\xe2\x82\xe2\x82\xac", 3}, {"rune broken by FF", "\xe2\xff", 2}, {"rune with a byte too many", "é€😀\x80", 10},
	{"Latin-1", "Gr\xfc\xdfe", 3}, {"bad byte after a word", "12345678\xff", 9}, {"bad byte in a word", "123\xff5678", 4}, {"bad byte after Greek", "κόσμε\xed\xa0\x80edited", 12},
	{"two-byte rune cut short", "\xc3", 0}, {"three-byte rune cut after one byte", "\xe2", 0}, {"three-byte rune cut after two", "\xe2\x82", 0},
	{"four-byte rune cut after one byte", "\xf0", 0}, {"four-byte rune cut after two", "\xf0\x9f", 0}, {"four-byte rune cut after three", "\xf0\x9f\x98", 0},
	{"text with its last rune cut", "Gr\xc3\xbc\xc3\x9fe \xe2\x82", 0},
}

// textRules are about UTF-8 in text messages.
func textRules() []rule {
	return []rule{
		{"8.1", "A text in UTF-8 is delivered. Fragments may be cut anywhere.", goodTextRows()},
		{"8.1", "A text that is not UTF-8 is refused with 1007 at the byte that proves it, also inside a frame.", badTextRows()},
		{"8.1", "Fragments are one text. UTF-8 is checked across their boundaries.", []tester{
			badFragments("rune cut by the end of the message", fr(text, "\xe2\x82"), fr(fin|cont, "")).lenient(4),
			badFragments("rune cut by the end of the last fragment", fr(text, "a"), fr(fin|cont, "\xf0\x9f\x98")).lenient(3),
			badFragments("rune continued wrongly in the next fragment", fr(text, "\xe2"), fr(fin|cont, "a")),
			badFragments("rune continued wrongly in the third fragment", fr(text, "\xf0"), fr(cont, "\x9f"), fr(fin|cont, "\xf0")),
			badFragments("bad byte in a fragment that is not the last", fr(text, "ok"), fr(cont, "no\xffno")).byte(3),
			badFragments("surrogate split over fragments", fr(text, "\xed"), fr(cont, "\xa0")),
			badFragments("overlong form split over fragments", fr(text, "\xe0"), fr(cont, "\x80")),
			badFragments("beyond U+10FFFF split over fragments", fr(text, "\xf4"), fr(cont, "\x90")),
			badFragments("continuation byte after a whole rune in the next fragment", fr(text, "€"), fr(fin|cont, "\x82")),
			row{name: "empty fragment inside a rune", in: []part{fr(text, "\xe2"), fr(cont, ""), fr(cont, "\x82"), fr(cont, ""), fr(fin|cont, "\xac")}, events: []string{msg("text", "€")}},
			row{name: "next message after a fragmented one", in: []part{fr(text, "\xe2\x82"), fr(fin|cont, "\xac"), fr(fin|text, "a")}, events: []string{msg("text", "€"), msg("text", "a")}},
			row{name: "bad text after good fragments", in: []part{fr(text, "\xe2\x82"), fr(fin|cont, "\xac"), fr(fin|text, "\x82")}, events: []string{msg("text", "€")}, code: ws.StatusInvalidFramePayloadData},
			row{name: "binary fragments cut in a rune", in: []part{fr(bin, "\xe2\x82"), fr(fin|cont, "")}, events: []string{msg("binary", "\xe2\x82")}},
			row{name: "binary message, then text with an incomplete rune", in: []part{fr(fin|bin, "\xe2\x82"), fr(fin|text, "\xac")}, events: []string{msg("binary", "\xe2\x82")}, code: ws.StatusInvalidFramePayloadData},
		}},
		{"8.1", "Bytes that are not UTF-8 are found in the middle of a long frame.", []tester{
			longText("bad byte at the beginning of 1000 bytes", "\xff", 1000),
			longText("bad byte at 100 of 1000 bytes", strings.Repeat("x", 99)+"\xff", 1000),
			longText("surrogate at 101 of 100,000 bytes", strings.Repeat("x", 99)+"\xed\xa0", 100_000),
			longText("overlong form at 64 of 100,000 bytes", strings.Repeat("x", 62)+"\xe0\x80", 100_000),
			longText("beyond U+10FFFF at 15 of 100,000 bytes", strings.Repeat("x", 13)+"\xf4\x90", 100_000),
			longText("rune broken off at 4 of 200 bytes", "é\xe2x", 200),
		}},
	}
}

// beginningOf is the beginning of a frame of n bytes: the header and the given payload.
func beginningOf(first byte, n int, payload string) part {
	return func(r role) string {
		s := fr(first, payload+strings.Repeat("x", n-len(payload)))(r)
		return s[:len(s)-n+len(payload)]
	}
}

// longText is a long frame that is refused after the given payload.
func longText(name, bad string, n int) row {
	return row{name: name, in: []part{beginningOf(fin|text, n, bad)}, code: ws.StatusInvalidFramePayloadData}
}

// badFragments are refused with the code 1007.
func badFragments(name string, in ...part) row {
	return row{name: name, in: in, code: ws.StatusInvalidFramePayloadData}
}

// lenient lets the violation be found some bytes earlier.
func (c row) lenient(bytes int) row {
	c.early = bytes
	return c
}

// byte says that the violation is at this byte of the last payload.
func (c row) byte(of int) row {
	c.of = of
	return c
}

// goodTextRows are the texts of goodText, whole and in fragments of a byte.
func goodTextRows() (rows []tester) {
	for _, x := range goodText {
		hears := []string{msg("text", x.text)}
		rows = append(rows, row{name: "text of " + x.name, in: []part{fr(fin|text, x.text)}, events: hears})
		var parts []part
		if len(x.text) < 2 || len(x.text) > 40 {
			continue
		}
		for i := range len(x.text) {
			parts = append(parts, fr(cont, x.text[i:i+1]))
		}
		parts[0], parts[len(parts)-1] = fr(text, x.text[:1]), fr(fin|cont, x.text[len(x.text)-1:])
		rows = append(rows, row{name: "fragments of a byte of " + x.name, in: parts, events: hears})
	}
	return rows
}

// badTextRows are the texts of badText, in frames and in fragments.
func badTextRows() (rows []tester) {
	for _, x := range badText {
		if x.at == 0 {
			rows = append(rows, row{name: "text of " + x.name, in: []part{fr(fin|text, x.text)}, early: len(x.text), code: ws.StatusInvalidFramePayloadData})
			continue
		}
		rows = append(rows, row{name: "text of " + x.name, in: []part{fr(fin|text, x.text+" and more")}, of: x.at, code: ws.StatusInvalidFramePayloadData},
			row{name: "first fragment of " + x.name, in: []part{fr(text, x.text+" and more")}, of: x.at, code: ws.StatusInvalidFramePayloadData},
			row{name: fmt.Sprintf("fragment that ends with %s", x.name), in: []part{fr(text, "ok"), fr(cont, x.text[:x.at])}, code: ws.StatusInvalidFramePayloadData})
	}
	return rows
}
