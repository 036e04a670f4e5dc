package mdns_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mdns"
)

// header returns a header with these flags and numbers of questions and records.
func header(id, flags uint16, counts ...byte) string {
	s := string([]byte{byte(id >> 8), byte(id), byte(flags >> 8), byte(flags)})
	for i := range 4 {
		n := byte(0)
		if i < len(counts) {
			n = counts[i]
		}
		s += string([]byte{0, n})
	}
	return s
}

// An answer with compressed names: SRV, TXT, A and AAAA of a printer, and a pointer to its name.
var printer = header(0, 0x8400, 0, 3, 0, 2) +
	"\x04_ipp\x04_tcp\x05local\x00" + "\x00\x0c\x00\x01\x00\x00\x11\x94\x00\x0e" + "\x0bLaser\\.5.th" + "\xc0\x0c" + // at 12; PTR, the target at 39
	"\xc0\x27" + "\x00\x21\x80\x01\x00\x00\x00\x78\x00\x10" + "\x00\x00\x00\x00\x02\x77" + "\x07printer" + "\xc0\x16" + // SRV, the target at 71
	"\xc0\x27" + "\x00\x10\x80\x01\x00\x00\x11\x94\x00\x05" + "\x04a=bc" +
	"\xc0\x47" + "\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04" + "\x7f\x00\x00\x02" +
	"\xc0\x47" + "\x00\x1c\x80\x01\x00\x00\x00\x78\x00\x10" + "\xfd" + strings.Repeat("\x00", 14) + "\x02"

func TestCompressedAnswer(t *testing.T) {
	m, n, err := mdns.ParseMessage([]byte(printer))
	if err != nil || n != len(printer) {
		t.Fatal(n, err)
	}
	var got []string
	for _, r := range append(m.Answers, m.Additionals...) {
		got = append(got, fmt.Sprint(r.Name, " ", r.Type, " ", r.CacheFlush, " ", r.TTL, " ", r.Addr, " ", r.Target, " ", r.Port, " ", len(r.Data)))
	}
	const instance = `Laser\\\.5\.th._ipp._tcp.local`
	want := []string{
		"_ipp._tcp.local 12 false 4500 invalid IP " + instance + " 0 14",
		instance + " 33 true 120 invalid IP printer.local 631 16",
		instance + " 16 true 4500 invalid IP  0 5",
		"printer.local 1 true 120 127.0.0.2  0 4",
		"printer.local 28 true 120 fd00::2  0 16",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !m.Response || !m.Authoritative || m.ID != 0 {
		t.Errorf("%+v", m)
	}
	for n := range len(printer) {
		if _, used, err := mdns.ParseMessage([]byte(printer[:n])); err == nil || used != 0 {
			t.Errorf("%d of %d bytes: %d, %v", n, len(printer), used, err)
		}
	}
	if _, n, err := mdns.ParseMessage([]byte(printer + "more")); n != len(printer) || err != nil {
		t.Errorf("with bytes behind it: %d, %v", n, err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, m := range []mdns.Message{
		{},
		{ID: 0xabcd, Opcode: 5, RCode: 3, Truncated: true},
		{Questions: []mdns.Question{{Name: "a.local", Type: mdns.TypeA, Class: mdns.ClassIN, Unicast: true}, {Name: "", Type: mdns.TypeANY, Class: 255}}},
		{Response: true, Authoritative: true,
			Answers:     []mdns.Record{{Name: "a.local", Type: mdns.TypeA, Class: 1, CacheFlush: true, TTL: 120, Addr: netip.MustParseAddr("10.0.0.1")}},
			Authorities: []mdns.Record{{Name: `x\.y\\z.local`, Type: mdns.TypePTR, Class: 1, Target: "b.local"}},
			Additionals: []mdns.Record{
				{Name: "a.local", Type: mdns.TypeAAAA, Class: 1, TTL: 1<<32 - 1, Addr: netip.MustParseAddr("fd00::1")},
				{Name: "s.local", Type: mdns.TypeSRV, Class: 1, Target: "b.local", Port: 65535},
				{Name: "t.local", Type: mdns.TypeTXT, Class: 1, Data: []byte("\x01x")},
				{Name: "u.local", Type: 4711, Class: 1, Data: []byte{}},
			}},
	} {
		b, err := mdns.AppendMessage([]byte("before"), &m)
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := mdns.ParseMessage(b[6:])
		if err != nil || n != len(b)-6 {
			t.Fatal(n, err)
		}
		for i := range got.Answers {
			got.Answers[i].Data = m.Answers[i].Data
		}
		for i := range got.Authorities {
			got.Authorities[i].Data = m.Authorities[i].Data
		}
		for i := range got.Additionals {
			if t := got.Additionals[i].Type; t == mdns.TypeAAAA || t == mdns.TypeSRV {
				got.Additionals[i].Data = m.Additionals[i].Data
			}
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got  %+v\nwant %+v", got, m)
		}
	}
}

// What is malformed is an error that says where and why.
func TestMalformed(t *testing.T) {
	record := func(name, typ, data string) string {
		return header(0, 0x8400, 0, 1) + name + typ + "\x00\x01\x00\x00\x00\x78" + string([]byte{byte(len(data) >> 8), byte(len(data))}) + data
	}
	long := strings.Repeat("\x3f"+strings.Repeat("x", 63), 4)
	for name, row := range map[string]struct{ msg, want string }{
		"pointer to itself":   {record("\xc0\x0c", "\x00\x01", "1234"), "does not point backwards"},
		"pointer forwards":    {record("\xc0\x20", "\x00\x01", "1234"), "does not point backwards"},
		"pointers in a loop":  {header(0, 0, 2) + "\x01a\xc0\x0c\x00\x01\x00\x01" + "\x01b\xc0\x14\x00\x01\x00\x01", "does not point backwards"},
		"label type":          {record("\x40", "\x00\x01", "1234"), "label type"},
		"name of 257":         {record(long+"\x00", "\x00\x01", "1234"), "more than 255 bytes"},
		"A of 3":              {record("\x01a\x00", "\x00\x01", "123"), "wrong length"},
		"AAAA of 4":           {record("\x01a\x00", "\x00\x1c", "1234"), "wrong length"},
		"SRV of 6":            {record("\x01a\x00", "\x00\x21", "123456"), "wrong length"},
		"PTR without end":     {record("\x01a\x00", "\x00\x0c", "\x01b"), "wrong length"},
		"PTR with more":       {record("\x01a\x00", "\x00\x0c", "\x01b\x00x"), "wrong length"},
		"PTR with half a ptr": {record("\x01a\x00", "\x00\x0c", "\xc0"), "wrong length"},
		"many records":        {header(0, 0x8400, 0, 255), "incomplete"},
		"nothing":             {"", "incomplete"},
	} {
		_, n, err := mdns.ParseMessage([]byte(row.msg))
		if n != 0 || err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %d, %v; want %q", name, n, err, row.want)
		}
		var f *mdns.FormatError
		if errors.As(err, &f) == errors.Is(err, mdns.ErrIncomplete) {
			t.Errorf("%s: %T", name, err)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	for name, row := range map[string]struct {
		m    mdns.Message
		want string
	}{
		"empty label":  {mdns.Message{Questions: []mdns.Question{{Name: "a..local"}}}, `bad name "a..local": name has an empty label`},
		"A of IPv6":    {mdns.Message{Answers: []mdns.Record{{Name: "a", Type: mdns.TypeA, Addr: netip.IPv6Loopback()}}}, "has the address ::1"},
		"AAAA of none": {mdns.Message{Answers: []mdns.Record{{Name: "a", Type: mdns.TypeAAAA}}}, "has the address invalid IP"},
		"target":       {mdns.Message{Answers: []mdns.Record{{Name: "a", Type: mdns.TypePTR, Target: "b..c"}}}, "empty label"},
		"large":        {mdns.Message{Answers: []mdns.Record{{Name: "a", Type: mdns.TypeTXT, Data: make([]byte, 1<<16)}}}, "has 65536 bytes"},
		"many":         {mdns.Message{Questions: make([]mdns.Question, 1<<16)}, "65536 records"},
	} {
		if _, err := mdns.AppendMessage(nil, &row.m); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}
