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

// deflating is an action on a connection that agreed to compress, and the frames that it
// must send. A frame is its first byte and its payload, which is inflated if RSV1 is set.
type deflating struct {
	name    string
	ext     map[role]string // the agreed extension; default: without parameters
	deflate ws.Deflate
	apart   bool // each message must inflate without the previous ones [RFC 7692 7.1.1]
	do      func(t *testing.T, tc *testConn)
	frames  []string
}

func (d deflating) title() string { return d.name }
func (d deflating) sides() []role { return roles }

func (d deflating) run(t *testing.T, env *testEnv, r role) {
	ext := d.ext[r]
	if ext == "" {
		ext = pmd
	}
	tc := env.openWith(r, &ws.Options{Deflate: &d.deflate}, ext, func(*reactor.Conn, reactor.Event, any) {})
	d.do(t, tc)
	await(t, env.manager, "frames", func() bool { tc.peer.Receive(); return count(tc.peer.In) >= len(d.frames) })
	spin(t, env.manager)
	tc.peer.Receive()
	in := new(inflater)
	for _, want := range d.frames {
		first, payload, rest := cutFrame(t, tc.peer.In, r == asClient)
		tc.peer.In = rest
		if first&rsv1 != 0 {
			if d.apart {
				in = new(inflater)
			}
			payload = in.message(t, payload)
		}
		if first != want[0] || payload != want[1:] {
			t.Errorf("got a frame with the first byte %02x and %s, want %02x and %s", first, brief(payload), want[0], brief(want[1:]))
		}
	}
	if len(tc.peer.In) > 0 {
		t.Errorf("unexpected bytes after the frames: % x", tc.peer.In[:min(len(tc.peer.In), 40)])
	}
	tc.closeBoth()
}

// inflater inflates messages with compress/flate, as a peer with context takeover does.
type inflater struct{ stream, out []byte }

// message inflates the next message.
func (i *inflater) message(t *testing.T, p string) string {
	t.Helper()
	if strings.HasSuffix(p, "\x00\x00\xff\xff") {
		t.Errorf("the message ends with 00 00 ff ff: % x", p[max(0, len(p)-10):])
	}
	i.stream = append(append(i.stream, p...), 0, 0, 0xff, 0xff)
	out, err := io.ReadAll(flate.NewReader(bytes.NewReader(i.stream)))
	if err != io.ErrUnexpectedEOF || len(out) < len(i.out) { // no block is final
		t.Fatalf("the stream inflates to %d bytes: %v", len(out), err)
	}
	fresh := out[len(i.out):]
	i.out = out
	return string(fresh)
}

// cutFrame splits b after its first frame.
func cutFrame(t *testing.T, b []byte, masked bool) (first byte, payload string, rest []byte) {
	t.Helper()
	if len(b) < 2 || b[1]&0x80 != 0 != masked {
		t.Fatalf("a frame begins with % x, want it masked: %v", b[:min(len(b), 2)], masked)
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

// deflateSendingRules are about compressed messages that we send.
func deflateSendingRules() []rule {
	const compressed = "\xc1" // FIN, RSV1 and text
	long := strings.Repeat("the same words ", 100)
	send := func(messages ...string) func(*testing.T, *testConn) {
		return func(t *testing.T, tc *testConn) {
			for _, s := range messages {
				must(t, ws.Send(tc.conn, []byte(s), ws.OpText))
			}
		}
	}
	always := ws.Deflate{Threshold: -1}
	none := map[role]string{asServer: pmd + "; server_no_context_takeover", asClient: pmd + "; client_no_context_takeover"}
	both := pmd + "; server_no_context_takeover; client_no_context_takeover"
	neither := map[role]string{asServer: both, asClient: both}
	return []rule{
		{"7692 7.2.1", "A compressed message has RSV1, inflates to the original, and does not end with 00 00 ff ff.", []tester{
			deflating{name: "compressed message sent", deflate: always, do: send(long), frames: []string{compressed + long}},
			deflating{name: "several compressed messages sent", deflate: always, do: send(long, "short", long, ""), frames: []string{compressed + long, compressed + "short", compressed + long, compressed}},
			deflating{name: "large compressed message sent", deflate: always, do: send(pattern(200_000)), frames: []string{compressed + pattern(200_000)}},
			deflating{name: "wrapped message between compressed ones", deflate: always, frames: []string{compressed + long, "\x81" + long, compressed + long}, do: func(t *testing.T, tc *testConn) {
				send(long)(t, tc)
				tc.conn.Send.AppendString(long)
				ws.Wrap(tc.conn, len(long), ws.OpText)
				send(long)(t, tc)
			}},
			deflating{name: "prepared message between compressed ones", deflate: always, frames: []string{compressed + "before " + long, compressed + long, compressed + "after " + long, compressed + long},
				do: func(t *testing.T, tc *testConn) {
					p, err := ws.Prepare([]byte(long), ws.OpText)
					must(t, err)
					send("before "+long)(t, tc)
					must(t, p.Send(tc.conn))
					send("after "+long)(t, tc)
					must(t, p.Send(tc.conn))
				}},
			deflating{name: "short message below the threshold", deflate: ws.Deflate{Threshold: 100}, do: send("short", long), frames: []string{"\x81short", compressed + long}},
		}},
		{"7692 6", "Control frames are never compressed.", []tester{
			deflating{name: "ping and pong beside compressed messages", deflate: always, frames: []string{"\x89" + long[:100], compressed + long, "\x8a" + long[:100]}, do: func(t *testing.T, tc *testConn) {
				must(t, ws.Send(tc.conn, []byte(long[:100]), ws.OpPing))
				send(long)(t, tc)
				must(t, ws.Send(tc.conn, []byte(long[:100]), ws.OpPong))
			}},
		}},
		{"7692 7.1.1", "A side that agreed to no context takeover sends messages that inflate without earlier ones.", []tester{
			deflating{name: "messages without context takeover", ext: none, deflate: always, apart: true, do: send(long, long, long[:200]), frames: []string{compressed + long, compressed + long, compressed + long[:200]}},
			deflating{name: "messages with the option NoContextTakeover", ext: none, deflate: ws.Deflate{Threshold: -1, NoContextTakeover: true}, apart: true, do: send(long, long), frames: []string{compressed + long, compressed + long}},
			deflating{name: "messages of a connection beyond the budget", ext: neither, deflate: ws.Deflate{Threshold: -1, Budget: -1}, apart: true, do: send(long, long), frames: []string{compressed + long, compressed + long}},
		}},
		{"7692 6.1", "In a fragmented compressed message only the first frame has RSV1.", []tester{
			action{"compressed message written in frames", "", func(t *testing.T, env *testEnv, r role) {
				tc := env.openWith(r, &ws.Options{Deflate: &always}, pmd, func(*reactor.Conn, reactor.Event, any) {})
				p := random(3000)
				fw := begin(t, tc, ws.OpBinary, 1000)
				write(t, fw, p[:1500], p[1500:])
				must(t, fw.Close())
				await(t, tc.manager, "frames", func() bool { tc.peer.Receive(); return count(tc.peer.In) >= 3 })
				spin(t, tc.manager)
				tc.peer.Receive()
				whole, n := "", 0
				for ; len(tc.peer.In) > 0; n++ {
					first, payload, rest := cutFrame(t, tc.peer.In, r == asClient)
					tc.peer.In, whole = rest, whole+payload
					want := byte(0)
					if n == 0 {
						want = rsvBin
					}
					if len(rest) == 0 {
						want |= fin
					}
					if first != want {
						t.Errorf("frame %d has the first byte %02x, want %02x", n, first, want)
					}
				}
				if new(inflater).message(t, whole) != p {
					t.Errorf("the %d frames do not inflate to the message", n)
				}
				tc.closeBoth()
			}},
		}},
		{"7692 5", "Without an agreed extension no message is compressed.", []tester{
			action{"no compression without an agreed extension", "", func(t *testing.T, env *testEnv, r role) {
				tc := env.openWith(r, &ws.Options{Deflate: &always}, "", func(*reactor.Conn, reactor.Event, any) {})
				must(t, ws.Send(tc.conn, []byte(long), ws.OpText))
				tc.gets("Send", []string{"text " + brief(long)})
				tc.closeBoth()
			}},
			action{"RSV1 without an agreed extension", "", func(t *testing.T, env *testEnv, r role) {
				row{name: "RSV1 although compression was only offered", in: []part{fr(fin|rsvText, "\x00")}, at: 1, code: ws.StatusProtocolError,
					opts: &ws.Options{Deflate: &always}, ext: " "}.run(t, env, r)
			}},
		}},
	}
}
