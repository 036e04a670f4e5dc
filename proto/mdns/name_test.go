package mdns_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mdns"
)

// A name is written and read up to the limits of labels and names.
func TestNames(t *testing.T) {
	label := strings.Repeat("x", 63)
	for name, want := range map[string]string{
		"local": "", "a.local": "", `a\.b.local`: "", `a\\.local`: "", "ÄÖ.local": "", "a b.local": "",
		label + ".local": "", label + "x.local": "label has more than 63 bytes",
		strings.Join([]string{label, label, label, label[:61]}, "."): "",
		strings.Join([]string{label, label, label, label[:62]}, "."): "more than 255 bytes",
		".": "empty label", "a.": "empty label", ".a": "empty label", "a..b": "empty label", `a\`: "ends with a backslash",
	} {
		b, err := mdns.AppendMessage(nil, &mdns.Message{Questions: []mdns.Question{{Name: name}}})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", name, err, want)
			}
			continue
		}
		m, _, perr := mdns.ParseMessage(b)
		if err != nil || perr != nil || m.Questions[0].Name != name {
			t.Errorf("%q: %v, %v, %+v", name, err, perr, m)
		}
	}
}

// A name may have as many pointers as labels. More of them would only cost time.
func TestChainOfPointers(t *testing.T) {
	for n, want := range map[int]string{1: "", 127: "", 128: "more than 127 compression pointers"} {
		msg := append([]byte(header(0, 0x8400, 0, 2)), "\x00\x12\x34\x00\x01\x00\x00\x00\x78"...)
		size := 1 + 2*(n-1)
		msg = append(msg, byte(size>>8), byte(size), 0)
		last := len(msg) - 1
		for range n - 1 {
			msg = append(msg, 0xc0|byte(last>>8), byte(last))
			last = len(msg) - 2
		}
		msg = append(msg, 0xc0|byte(last>>8), byte(last))
		msg = append(msg, "\x12\x34\x00\x01\x00\x00\x00\x78\x00\x00"...)
		_, _, err := mdns.ParseMessage(msg)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d pointers: %v, want %q", n, err, want)
		}
	}
}

func TestEqualNames(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"a.local", "A.LOCAL", true}, {"a.local", "b.local", false}, {"a", "a.local", false},
		{"Ä.local", "ä.local", false}, {"[", "{", false}, {"@", "`", false}, {"Z", "z", true},
	} {
		if got := mdns.EqualNames(row.a, row.b); got != row.want {
			t.Errorf("%q, %q: %v", row.a, row.b, got)
		}
	}
}
