package ws

import (
	"compress/flate"
	"math"
	"strings"
	"testing"
)

func lines(all ...string) (b [][]byte) {
	for _, s := range all {
		b = append(b, []byte(s))
	}
	return b
}

const (
	sno  = "; server_no_context_takeover"
	cno  = "; client_no_context_takeover"
	sbit = "; server_max_window_bits"
	cbit = "; client_max_window_bits"
	pmd  = permessageDeflate
)

var both = deflateParams{15, 15, true, true}

// What a server answers to offers, and what it takes from them
// [RFC 7692 7.1]. An empty answer declines.
func TestDeflateAccept(t *testing.T) {
	const room = 2 << 20
	for _, tt := range []struct {
		name   string
		d      Deflate
		room   int
		lines  [][]byte
		answer string
		want   deflateParams
	}{
		{"no header", Deflate{}, room, nil, "", deflateParams{}},
		{"empty header", Deflate{}, room, lines("", " , ,"), "", deflateParams{}},
		{"nothing but the name", Deflate{}, room, lines(pmd), pmd, both},
		{"browser", Deflate{}, room, lines(pmd + cbit), pmd, both},
		{"other extensions before and behind", Deflate{}, room, lines("x-webkit-deflate-frame, mux; max-channels=4 ;x=\"a\\b\"", "foo, "+pmd+" , bar"), pmd, both},
		{"others only", Deflate{}, room, lines("x-webkit-deflate-frame", "permessage-bzip2", "Permessage-Deflate", "permessage-deflate2"), "", deflateParams{}},

		{"server_no_context_takeover", Deflate{}, room, lines(pmd + sno), pmd + sno, deflateParams{15, 15, false, true}},
		{"client_no_context_takeover", Deflate{}, room, lines(pmd + cno), pmd + cno, deflateParams{15, 15, true, false}},
		{"both", Deflate{}, room, lines(pmd + cno + sno), pmd + sno + cno, deflateParams{15, 15, false, false}},
		{"server wants no context of its own", Deflate{NoContextTakeover: true}, room, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"server wants none of the client's", Deflate{PeerNoContextTakeover: true}, room, lines(pmd), pmd + cno, deflateParams{15, 15, true, false}},

		{"server_max_window_bits", Deflate{}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=10", deflateParams{10, 15, true, true}},
		{"15 is answered", Deflate{}, room, lines(pmd + sbit + "=15"), pmd + sbit + "=15", both},
		{"server's is smaller", Deflate{WindowBits: 9}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=9", deflateParams{9, 15, true, true}},
		{"server's is larger", Deflate{WindowBits: 12}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=10", deflateParams{10, 15, true, true}},
		{"server's alone", Deflate{WindowBits: 12}, room, lines(pmd), pmd + sbit + "=12", deflateParams{12, 15, true, true}},
		{"8 has no context", Deflate{}, room, lines(pmd + sbit + "=8"), pmd + sno + sbit + "=8", deflateParams{8, 15, false, true}},

		{"client_max_window_bits", Deflate{}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=10", deflateParams{15, 10, true, true}},
		{"client may be asked", Deflate{PeerWindowBits: 9}, room, lines(pmd + cbit), pmd + cbit + "=9", deflateParams{15, 9, true, true}},
		{"client may be asked for less", Deflate{PeerWindowBits: 9}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=9", deflateParams{15, 9, true, true}},
		{"client offers less", Deflate{PeerWindowBits: 11}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=10", deflateParams{15, 10, true, true}},
		{"client may not be asked", Deflate{PeerWindowBits: 9}, room, lines(pmd), pmd, both},
		{"all", Deflate{}, room, lines(pmd + cbit + "=8" + sno + sbit + "=9" + cno), pmd + sno + cno + sbit + "=9" + cbit + "=8", deflateParams{9, 8, false, false}},
		{"blanks and quotes", Deflate{}, room, lines(" \t" + pmd + "\t;\tserver_max_window_bits = \"1\\0\" ;client_max_window_bits\t=\t\"9\" , x"), pmd + sbit + "=10" + cbit + "=9", deflateParams{10, 9, true, true}},

		{"budget for one", Deflate{}, 850 << 10, lines(pmd), pmd, both},
		{"budget for either", Deflate{}, 810 << 10, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"budget for receiving", Deflate{}, 100 << 10, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"budget for sending", Deflate{}, 800 << 10, lines(pmd + cno), pmd + cno, deflateParams{15, 15, true, false}},
		{"budget for a small window", Deflate{}, 256, lines(pmd + cbit + "=8"), pmd + sno + cbit + "=8", deflateParams{15, 8, false, true}},
		{"no budget", Deflate{}, 255, lines(pmd + cbit + "=8"), pmd + sno + cno + cbit + "=8", deflateParams{15, 8, false, false}},
		{"budget is overspent", Deflate{}, -5, lines(pmd), pmd + sno + cno, deflateParams{15, 15, false, false}},
		{"Huffman codes only", Deflate{Level: flate.HuffmanOnly}, room, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},

		{"second offer", Deflate{}, room, lines(pmd + sbit + "=7, " + pmd + sbit + "=12, " + pmd), pmd + sbit + "=12", deflateParams{12, 15, true, true}},
		{"second line", Deflate{}, room, lines(pmd+"; x", pmd+sno), pmd + sno, deflateParams{15, 15, false, true}},
	} {
		p, answer, err := tt.d.accept(tt.lines, tt.room)
		if p != tt.want || answer != tt.answer || err != nil {
			t.Errorf("%s: %+v, %q, %v; want %+v, %q", tt.name, p, answer, err, tt.want, tt.answer)
		}
		if n := tt.d.cost(p); n > max(0, tt.room) {
			t.Errorf("%s: costs %d of %d", tt.name, n, tt.room)
		}
	}
}

// Parameters that neither an offer nor an answer may have
// [RFC 7692 7.1].
var badParams = []string{
	"; x", "; x=1", "; server_max_window_bits2=10", "; Server_no_context_takeover",
	sno + sno, cno + cno, sbit + "=10" + sbit + "=10", cbit + "=10" + cbit + "=9",
	sno + "=1", cno + "=true", sno + "=\"10\"",
	sbit, sbit + "=7", sbit + "=16", sbit + "=0", sbit + "=08", sbit + "=010", sbit + "=+9", sbit + "=-9", sbit + "=1e1", sbit + "=0xa", sbit + "=10.", sbit + "=266", sbit + "=18446744073709551626", sbit + "=\"7\"",
	cbit + "=7", cbit + "=16", cbit + "=0", cbit + "=09", cbit + "=a", cbit + "=99999999999999999999",
}

func TestDeflateDeclines(t *testing.T) {
	var d Deflate
	for _, bad := range append([]string{cbit + cbit, cbit + cbit + "=10"}, badParams...) {
		p, answer, err := d.accept(lines(pmd+bad), math.MaxInt)
		if p.on() || p != (deflateParams{}) || answer != "" || err != nil {
			t.Errorf("%s: %+v, %q, %v", bad, p, answer, err)
		}
		if _, answer, err := d.accept(lines(pmd+bad+","+pmd+cno), math.MaxInt); answer != pmd+cno || err != nil {
			t.Errorf("%s and then a good one: %q, %v", bad, answer, err)
		}
	}
}

// What a client offers, and what it takes from answers, which is no more than
// that.
func TestDeflateOffer(t *testing.T) {
	const room = 2 << 20
	for _, tt := range []struct {
		name   string
		d      Deflate
		room   int
		offer  string
		answer string
		want   deflateParams
	}{
		{"defaults", Deflate{}, room, pmd + cbit, pmd, both},
		{"not accepted", Deflate{}, room, pmd + cbit, "", deflateParams{}},
		{"server takes no context over", Deflate{}, room, pmd + cbit, pmd + sno, deflateParams{15, 15, true, false}},
		{"server wants none of ours", Deflate{}, room, pmd + cbit, pmd + cno, deflateParams{15, 15, false, true}},
		{"server has smaller windows", Deflate{}, room, pmd + cbit, pmd + sbit + "=\"8\" " + cbit + "=9", deflateParams{9, 8, true, true}},
		{"8 has no context", Deflate{}, room, pmd + cbit, pmd + cbit + "=8", deflateParams{8, 15, false, true}},
		{"server says what goes without saying", Deflate{}, room, pmd + cbit, " , " + pmd + sbit + "=15" + cbit + "=15,", both},
		{"no context of ours", Deflate{NoContextTakeover: true}, room, pmd + cno + cbit, pmd, deflateParams{15, 15, false, true}},
		{"no context of the server's", Deflate{PeerNoContextTakeover: true}, room, pmd + sno + cbit, pmd + sno, deflateParams{15, 15, true, false}},
		{"our window", Deflate{WindowBits: 10}, room, pmd + cbit + "=10", pmd, deflateParams{10, 15, true, true}},
		{"our window, agreed", Deflate{WindowBits: 10}, room, pmd + cbit + "=10", pmd + cbit + "=9", deflateParams{9, 15, true, true}},
		{"the server's window", Deflate{PeerWindowBits: 10}, room, pmd + sbit + "=10" + cbit, pmd + sbit + "=10", deflateParams{15, 10, true, true}},
		{"the server's window, smaller", Deflate{PeerWindowBits: 10}, room, pmd + sbit + "=10" + cbit, pmd + sbit + "=9", deflateParams{15, 9, true, true}},
		{"all", Deflate{WindowBits: 9, PeerWindowBits: 8, NoContextTakeover: true, PeerNoContextTakeover: true}, room, pmd + sno + cno + sbit + "=8" + cbit + "=9", pmd + sno + sbit + "=8", deflateParams{9, 8, false, false}},
		{"no budget", Deflate{}, 0, pmd + sno + cno + cbit, pmd + sno, deflateParams{15, 15, false, false}},
		{"budget for receiving", Deflate{}, 100 << 10, pmd + cno + cbit, pmd, deflateParams{15, 15, false, true}},
	} {
		asked, offer := tt.d.offer(tt.room)
		if offer != tt.offer {
			t.Errorf("%s: offers %q, want %q", tt.name, offer, tt.offer)
		}
		p, err := tt.d.agree(asked, lines(tt.answer))
		if p != tt.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, p, err, tt.want)
		}
		if tt.d.cost(p) > tt.d.cost(asked) || tt.d.cost(asked) > tt.room {
			t.Errorf("%s: costs %d, before the answer %d", tt.name, tt.d.cost(p), tt.d.cost(asked))
		}
	}
}

func TestDeflateAnswerRefused(t *testing.T) {
	refused := func(name string, d *Deflate, asked deflateParams, reason string, all ...string) {
		t.Helper()
		p, err := d.agree(asked, lines(all...))
		if err == nil || !strings.Contains(err.Error(), reason) || p != (deflateParams{}) {
			t.Errorf("%s: %+v, %v; want %q", name, p, err, reason)
		}
	}
	refused("nothing was offered", nil, deflateParams{}, `"permessage-deflate", which was not offered`, pmd)
	for _, bad := range append([]string{cbit}, badParams...) {
		d := new(Deflate)
		asked, _ := d.offer(math.MaxInt)
		refused(bad, d, asked, "permessage-deflate: parameter ", pmd+bad)
	}
	for _, tt := range []struct {
		name   string
		d      Deflate
		reason string
		answer []string
	}{
		{"another extension", Deflate{}, `"mux", which was not offered`, []string{"mux"}},
		{"two", Deflate{}, "more than one", []string{pmd + ", mux"}},
		{"twice", Deflate{}, "more than one", []string{pmd, pmd}},
		{"another before", Deflate{}, "more than one", []string{"mux, " + pmd}},
		{"no list", Deflate{}, "malformed", []string{pmd + ";"}},
		{"server_no_context_takeover missing", Deflate{PeerNoContextTakeover: true}, "without server_no_context_takeover", []string{pmd + cno}},
		{"server_max_window_bits missing", Deflate{PeerWindowBits: 9}, "without server_max_window_bits", []string{pmd + cbit + "=9"}},
		{"server_max_window_bits too large", Deflate{PeerWindowBits: 9}, "server_max_window_bits=10, offered were 9", []string{pmd + sbit + "=10"}},
		{"client_max_window_bits too large", Deflate{WindowBits: 9}, "client_max_window_bits=10, offered were 9", []string{pmd + cbit + "=10"}},
	} {
		asked, _ := tt.d.offer(math.MaxInt)
		refused(tt.name, &tt.d, asked, tt.reason, tt.answer...)
	}
}

// Lines that are no list of extensions [RFC 6455 9.1].
var malformedExtensions = []string{
	";", "=", "\"", "a b", "a;", "a; ", "a;;b", "a;=1", "a; b=", "a; b=,", "a; b==1", "a; b=1 2", "a; b=\"", "a; b=\"1", "a; b=\"1\\\"", "a; b=\"\"", "a; b=\"1 2\"", "a; b=\"1\"2",
	"a; b=\"1;\"", "a=1", "a; b c", "\"a\"", "a; \"b\"", "a\x00", "ä", "a; b=ä", "a; b=\"ä\"", "a/b", "(a)", "a, b;", pmd + ", ;",
}

func TestExtensionsMalformed(t *testing.T) {
	var d Deflate
	for _, s := range malformedExtensions {
		for _, all := range [][][]byte{lines(s), lines(pmd, s), lines(s, pmd), lines(pmd + ", " + s)} {
			if p, answer, err := d.accept(all, math.MaxInt); err == nil || answer != "" || p.on() {
				t.Errorf("%q: %+v, %q, %v", all, p, answer, err)
			}
		}
	}
}

func TestDeflateCheck(t *testing.T) {
	for _, d := range []Deflate{{}, {Level: -2, WindowBits: 8, PeerWindowBits: 15}, {Level: 9, WindowBits: 15, PeerWindowBits: 8, MaxRatio: 1, Threshold: -1, Budget: -1}} {
		if err := d.check(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	for _, d := range []Deflate{{Level: 10}, {Level: -3}, {WindowBits: 7}, {WindowBits: 16}, {PeerWindowBits: -1}, {PeerWindowBits: 264}, {MaxRatio: -1}} {
		if d.check() == nil {
			t.Errorf("%+v is taken", d)
		}
	}
}

// The defaults: messages from 256 bytes, 64 MiB for contexts.
func TestDeflateDefaults(t *testing.T) {
	for _, tt := range []struct {
		d    Deflate
		n    int
		want bool
	}{
		{Deflate{}, 255, false}, {Deflate{}, 256, true}, {Deflate{Threshold: 10}, 9, false}, {Deflate{Threshold: 10}, 10, true}, {Deflate{Threshold: -1}, 0, true},
	} {
		if tt.d.compresses(tt.n) != tt.want {
			t.Errorf("threshold %d: %d bytes are compressed: %v", tt.d.Threshold, tt.n, !tt.want)
		}
	}
	for _, tt := range []struct{ budget, spent, want int }{{0, 0, 64 << 20}, {0, 64 << 20, 0}, {1000, 300, 700}, {-1, 0, 0}, {math.MinInt, 1, -1}, {math.MaxInt, 1, math.MaxInt - 1}} {
		if got := (&Deflate{Budget: tt.budget}).room(tt.spent); got != tt.want {
			t.Errorf("budget %d: %d are left of it, want %d", tt.budget, got, tt.want)
		}
	}
	for _, tt := range []struct {
		level    int
		bits     uint8
		takeover bool
		want     int
	}{{0, 15, true, 2}, {0, 15, false, 1}, {0, 9, true, 2}, {6, 15, false, 6}, {6, 9, true, 6}, {6, 8, false, flate.HuffmanOnly}} {
		if got := (&Deflate{Level: tt.level}).level(tt.bits, tt.takeover); got != tt.want {
			t.Errorf("%+v: level %d", tt, got)
		}
	}
}

// FuzzExtensions gives both sides arbitrary headers: what the server answers,
// the client takes for what the server took it for, and whatever is taken
// stays within what both wish for.
func FuzzExtensions(f *testing.F) {
	for _, s := range malformedExtensions {
		f.Add(s, pmd, uint8(0), uint8(0), uint8(0))
	}
	for i, s := range badParams {
		f.Add(pmd+s, pmd+cbit+"=10", uint8(i), uint8(9), uint8(15))
	}
	f.Add(pmd+sno+cno+sbit+"=10"+cbit, ", ,"+pmd+cbit+"=\"1\\0\"", uint8(255), uint8(8), uint8(12))
	f.Fuzz(func(t *testing.T, one, two string, flags, bits, peer uint8) {
		d := &Deflate{WindowBits: int(bits), PeerWindowBits: int(peer), NoContextTakeover: flags&1 != 0, PeerNoContextTakeover: flags&2 != 0}
		if d.check() != nil {
			return
		}
		room := int(flags) << 12
		p, answer, err := d.accept(lines(one, two), room)
		if p.on() != (answer != "") || p.on() && err != nil || d.cost(p) > room {
			t.Fatalf("%+v, %q, %v", p, answer, err)
		}
		within := func(p deflateParams, d *Deflate) {
			w := d.wishes()
			if p.sendBits > w.sendBits || p.sendTakeover && !w.sendTakeover || p.recvTakeover && !w.recvTakeover || p.sendBits < 8 || p.recvBits < 8 || p.recvBits > 15 {
				t.Fatalf("%+v is not within %+v", p, w)
			}
		}
		if p.on() {
			within(p, d)
			client := new(Deflate) // offers all that can be answered, whatever the offer was
			asked, _ := client.offer(math.MaxInt)
			q, err := client.agree(asked, lines(answer))
			sees := deflateParams{p.recvBits, p.sendBits, p.recvTakeover && p.recvBits > minWindow, p.sendTakeover}
			if err != nil || q != sees {
				t.Fatalf("server means %+v, client takes %q for %+v, %v", p, answer, q, err)
			}
		}
		asked, _ := d.offer(room)
		if q, err := d.agree(asked, lines(one, two)); err == nil && q.on() {
			within(q, d)
			if q.recvBits > asked.recvBits || d.cost(q) > room {
				t.Fatalf("%+v is more than %+v", q, asked)
			}
		}
	})
}
