package ws_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// deflating is a deed on a connection where compression was agreed to, and the
// frames that come of it: first byte, then what the message inflates to, or the
// payload of a frame that is not compressed. apart says that each message
// inflates by itself [RFC 7692 7.1.1].
type deflating struct {
	name    string
	ext     map[role]string // the agreement; without: the bare one
	deflate ws.Deflate
	apart   bool
	do      func(t *testing.T, e *end)
	frames  []string
}

func (d deflating) title() string { return d.name }
func (d deflating) sides() []role { return roles }

func (d deflating) run(t *testing.T, w *world, r role) {
	ext := d.ext[r]
	if ext == "" {
		ext = pmd
	}
	e := w.openWith(r, &ws.Options{Deflate: &d.deflate}, ext, func(*reactor.Conn, reactor.Event, any) {})
	d.do(t, e)
	await(t, w.m, "frames", func() bool { e.p.pump(); return count(e.p.in) >= len(d.frames) })
	spin(t, w.m)
	e.p.pump()
	in := new(inflater)
	for _, want := range d.frames {
		first, payload, rest := cutFrame(t, e.p.in, r == asClient)
		e.p.in = rest
		if first&rsv1 != 0 {
			if d.apart {
				in = new(inflater)
			}
			payload = in.message(t, payload)
		}
		if first != want[0] || payload != want[1:] {
			t.Errorf("got a frame of %02x, %s, want %02x, %s", first, brief(payload), want[0], brief(want[1:]))
		}
	}
	if len(e.p.in) > 0 {
		t.Errorf("% x more", e.p.in[:min(len(e.p.in), 40)])
	}
	e.drop()
}

// inflater inflates messages one after the other with package flate, as a peer
// with context takeover does.
type inflater struct{ stream, out []byte }

func (i *inflater) message(t *testing.T, p string) string {
	t.Helper()
	if strings.HasSuffix(p, "\x00\x00\xff\xff") {
		t.Errorf("the message's end is sent: % x", p[max(0, len(p)-10):])
	}
	i.stream = append(append(i.stream, p...), 0, 0, 0xff, 0xff)
	out, err := io.ReadAll(flate.NewReader(bytes.NewReader(i.stream)))
	if err != io.ErrUnexpectedEOF || len(out) < len(i.out) { // no block is the last one
		t.Fatalf("inflated to %d bytes: %v", len(out), err)
	}
	fresh := out[len(i.out):]
	i.out = out
	return string(fresh)
}

// cutFrame takes a frame off b.
func cutFrame(t *testing.T, b []byte, masked bool) (first byte, payload string, rest []byte) {
	t.Helper()
	if len(b) < 2 || b[1]&0x80 != 0 != masked {
		t.Fatalf("frame begins with % x", b[:min(len(b), 2)])
	}
	n, size := int(b[1]&0x7f), 2
	if n == 126 {
		n, size = int(b[2])<<8|int(b[3]), 4
	} else if n == 127 {
		n, size = int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
	}
	first, b = b[0], b[size:]
	if masked {
		key := b[:4]
		b = b[4:]
		for i := range n {
			b[i] ^= key[i%4]
		}
	}
	return first, string(b[:n]), b[n:]
}

func deflateSendingRules() []rule {
	const compressed = "\xc1" // a whole text message
	long := strings.Repeat("the same words ", 100)
	send := func(messages ...string) func(*testing.T, *end) {
		return func(t *testing.T, e *end) {
			for _, s := range messages {
				must(t, ws.Send(e.c, []byte(s), ws.OpText))
			}
		}
	}
	always := ws.Deflate{Threshold: -1}
	none := map[role]string{asServer: pmd + "; server_no_context_takeover", asClient: pmd + "; client_no_context_takeover"}
	both := pmd + "; server_no_context_takeover; client_no_context_takeover"
	neither := map[role]string{asServer: both, asClient: both}
	return []rule{
		{"7692 7.2.1", "A message that is sent compressed has RSV1, inflates to what it was, and lacks the end that all have.", []tester{
			deflating{name: "compressed message sent", deflate: always, do: send(long), frames: []string{compressed + long}},
			deflating{name: "compressed messages sent one after the other", deflate: always, do: send(long, "short", long, ""), frames: []string{compressed + long, compressed + "short", compressed + long, compressed}},
			deflating{name: "large compressed message sent", deflate: always, do: send(pattern(200_000)), frames: []string{compressed + pattern(200_000)}},
			deflating{name: "message wrapped as it is between compressed ones", deflate: always, frames: []string{compressed + long, "\x81" + long, compressed + long}, do: func(t *testing.T, e *end) {
				send(long)(t, e)
				e.c.Send.AppendString(long)
				ws.Wrap(e.c, len(long), ws.OpText)
				send(long)(t, e)
			}},
			deflating{name: "compressed message prepared", deflate: always, frames: []string{compressed + "before " + long, compressed + long, compressed + "after " + long, compressed + long},
				do: func(t *testing.T, e *end) {
					p, err := ws.Prepare([]byte(long), ws.OpText)
					must(t, err)
					send("before "+long)(t, e)
					must(t, p.Send(e.c))
					send("after "+long)(t, e)
					must(t, p.Send(e.c))
				}},
			deflating{name: "short message below the threshold", deflate: ws.Deflate{Threshold: 100}, do: send("short", long), frames: []string{"\x81short", compressed + long}},
		}},
		{"7692 6", "Control frames are sent as they are.", []tester{
			deflating{name: "ping and pong beside compressed messages", deflate: always, frames: []string{"\x89" + long[:100], compressed + long, "\x8a" + long[:100]}, do: func(t *testing.T, e *end) {
				must(t, ws.Send(e.c, []byte(long[:100]), ws.OpPing))
				send(long)(t, e)
				must(t, ws.Send(e.c, []byte(long[:100]), ws.OpPong))
			}},
		}},
		{"7692 7.1.1", "Who has agreed not to take context over sends messages that inflate by themselves.", []tester{
			deflating{name: "messages without context", ext: none, deflate: always, apart: true, do: send(long, long, long[:200]), frames: []string{compressed + long, compressed + long, compressed + long[:200]}},
			deflating{name: "messages of a side that takes none over", ext: none, deflate: ws.Deflate{Threshold: -1, NoContextTakeover: true}, apart: true, do: send(long, long), frames: []string{compressed + long, compressed + long}},
			deflating{name: "messages of connections beyond the budget", ext: neither, deflate: ws.Deflate{Threshold: -1, Budget: -1}, apart: true, do: send(long, long), frames: []string{compressed + long, compressed + long}},
		}},
		{"7692 6.1", "Of a compressed message in fragments only the first frame has RSV1.", []tester{
			deed{"compressed message written in frames", "", func(t *testing.T, w *world, r role) {
				e := w.openWith(r, &ws.Options{Deflate: &always}, pmd, func(*reactor.Conn, reactor.Event, any) {})
				p := random(3000)
				fw := begin(t, e, ws.OpBinary, 1000)
				write(t, fw, p[:1500], p[1500:])
				must(t, fw.Close())
				await(t, e.m, "frames", func() bool { e.p.pump(); return count(e.p.in) >= 3 })
				spin(t, e.m)
				e.p.pump()
				whole, n := "", 0
				for ; len(e.p.in) > 0; n++ {
					first, payload, rest := cutFrame(t, e.p.in, r == asClient)
					e.p.in, whole = rest, whole+payload
					want := byte(0)
					if n == 0 {
						want = rsvBin
					}
					if len(rest) == 0 {
						want |= fin
					}
					if first != want {
						t.Errorf("frame %d begins with %02x, want %02x", n, first, want)
					}
				}
				if new(inflater).message(t, whole) != p {
					t.Errorf("%d frames inflate to something else", n)
				}
				e.drop()
			}},
		}},
		{"7692 5", "Without an agreement nothing is sent compressed.", []tester{
			deed{"no compression without agreement", "", func(t *testing.T, w *world, r role) {
				e := w.openWith(r, &ws.Options{Deflate: &always}, "", func(*reactor.Conn, reactor.Event, any) {})
				must(t, ws.Send(e.c, []byte(long), ws.OpText))
				e.gets("Send", []string{"text " + brief(long)})
				e.drop()
			}},
			deed{"RSV1 without agreement", "", func(t *testing.T, w *world, r role) {
				row{name: "RSV1 though compression was only offered", in: []part{fr(fin|rsvText, "\x00")}, at: 1, code: ws.CloseProtocolError,
					opts: &ws.Options{Deflate: &always}, ext: " "}.run(t, w, r)
			}},
		}},
	}
}
