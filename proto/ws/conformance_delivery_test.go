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

// openWith opens a WebSocket with options. The peer offers extensions to a server, or
// chooses them as one.
func (env *testEnv) openWith(r role, o *ws.Options, extensions string, h hook) *testConn {
	env.Helper()
	if o == nil {
		return env.open(r, h)
	}
	ask, agree := request, ""
	if extensions != "" {
		agree = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		ask = requestWith("Sec-WebSocket-Extensions: " + extensions)
	}
	var tc *testConn
	if r == asServer {
		tc = env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				must(env, ws.Upgrade(c, data.(*http.Message), "", o))
			}
			h(c, ev, data)
		})
		tc.peerSends(ask)
		tc.readHead()
	} else {
		tc = env.connectWith(o, "", h)
		tc.peerSends(looptest.Agreement(headerField(env, tc.readHead(), "Sec-WebSocket-Key"), agree))
	}
	await(env, env.manager, "OPEN", tc.events.Noted("OPEN"))
	tc.events.Lines = nil
	return tc
}

// connectWith connects a client with options to a peer.
func (env *testEnv) connectWith(o *ws.Options, headers string, h hook) *testConn {
	env.Helper()
	tc := &testConn{testEnv: env, events: &recorder{hook: h}, role: asClient}
	c, err := ws.Connect(env.manager, "ws://"+env.peerAddr+"/", tc.events.handle, nil, headers, o)
	if err != nil {
		env.Fatal(err)
	}
	tc.conn = c
	tc.peer = env.peerListener.AwaitAccept(env.manager)
	return tc
}

// inPieces is a row for the deliveries Frames and Chunks. A message is recorded as "op
// payload". With Frames there is a | after each piece except the last one. With Chunks the
// pieces depend on how the bytes arrive.
type inPieces struct {
	name     string
	delivery ws.Delivery
	in       []part
	want     []string // messages
	ctl      []string // control frames
	code     ws.StatusCode
	deflate  *ws.Deflate // not nil: compression is agreed, and the pieces may be any
}

func (p inPieces) title() string { return p.name }
func (p inPieces) sides() []role { return roles }

func (p inPieces) run(t *testing.T, env *testEnv, r role) {
	in := ""
	for _, x := range p.in {
		in += x(r)
	}
	for _, pieces := range [][]string{{in}, bytewise(in), {in[:len(in)/3], in[len(in)/3:]}} {
		var got []string
		var err error
		open := false // a message has begun
		ext := ""
		if p.deflate != nil {
			ext = pmd
		}
		tc := env.openWith(r, &ws.Options{Delivery: p.delivery, Deflate: p.deflate}, ext, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvWSMsg {
				return
			}
			m := data.(*ws.Message)
			if m.First == open {
				err = fmt.Errorf("Message.First is %v after %q", m.First, got)
			}
			if m.First {
				got = append(got, ws.OpName(m.Op)+" ")
			}
			last := &got[len(got)-1]
			if *last += string(m.Data); !strings.HasPrefix(*last, ws.OpName(m.Op)) {
				err = fmt.Errorf("a piece has the opcode %v after %q", ws.OpName(m.Op), got)
			}
			if open = !m.Fin; open && p.delivery == ws.Frames && p.deflate == nil {
				*last += "|"
			}
		})
		tc.peerSends(pieces...)
		must(t, err)
		if open {
			got[len(got)-1] += "..."
		}
		if p.code == 0 || p.deflate == nil {
			wantLines(t, "pieces", got, p.want)
		}
		var ctl []string
		for _, l := range tc.events.Lines {
			if strings.HasPrefix(l, "CTL") {
				ctl = append(ctl, l)
			}
		}
		wantLines(t, "control frames", ctl, p.ctl)
		var pe *ws.ProtocolError
		if p.code != 0 && (!errors.As(tc.events.LastErr(), &pe) || pe.Code != p.code) || p.code == 0 && tc.events.LastErr() != nil {
			t.Fatalf("error is %v, want code %d", tc.events.LastErr(), p.code)
		}
		tc.closeBoth()
	}
}

// deliveryRules are about messages that are delivered in pieces. The rules for whole
// messages apply to them too.
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
		add := func(name string, in []part, want, ctl []string, code ws.StatusCode) {
			rows = append(rows, inPieces{d.name + ": " + name, d.delivery, in, want, ctl, code, nil})
		}
		add("fragments with a ping between", fragments, []string{"text ab" + m + m + "cd" + m + "ef", "binary g"}, []string{ctl("ping", "p")}, 0)
		add("unfragmented message", []part{fr(fin|text, long)}, []string{"text " + long}, nil, 0)
		add("empty message", []part{fr(fin|text, "")}, []string{"text "}, nil, 0)
		add("empty fragments", []part{fr(text, ""), fr(fin|cont, "")}, []string{"text " + m}, nil, 0)
		add("rune split over fragments", rune3, []string{"text \xe2" + m + "\x82" + m + "\xac"}, nil, 0)
		add("two large frames", []part{fr(bin, pattern(70_000)), fr(fin|cont, pattern(70_000))}, []string{"binary " + pattern(70_000) + m + pattern(70_000)}, nil, 0)
		add("bad text in the second fragment", []part{fr(text, "ab"), fr(cont, "\xff")}, []string{"text ab" + m + "..."}, nil, ws.StatusInvalidFramePayloadData)
		add("text that ends inside a rune", []part{fr(text, "ab"), fr(fin|cont, "\xe2")}, []string{"text ab" + m + "..."}, nil, ws.StatusInvalidFramePayloadData)
		add("whole message in a fragmented one", []part{fr(text, "ab"), fr(fin|text, "")}, []string{"text ab" + m + "..."}, nil, ws.StatusProtocolError)
		add("fragments beyond the limit", []part{fr(bin, "ab"), sized(fin|cont, ws.DefaultMaxMessage-1)}, []string{"binary ab" + m + "..."}, nil, ws.StatusMessageTooBig)
	}
	return []rule{
		{"5.4", "A program that gets messages in pieces gets the same bytes, and the same violations are refused.", rows},
		{"7692 7.2.2", "The same is true for compressed messages that are delivered in pieces.", inflatedPieces()},
	}
}

// inflatedPieces are compressed messages that are delivered in pieces.
func inflatedPieces() (rows []tester) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	long := strings.Repeat(pattern(5000)+"€", 20)
	for _, d := range []struct {
		name     string
		delivery ws.Delivery
	}{{"frames", ws.Frames}, {"chunks", ws.Chunks}} {
		add := func(name string, code ws.StatusCode, in []part, ctl []string, want ...string) {
			rows = append(rows, inPieces{d.name + ": " + name, d.delivery, in, want, ctl, code, &ws.Deflate{MaxRatio: 500}})
		}
		add("compressed message", 0, []part{fr(fin|rsvText, hello)}, nil, "text Hello")
		add("compressed fragments with a ping between", 0, []part{fr(rsvText, hello[:3]), fr(fin|ping, "p"), fr(fin|cont, hello[3:])}, []string{ctl("ping", "p")}, "text Hello")
		add("compressed messages and others", 0, []part{fr(fin|rsvText, hello), fr(fin|bin, "a"), fr(fin|rsvText, "\xf2\x00\x11\x00\x00"), fr(fin|ping, "p"), fr(text, "b"), fr(fin|cont, "c")},
			[]string{ctl("ping", "p")}, "text Hello", "binary a", "text Hello", "text bc")
		add("large compressed message", 0, []part{fr(fin|rsvText, deflated(long)), fr(fin|text, "after")}, nil, "text "+long, "text after")
		add("empty compressed message", 0, []part{fr(fin|rsvText, "\x00")}, nil, "text ")
		add("compressed bad text", ws.StatusInvalidFramePayloadData, []part{fr(fin|rsvText, deflated(long+"\xff"))}, nil)
		add("compressed text that ends inside a rune", ws.StatusInvalidFramePayloadData, []part{fr(fin|rsvText, deflated(long+"\xe2"))}, nil)
		add("corrupt compressed message", ws.StatusInvalidFramePayloadData, []part{fr(fin|rsvText, "\x07")}, nil)
		add("compressed message that grows too much", ws.StatusMessageTooBig, []part{fr(fin|rsvBin, deflated(strings.Repeat("x", 200_000)))}, nil)
	}
	return rows
}
