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
				must(w, o.Upgrade(c, data.(*http.Message), ""))
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
	c, err := o.Connect(w.m, fmt.Sprintf("ws://127.0.0.1:%d/", w.port), e.rec.handle, nil, headers)
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
		e := w.openWith(r, &ws.Options{Delivery: p.delivery}, "", func(c *reactor.Conn, ev reactor.Event, data any) {
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
			if open = !m.Fin; open && p.delivery == ws.Frames {
				*last += "|"
			}
		})
		e.feed(pieces...)
		must(t, err)
		if open {
			got[len(got)-1] += "..."
		}
		wantLines(t, "pieces", got, p.want)
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
			rows = append(rows, inPieces{d.name + ": " + name, d.delivery, in, want, ctl, code})
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
	return []rule{{"5.4", "Frames mean nothing: a program that takes a message in pieces gets the same bytes and the same verdicts.", rows}}
}

// fragmentedSendingRules are about the frames of a Writer.
func fragmentedSendingRules() []rule {
	const firstText, more, last = "\x01", "\x00", "\x80"
	return []rule{
		{"5.4", "The first fragment has the type, the others are continuations, the last one and no other is final.", []tester{
			sent("message in frames of 4", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 4)
				write(t, fw, "0123456789")
				must(t, fw.Close())
			}, firstText+"0123", more+"4567", last+"89"),
			sent("message in one frame", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpBinary, 100)
				write(t, fw, "ab", "cd")
				must(t, fw.Close())
			}, "\x82abcd"),
			sent("empty message", func(t *testing.T, e *end) { must(t, begin(t, e, ws.OpText, 4).Close()) }, "\x81"),
			sent("message flushed", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpBinary, 100)
				write(t, fw, "ab")
				must(t, fw.Flush())
				must(t, fw.Flush())
				write(t, fw, "cd")
				must(t, fw.Close())
			}, "\x02ab", last+"cd"),
			sent("ping between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				must(t, ws.Send(e.c, []byte("p"), ws.OpPing))
				must(t, fw.Close())
			}, firstText+"ab", "\x89p", last+"c"),
			sent("pong between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				e.feed(e.frame(fin|ping, "q"))
				must(t, fw.Close())
			}, firstText+"ab", "\x8aq", last+"c"),
			sent("rune split by frames of a byte", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 1)
				write(t, fw, "€")
				must(t, fw.Close())
			}, firstText+"\xe2", more+"\x82", last+"\xac"),
		}},
		{"5.4", "No other message is sent between the fragments of one.", []tester{
			sent("message between our fragments", func(t *testing.T, e *end) {
				fw := begin(t, e, ws.OpText, 2)
				write(t, fw, "abc")
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary} {
					if err := ws.Send(e.c, []byte("x"), op); !errors.Is(err, ws.ErrMessageOpen) {
						t.Errorf("Send of %v: %v", op, err)
					}
				}
				if _, err := ws.NewWriter(e.c, ws.OpText, 1); !errors.Is(err, ws.ErrMessageOpen) {
					t.Errorf("NewWriter: %v", err)
				}
				must(t, fw.Close())
				must(t, ws.Send(e.c, []byte("x"), ws.OpText))
			}, firstText+"ab", last+"c", "\x81x"),
		}},
	}
}

func begin(t *testing.T, e *end, op ws.OpCode, size int) *ws.Writer {
	t.Helper()
	fw, err := ws.NewWriter(e.c, op, size)
	if err != nil {
		t.Fatal(err)
	}
	return fw
}

func write(t *testing.T, fw *ws.Writer, pieces ...string) {
	t.Helper()
	for _, s := range pieces {
		if n, err := fw.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write of %d bytes: %d, %v", len(s), n, err)
		}
	}
}

// sent is a deed and the frames that come of it: first byte and payload.
func sent(name string, do func(t *testing.T, e *end), frames ...string) deed {
	return opened(name+" written", "", func(t *testing.T, e *end) {
		do(t, e)
		await(t, e.m, "frames", func() bool { e.p.pump(); return count(e.p.in) >= len(frames) })
		spin(t, e.m)
		e.p.pump()
		want := ""
		for _, f := range frames {
			want += build(f[0], false, -1, f[1:])
		}
		if got := unmasked(e.p.in); got != want {
			t.Errorf("sent % x, want % x", got, want)
		}
	})
}

// unmasked takes the masks off short frames.
func unmasked(b []byte) (s string) {
	for len(b) >= 2 {
		n := int(b[1] & 0x7f)
		head, payload := b[:2], b[2:]
		if b[1]&0x80 != 0 {
			key := payload[:4]
			payload = payload[4:]
			for i := range n {
				payload[i] ^= key[i%4]
			}
		}
		s += string([]byte{head[0], byte(n)}) + string(payload[:n])
		b = payload[n:]
	}
	return s
}
