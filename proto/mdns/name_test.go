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
