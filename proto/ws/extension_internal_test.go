package ws

import (
	"compress/flate"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws/wsflate"
)

// lines returns the values of several headers.
func lines(all ...string) (b [][]byte) {
	for _, s := range all {
		b = append(b, []byte(s))
	}
	return b
}

// The parameters of permessage-deflate, and its name.
const (
	sno  = "; server_no_context_takeover"
	cno  = "; client_no_context_takeover"
	sbit = "; server_max_window_bits"
	cbit = "; client_max_window_bits"
	pmd  = wsflate.ExtensionName
)

// both are the parameters with full windows and context takeover on both sides.
var both = deflateParams{15, 15, true, true}

// A server answers offers and sets its parameters [RFC 7692 7.1]. With an empty answer it
// declines.
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
		{"no parameters", Deflate{}, room, lines(pmd), pmd, both},
		{"browser", Deflate{}, room, lines(pmd + cbit), pmd, both},
		{"other extensions before and after", Deflate{}, room, lines("x-webkit-deflate-frame, mux; max-channels=4 ;x=\"a\\b\"", "foo, "+pmd+" , bar"), pmd, both},
		{"other extensions only", Deflate{}, room, lines("x-webkit-deflate-frame", "permessage-bzip2", "Permessage-Deflate", "permessage-deflate2"), "", deflateParams{}},

		{"server_no_context_takeover", Deflate{}, room, lines(pmd + sno), pmd + sno, deflateParams{15, 15, false, true}},
		{"client_no_context_takeover", Deflate{}, room, lines(pmd + cno), pmd + cno, deflateParams{15, 15, true, false}},
		{"both without context", Deflate{}, room, lines(pmd + cno + sno), pmd + sno + cno, deflateParams{15, 15, false, false}},
		{"NoContextTakeover", Deflate{NoContextTakeover: true}, room, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"PeerNoContextTakeover", Deflate{PeerNoContextTakeover: true}, room, lines(pmd), pmd + cno, deflateParams{15, 15, true, false}},

		{"server_max_window_bits", Deflate{}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=10", deflateParams{10, 15, true, true}},
		{"server_max_window_bits=15 is answered", Deflate{}, room, lines(pmd + sbit + "=15"), pmd + sbit + "=15", both},
		{"WindowBits is smaller", Deflate{WindowBits: 9}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=9", deflateParams{9, 15, true, true}},
		{"WindowBits is larger", Deflate{WindowBits: 12}, room, lines(pmd + sbit + "=10"), pmd + sbit + "=10", deflateParams{10, 15, true, true}},
		{"WindowBits alone", Deflate{WindowBits: 12}, room, lines(pmd), pmd + sbit + "=12", deflateParams{12, 15, true, true}},
		{"8 bits have no context", Deflate{}, room, lines(pmd + sbit + "=8"), pmd + sno + sbit + "=8", deflateParams{8, 15, false, true}},

		{"client_max_window_bits", Deflate{}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=10", deflateParams{15, 10, true, true}},
		{"PeerWindowBits", Deflate{PeerWindowBits: 9}, room, lines(pmd + cbit), pmd + cbit + "=9", deflateParams{15, 9, true, true}},
		{"PeerWindowBits is smaller", Deflate{PeerWindowBits: 9}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=9", deflateParams{15, 9, true, true}},
		{"PeerWindowBits is larger", Deflate{PeerWindowBits: 11}, room, lines(pmd + cbit + "=10"), pmd + cbit + "=10", deflateParams{15, 10, true, true}},
		{"PeerWindowBits, but the client did not offer a limit", Deflate{PeerWindowBits: 9}, room, lines(pmd), pmd, both},
		{"all parameters", Deflate{}, room, lines(pmd + cbit + "=8" + sno + sbit + "=9" + cno), pmd + sno + cno + sbit + "=9" + cbit + "=8", deflateParams{9, 8, false, false}},
		{"blanks and quotes", Deflate{}, room, lines(" \t" + pmd + "\t;\tserver_max_window_bits = \"1\\0\" ;client_max_window_bits\t=\t\"9\" , x"), pmd + sbit + "=10" + cbit + "=9", deflateParams{10, 9, true, true}},

		{"budget for both contexts", Deflate{}, 850 << 10, lines(pmd), pmd, both},
		{"budget for one of the contexts", Deflate{}, 810 << 10, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"budget for receiving", Deflate{}, 100 << 10, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},
		{"budget for sending", Deflate{}, 800 << 10, lines(pmd + cno), pmd + cno, deflateParams{15, 15, true, false}},
		{"budget for a small window", Deflate{}, 256, lines(pmd + cbit + "=8"), pmd + sno + cbit + "=8", deflateParams{15, 8, false, true}},
		{"no budget", Deflate{}, 255, lines(pmd + cbit + "=8"), pmd + sno + cno + cbit + "=8", deflateParams{15, 8, false, false}},
		{"budget is overspent", Deflate{}, -5, lines(pmd), pmd + sno + cno, deflateParams{15, 15, false, false}},
		{"Huffman codes only", Deflate{Level: flate.HuffmanOnly}, room, lines(pmd), pmd + sno, deflateParams{15, 15, false, true}},

		{"second offer", Deflate{}, room, lines(pmd + sbit + "=7, " + pmd + sbit + "=12, " + pmd), pmd + sbit + "=12", deflateParams{12, 15, true, true}},
		{"second line", Deflate{}, room, lines(pmd+"; x", pmd+sno), pmd + sno, deflateParams{15, 15, false, true}},
	} {
		p, answer, err := tt.d.acceptOffer(tt.lines, new(flatePool), tt.room)
		if p != tt.want || answer != tt.answer || err != nil {
			t.Errorf("%s: %+v, %q, %v; want %+v, %q", tt.name, p, answer, err, tt.want, tt.answer)
		}
		if n := tt.d.contextCost(p, new(flatePool)); n > max(0, tt.room) {
			t.Errorf("%s: costs %d bytes, the budget has %d", tt.name, n, tt.room)
		}
	}
}

// badParams are parameters that are invalid in offers and in answers [RFC 7692 7.1].
var badParams = []string{
	"; x", "; x=1", "; server_max_window_bits2=10", "; Server_no_context_takeover",
	sno + sno, cno + cno, sbit + "=10" + sbit + "=10", cbit + "=10" + cbit + "=9",
	sno + "=1", cno + "=true", sno + "=\"10\"",
	sbit, sbit + "=7", sbit + "=16", sbit + "=0", sbit + "=08", sbit + "=010", sbit + "=+9", sbit + "=-9", sbit + "=1e1", sbit + "=0xa", sbit + "=10.", sbit + "=266", sbit + "=18446744073709551626", sbit + "=\"7\"",
	cbit + "=7", cbit + "=16", cbit + "=0", cbit + "=09", cbit + "=a", cbit + "=99999999999999999999",
}

// A server declines an offer with invalid parameters and accepts a later one.
func TestDeflateDeclines(t *testing.T) {
	var d Deflate
	for _, bad := range append([]string{cbit + cbit, cbit + cbit + "=10"}, badParams...) {
		p, answer, err := d.acceptOffer(lines(pmd+bad), new(flatePool), math.MaxInt)
		if p.enabled() || p != (deflateParams{}) || answer != "" || err != nil {
			t.Errorf("%s: %+v, %q, %v, want it declined", bad, p, answer, err)
		}
		if _, answer, err := d.acceptOffer(lines(pmd+bad+","+pmd+cno), new(flatePool), math.MaxInt); answer != pmd+cno || err != nil {
			t.Errorf("%s and then a valid offer: %q, %v", bad, answer, err)
		}
	}
}

// A client makes an offer, and sets its parameters from the answer. They never exceed the
// offer.
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
		{"declined", Deflate{}, room, pmd + cbit, "", deflateParams{}},
		{"answer with server_no_context_takeover", Deflate{}, room, pmd + cbit, pmd + sno, deflateParams{15, 15, true, false}},
		{"answer with client_no_context_takeover", Deflate{}, room, pmd + cbit, pmd + cno, deflateParams{15, 15, false, true}},
		{"answer with smaller windows", Deflate{}, room, pmd + cbit, pmd + sbit + "=\"8\" " + cbit + "=9", deflateParams{9, 8, true, true}},
		{"8 bits have no context", Deflate{}, room, pmd + cbit, pmd + cbit + "=8", deflateParams{8, 15, false, true}},
		{"answer with the default windows", Deflate{}, room, pmd + cbit, " , " + pmd + sbit + "=15" + cbit + "=15,", both},
		{"NoContextTakeover", Deflate{NoContextTakeover: true}, room, pmd + cno + cbit, pmd, deflateParams{15, 15, false, true}},
		{"PeerNoContextTakeover", Deflate{PeerNoContextTakeover: true}, room, pmd + sno + cbit, pmd + sno, deflateParams{15, 15, true, false}},
		{"WindowBits", Deflate{WindowBits: 10}, room, pmd + cbit + "=10", pmd, deflateParams{10, 15, true, true}},
		{"WindowBits, smaller in the answer", Deflate{WindowBits: 10}, room, pmd + cbit + "=10", pmd + cbit + "=9", deflateParams{9, 15, true, true}},
		{"PeerWindowBits", Deflate{PeerWindowBits: 10}, room, pmd + sbit + "=10" + cbit, pmd + sbit + "=10", deflateParams{15, 10, true, true}},
		{"PeerWindowBits, smaller in the answer", Deflate{PeerWindowBits: 10}, room, pmd + sbit + "=10" + cbit, pmd + sbit + "=9", deflateParams{15, 9, true, true}},
		{"all options", Deflate{WindowBits: 9, PeerWindowBits: 8, NoContextTakeover: true, PeerNoContextTakeover: true}, room, pmd + sno + cno + sbit + "=8" + cbit + "=9", pmd + sno + sbit + "=8", deflateParams{9, 8, false, false}},
		{"no budget", Deflate{}, 0, pmd + sno + cno + cbit, pmd + sno, deflateParams{15, 15, false, false}},
		{"budget for receiving", Deflate{}, 100 << 10, pmd + cno + cbit, pmd, deflateParams{15, 15, false, true}},
	} {
		asked, offer := tt.d.offer(new(flatePool), tt.room)
		if offer != tt.offer {
			t.Errorf("%s: the offer is %q, want %q", tt.name, offer, tt.offer)
		}
		p, err := tt.d.checkAnswer(asked, new(flatePool), lines(tt.answer))
		if p != tt.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, p, err, tt.want)
		}
		if tt.d.contextCost(p, new(flatePool)) > tt.d.contextCost(asked, new(flatePool)) || tt.d.contextCost(asked, new(flatePool)) > tt.room {
			t.Errorf("%s: costs %d bytes after the answer, %d before; the budget has %d", tt.name, tt.d.contextCost(p, new(flatePool)), tt.d.contextCost(asked, new(flatePool)), tt.room)
		}
	}
}

// An answer that does not fit the offer fails the handshake.
func TestDeflateAnswerRefused(t *testing.T) {
	refused := func(name string, d *Deflate, asked deflateParams, reason string, all ...string) {
		t.Helper()
		p, err := d.checkAnswer(asked, new(flatePool), lines(all...))
		if err == nil || !strings.Contains(err.Error(), reason) || p != (deflateParams{}) {
			t.Errorf("%s: %+v, %v; want %q", name, p, err, reason)
		}
	}
	refused("nothing was offered", nil, deflateParams{}, `"permessage-deflate", which was not offered`, pmd)
	for _, bad := range append([]string{cbit}, badParams...) {
		d := new(Deflate)
		asked, _ := d.offer(new(flatePool), math.MaxInt)
		refused(bad, d, asked, "permessage-deflate: parameter ", pmd+bad)
	}
	for _, tt := range []struct {
		name   string
		d      Deflate
		reason string
		answer []string
	}{
		{"another extension", Deflate{}, `"mux", which was not offered`, []string{"mux"}},
		{"two extensions", Deflate{}, "more than one", []string{pmd + ", mux"}},
		{"the extension twice", Deflate{}, "more than one", []string{pmd, pmd}},
		{"another extension first", Deflate{}, "more than one", []string{"mux, " + pmd}},
		{"malformed list", Deflate{}, "malformed", []string{pmd + ";"}},
		{"server_no_context_takeover missing", Deflate{PeerNoContextTakeover: true}, "without server_no_context_takeover", []string{pmd + cno}},
		{"server_max_window_bits missing", Deflate{PeerWindowBits: 9}, "without server_max_window_bits", []string{pmd + cbit + "=9"}},
		{"server_max_window_bits too large", Deflate{PeerWindowBits: 9}, "server_max_window_bits=10, but the offer was 9", []string{pmd + sbit + "=10"}},
		{"client_max_window_bits too large", Deflate{WindowBits: 9}, "client_max_window_bits=10, but the offer was 9", []string{pmd + cbit + "=10"}},
	} {
		asked, _ := tt.d.offer(new(flatePool), math.MaxInt)
		refused(tt.name, &tt.d, asked, tt.reason, tt.answer...)
	}
}

// A client and a server agree on the most that the options of both allow [RFC 7692 7.1].
// The test negotiates all 65,536 combinations of options, without sockets.
func TestDeflateNegotiation(t *testing.T) {
	var buf []byte
	for i := range 8 * 8 * 8 * 8 * 16 {
		flags := i >> 12
		server := &Deflate{WindowBits: i&7 + 8, PeerWindowBits: i>>3&7 + 8, NoContextTakeover: flags&1 != 0, PeerNoContextTakeover: flags&2 != 0}
		client := &Deflate{WindowBits: i>>6&7 + 8, PeerWindowBits: i>>9&7 + 8, NoContextTakeover: flags&4 != 0, PeerNoContextTakeover: flags&8 != 0}
		asked, offer := client.offer(new(flatePool), math.MaxInt)
		s, answer, err := server.acceptOffer([][]byte{[]byte(offer)}, new(flatePool), math.MaxInt)
		if err != nil {
			t.Fatalf("%+v refuses the offer %q of %+v: %v", server, offer, client, err)
		}
		c, err := client.checkAnswer(asked, new(flatePool), [][]byte{[]byte(answer)})
		if err != nil {
			t.Fatalf("%+v refuses the answer %q of %+v to the offer %q: %v", client, answer, server, offer, err)
		}
		serverBits := min(server.WindowBits, client.PeerWindowBits)
		clientBits := min(client.WindowBits, server.PeerWindowBits)
		serverTakeover := !server.NoContextTakeover && !client.PeerNoContextTakeover && serverBits > 8 // a window of 8 bits has no context
		clientTakeover := !client.NoContextTakeover && !server.PeerNoContextTakeover && client.WindowBits > 8
		want := append(buf[:0], wsflate.ExtensionName...)
		if !serverTakeover {
			want = append(want, "; server_no_context_takeover"...)
		}
		if !clientTakeover {
			want = append(want, "; client_no_context_takeover"...)
		}
		if serverBits < 15 {
			want = strconv.AppendInt(append(want, "; server_max_window_bits="...), int64(serverBits), 10)
		}
		if clientBits < 15 {
			want = strconv.AppendInt(append(want, "; client_max_window_bits="...), int64(clientBits), 10)
		}
		if buf = want; answer != string(want) {
			t.Fatalf("%+v answers the offer %q of %+v with %q, want the terms %q", server, offer, client, answer, want)
		}
		if s.sendBits != c.recvBits || s.recvBits != c.sendBits {
			t.Fatalf("%+v and %+v: the windows differ: %+v at the server, %+v at the client", server, client, s, c)
		}
		if s.sendTakeover && !c.recvTakeover || c.sendTakeover && !s.recvTakeover {
			t.Fatalf("%+v and %+v: one side keeps a context that the other does not: %+v at the server, %+v at the client", server, client, s, c)
		}
	}
}

// FuzzExtensions gives both sides arbitrary headers. A client must understand the answer of
// a server as the server means it. The parameters must stay within the options and the
// budget.
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
		if d.validate() != nil {
			return
		}
		room := int(flags) << 12
		p, answer, err := d.acceptOffer(lines(one, two), new(flatePool), room)
		if p.enabled() != (answer != "") || p.enabled() && err != nil || d.contextCost(p, new(flatePool)) > room {
			t.Fatalf("%+v, %q, %v", p, answer, err)
		}
		within := func(p deflateParams, d *Deflate) {
			w := d.requestedParams()
			if p.sendBits > w.sendBits || p.sendTakeover && !w.sendTakeover || p.recvTakeover && !w.recvTakeover || p.sendBits < 8 || p.recvBits < 8 || p.recvBits > 15 {
				t.Fatalf("the parameters %+v exceed the options %+v", p, w)
			}
		}
		if p.enabled() {
			within(p, d)
			client := new(Deflate) // accepts every answer that any offer allows
			asked, _ := client.offer(new(flatePool), math.MaxInt)
			q, err := client.checkAnswer(asked, new(flatePool), lines(answer))
			sees := deflateParams{p.recvBits, p.sendBits, p.recvTakeover && p.recvBits > minWindow, p.sendTakeover}
			if err != nil || q != sees {
				t.Fatalf("the server has %+v and answers %q, the client has %+v, %v", p, answer, q, err)
			}
		}
		asked, _ := d.offer(new(flatePool), room)
		if q, err := d.checkAnswer(asked, new(flatePool), lines(one, two)); err == nil && q.enabled() {
			within(q, d)
			if q.recvBits > asked.recvBits || d.contextCost(q, new(flatePool)) > room {
				t.Fatalf("the parameters %+v exceed the offer %+v", q, asked)
			}
		}
	})
}
