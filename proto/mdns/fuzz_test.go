package mdns_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mdns"
)

// FuzzMessage: what is parsed can be appended, and is then parsed as the same message.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(printer))
	f.Add([]byte(header(1, 0, 1) + "\x01a\x05local\x00\x00\x01\x80\x01"))
	f.Add([]byte(header(0, 0, 2) + "\x01a\xc0\x0c\x00\x01\x00\x01" + "\x01b\xc0\x14\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, n, err := mdns.ParseMessage(b)
		if err != nil {
			return
		}
		if n < 12 || n > len(b) {
			t.Fatalf("used %d of %d bytes", n, len(b))
		}
		out, err := mdns.AppendMessage(nil, &m)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		again, n, err := mdns.ParseMessage(out)
		if err != nil || n != len(out) {
			t.Fatalf("parsed %d of %d bytes again: %v", n, len(out), err)
		}
		for _, x := range []*mdns.Message{&m, &again} {
			for _, s := range [][]mdns.Record{x.Answers, x.Authorities, x.Additionals} {
				for i := range s {
					if s[i].Target != "" || s[i].Type == mdns.TypePTR || s[i].Type == mdns.TypeSRV {
						s[i].Data = nil // compressed names, priority and weight
					}
				}
			}
		}
		if !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v\nbecame %+v", m, again)
		}
	})
}
