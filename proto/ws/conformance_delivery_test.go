package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// openWith is open with options, and with extensions that the peer offers to a
// server, or agrees to as one.
func (w *world) openWith(r role, o *ws.Options, extensions string, h hook) *end {
	w.Helper()
	if o == nil {
		return w.open(r, h)
	}
	ask, agree := request, ""
	if extensions != "" {
		agree = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		ask = offering("Sec-WebSocket-Extensions: " + extensions)
	}
	var e *end
	if r == asServer {
		e = w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				must(w, ws.Upgrade(c, data.(*http.Message), "", o))
			}
			h(c, ev, data)
		})
		e.feed(ask)
		e.head()
	} else {
		e = w.connectWith(o, "", h)
		e.feed(looptest.Agreement(field(w, e.head(), "Sec-WebSocket-Key"), agree))
	}
	await(w, w.m, "OPEN", e.rec.saw("OPEN"))
	e.rec.log = nil
	return e
}

// connectWith is connect with options.
func (w *world) connectWith(o *ws.Options, headers string, h hook) *end {
	w.Helper()
	e := &end{world: w, rec: &recorder{hook: h}, role: asClient}
	c, err := ws.Connect(w.m, fmt.Sprintf("ws://127.0.0.1:%d/", w.port), e.rec.handle, nil, headers, o)
	if err != nil {
		w.Fatal(err)
	}
	e.c = c
	await(w, w.m, "a connection", func() bool { e.p = w.bare.accept(); return e.p != nil })
	return e
}

// inPieces is a row of a program that takes messages in pieces. What it gets is
// written down as "op payload" of each message, with | behind what is not the last
// piece, and may come in other pieces where Chunks are asked for.
type inPieces struct {
	name     string
	delivery ws.Delivery
	in       []part
	want     []string
	ctl      []string
	code     ws.CloseCode
	deflate  *ws.Deflate // compression is agreed; the pieces are any then
}

func (p inPieces) title() string { return p.name }
func (p inPieces) sides() []role { return roles }

func (p inPieces) run(t *testing.T, w *world, r role) {
	in := ""
	for _, x := range p.in {
		in += x(r)
	}
	for _, pieces := range [][]string{{in}, bytewise(in), {in[:len(in)/3], in[len(in)/3:]}} {
		var got []string
		var err error
		open := false // a message is
		ext := ""
		if p.deflate != nil {
			ext = pmd
		}
		e := w.openWith(r, &ws.Options{Delivery: p.delivery, Deflate: p.deflate}, ext, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvWSMsg {
				return
			}
			m := data.(*ws.Message)
			if m.First == open {
				err = fmt.Errorf("First is %v behind %q", m.First, got)
			}
			if m.First {
				got = append(got, m.Op.String()+" ")
			}
			last := &got[len(got)-1]
			if *last += string(m.Data); !strings.HasPrefix(*last, m.Op.String()) {
				err = fmt.Errorf("opcode is %v in %q", m.Op, got)
			}
			if open = !m.Fin; open && p.delivery == ws.Frames && p.deflate == nil {
				*last += "|"
			}
		})
		e.feed(pieces...)
		must(t, err)
		if open {
			got[len(got)-1] += "..."
		}
		if p.code == 0 || p.deflate == nil {
			wantLines(t, "pieces", got, p.want)
		}
		var ctl []string
		for _, l := range e.rec.log {
			if strings.HasPrefix(l, "CTL") {
				ctl = append(ctl, l)
			}
		}
		wantLines(t, "control frames", ctl, p.ctl)
		var pe *ws.ProtocolError
		if p.code != 0 && (!errors.As(e.rec.err, &pe) || pe.Code != p.code) || p.code == 0 && e.rec.err != nil {
			t.Fatalf("error is %v, want code %d", e.rec.err, p.code)
		}
		e.drop()
	}
}

// deliveryRules: frames mean nothing, but a program may want the message as it
// comes. All that holds for whole messages holds then.
func deliveryRules() []rule {
	fragments := []part{fr(text, "ab"), fr(cont, ""), fr(fin|ping, "p"), fr(cont, "cd"), fr(fin|cont, "ef"), fr(fin|bin, "g")}
	rune3 := []part{fr(text, "\xe2"), fr(cont, "\x82"), fr(fin|cont, "\xac")}
	long := pattern(3000)
	var rows []tester
	for _, d := range []struct {
		name     string
		delivery ws.Delivery
		mark     string
	}{{"frames", ws.Frames, "|"}, {"chunks", ws.Chunks, ""}} {
		m := d.mark
		add := func(name string, in []part, want, ctl []string, code ws.CloseCode) {
			rows = append(rows, inPieces{d.name + ": " + name, d.delivery, in, want, ctl, code, nil})
		}
		add("fragments with a ping between", fragments, []string{"text ab" + m + m + "cd" + m + "ef", "binary g"}, []string{ctl("ping", "p")}, 0)
		add("message in one frame", []part{fr(fin|text, long)}, []string{"text " + long}, nil, 0)
		add("empty message", []part{fr(fin|text, "")}, []string{"text "}, nil, 0)
		add("empty fragments", []part{fr(text, ""), fr(fin|cont, "")}, []string{"text " + m}, nil, 0)
		add("rune split over fragments", rune3, []string{"text \xe2" + m + "\x82" + m + "\xac"}, nil, 0)
		add("two large frames", []part{fr(bin, pattern(70_000)), fr(fin|cont, pattern(70_000))}, []string{"binary " + pattern(70_000) + m + pattern(70_000)}, nil, 0)
		add("bad text in the second fragment", []part{fr(text, "ab"), fr(cont, "\xff")}, []string{"text ab" + m + "..."}, nil, ws.CloseInvalidData)
		add("text that ends in mid-rune", []part{fr(text, "ab"), fr(fin|cont, "\xe2")}, []string{"text ab" + m + "..."}, nil, ws.CloseInvalidData)
		add("whole message in a fragmented one", []part{fr(text, "ab"), fr(fin|text, "")}, []string{"text ab" + m + "..."}, nil, ws.CloseProtocolError)
		add("fragments beyond the limit", []part{fr(bin, "ab"), sized(fin|cont, ws.DefaultMaxMessage-1)}, []string{"binary ab" + m + "..."}, nil, ws.CloseTooLarge)
	}
	return []rule{
		{"5.4", "Frames mean nothing: a program that takes a message in pieces gets the same bytes and the same verdicts.", rows},
		{"7692 7.2.2", "So does one that takes compressed messages in pieces.", inflatedPieces()},
	}
}

func inflatedPieces() (rows []tester) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	long := strings.Repeat(pattern(5000)+"€", 20)
	for _, d := range []struct {
		name     string
		delivery ws.Delivery
	}{{"frames", ws.Frames}, {"chunks", ws.Chunks}} {
		add := func(name string, code ws.CloseCode, in []part, ctl []string, want ...string) {
			rows = append(rows, inPieces{d.name + ": " + name, d.delivery, in, want, ctl, code, &ws.Deflate{MaxRatio: 500}})
		}
		add("compressed message", 0, []part{fr(fin|rsvText, hello)}, nil, "text Hello")
		add("compressed fragments with a ping between", 0, []part{fr(rsvText, hello[:3]), fr(fin|ping, "p"), fr(fin|cont, hello[3:])}, []string{ctl("ping", "p")}, "text Hello")
		add("compressed messages and others", 0, []part{fr(fin|rsvText, hello), fr(fin|bin, "a"), fr(fin|rsvText, "\xf2\x00\x11\x00\x00"), fr(fin|ping, "p"), fr(text, "b"), fr(fin|cont, "c")},
			[]string{ctl("ping", "p")}, "text Hello", "binary a", "text Hello", "text bc")
		add("large compressed message", 0, []part{fr(fin|rsvText, deflated(long)), fr(fin|text, "behind")}, nil, "text "+long, "text behind")
		add("empty compressed message", 0, []part{fr(fin|rsvText, "\x00")}, nil, "text ")
		add("compressed bad text", ws.CloseInvalidData, []part{fr(fin|rsvText, deflated(long+"\xff"))}, nil)
		add("compressed text that ends in mid-rune", ws.CloseInvalidData, []part{fr(fin|rsvText, deflated(long+"\xe2"))}, nil)
		add("corrupt compressed message", ws.CloseInvalidData, []part{fr(fin|rsvText, "\x07")}, nil)
		add("compressed message that grows too much", ws.CloseTooLarge, []part{fr(fin|rsvBin, deflated(strings.Repeat("x", 200_000)))}, nil)
	}
	return rows
}
