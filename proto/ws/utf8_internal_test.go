package ws

import (
	"slices"
	"testing"
	"unicode/utf8"
)

// Bytes around the limits in table 3-7 of the Unicode standard [RFC 3629 4].
const (
	leadBytes = "\x00\x7f\x80\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff"
	tailBytes = "\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0"
)

// tails are all continuations of a text by up to three continuation bytes.
var tails = func() (all []string) {
	all = []string{""}
	for i := 0; len(all) < 1+5+25+125; i++ {
		for _, b := range []byte("\x80\x8f\x90\xa0\xbf") {
			all = append(all, all[i]+string([]byte{b}))
		}
	}
	return all
}()

// mayContinue reports whether p is the beginning of some text in UTF-8.
func mayContinue(p string) bool {
	return slices.ContainsFunc(tails, func(tail string) bool { return utf8.ValidString(p + tail) })
}

// checkText passes s to a utf8State, cut in two at each position and byte by byte.
func checkText(t *testing.T, s string) {
	t.Helper()
	wantOK, wantComplete := mayContinue(s), utf8.ValidString(s)
	for cut := range len(s) + 1 {
		var state utf8State
		ok := state.next([]byte(s[:cut])) && state.next([]byte(s[cut:]))
		if ok != wantOK || ok && state.complete() != wantComplete {
			t.Errorf("% x cut at %d: next is %v, complete %v; want %v, %v", s, cut, ok, state.complete(), wantOK, wantComplete)
		}
	}
	var state utf8State
	for i := range len(s) {
		if ok := state.next([]byte(s[i : i+1])); ok != mayContinue(s[:i+1]) {
			t.Errorf("% x: next of byte %d is %v", s, i, ok)
		} else if !ok {
			return
		}
	}
}

// TestTextStateComparedWithUTF8 compares utf8State with package unicode/utf8. A utf8State refuses
// a byte as soon as no text can continue with it.
func TestTextStateComparedWithUTF8(t *testing.T) {
	for _, before := range []string{"", "a", "€"} {
		for lead := range 256 {
			checkText(t, before+string([]byte{byte(lead)}))
		}
		for _, lead := range []byte(leadBytes) {
			for _, second := range []byte(tailBytes) {
				s := before + string([]byte{lead, second})
				checkText(t, s)
				for _, third := range []byte(tailBytes) {
					checkText(t, s+string([]byte{third}))
					checkText(t, s+string([]byte{third, 0xbf}))
				}
			}
		}
	}
}
