package ws_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// sendingRules are about the frames that we send. decode, which reads them,
// wants each to be final and masked as its role demands, without reserved bits
// and with the shortest length.
func sendingRules() []rule {
	return []rule{
		{"5.1", "A client masks each frame, a server none.", []tester{
			opened("frames of all kinds sent", "", func(t *testing.T, e *end) {
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong} {
					must(t, ws.Send(e.c, []byte("abc"), op))
				}
				must(t, ws.Close(e.c, 1000, "bye"))
				e.gets("Send", []string{`text "abc"`, `binary "abc"`, `ping "abc"`, `pong "abc"`, `close 1000 "bye"`})
			}),
			opened("frames of all kinds wrapped", "", func(t *testing.T, e *end) {
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong} {
					e.c.Send.AppendString("abc")
					ws.Wrap(e.c, 3, op)
				}
				e.gets("Wrap", []string{`text "abc"`, `binary "abc"`, `ping "abc"`, `pong "abc"`})
			}),
			opened("empty frames sent", "", func(t *testing.T, e *end) {
				must(t, ws.Send(e.c, nil, ws.OpText))
				must(t, ws.Send(e.c, nil, ws.OpPing))
				must(t, ws.Send(e.c, nil, ws.OpClose))
				e.gets("Send", []string{`text ""`, `ping ""`, `close ""`})
			}),
		}},
		{"5.2", "A frame that is sent has the shortest form of its length.", []tester{
			opened("lengths at the borders sent", "", func(t *testing.T, e *end) {
				for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537} {
					p := pattern(n)
					must(t, ws.Send(e.c, []byte(p), ws.OpBinary))
					e.gets("Send", []string{"binary " + brief(p)})
				}
			}),
		}},
		{"5.3", "A client's masking key is a new one for each frame, and cannot be foretold.", []tester{
			opened("keys of 64 frames", asClient, func(t *testing.T, e *end) {
				const n = 64
				for range n {
					must(t, ws.Send(e.c, []byte("same"), ws.OpText))
				}
				await(t, e.m, "frames", func() bool { e.p.pump(); return count(e.p.in) == n })
				keys := map[string]bool{}
				for f := range bytes.SplitSeq(bytes.TrimPrefix(e.p.in, []byte("\x81\x84")), []byte("\x81\x84")) {
					if len(f) == 8 { // a key may contain what splits
						keys[string(f[:4])] = true
					}
				}
				if len(keys) < n-2 {
					t.Errorf("%d keys for %d frames", len(keys), n)
				}
			}),
			opened("keys of a prepared message sent twice", asClient, func(t *testing.T, e *end) {
				p, err := ws.Prepare([]byte("same"), ws.OpText)
				must(t, err)
				must(t, p.Send(e.c))
				must(t, p.Send(e.c))
				await(t, e.m, "frames", func() bool { e.p.pump(); return len(e.p.in) == 2*10 })
				if first, second := e.p.in[2:6], e.p.in[12:16]; bytes.Equal(first, second) {
					t.Errorf("both frames have the key % x", first)
				}
			}),
		}},
		{"5.5", "A control frame of more than 125 bytes is not sent.", []tester{
			opened("control frames too long to send", "", func(t *testing.T, e *end) {
				for _, op := range []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose} {
					if err := ws.Send(e.c, []byte(closing(1000, pattern(124))), op); !errors.Is(err, ws.ErrControlTooLong) {
						t.Errorf("%v: %v", op, err)
					}
				}
				must(t, ws.Send(e.c, []byte(pattern(125)), ws.OpPing))
				e.gets("Send", []string{"ping " + brief(pattern(125))})
			}),
		}},
		{"5.5.1", "Nothing is sent after a Close frame.", []tester{
			opened("frames after our Close frame", "", func(t *testing.T, e *end) {
				must(t, ws.Close(e.c, 1000, "bye"))
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpClose} {
					if err := ws.Send(e.c, nil, op); !errors.Is(err, ws.ErrCloseSent) {
						t.Errorf("%v: %v", op, err)
					}
				}
				e.gets("Close", []string{`close 1000 "bye"`})
			}),
		}},
		{"5.6", "Text that is not UTF-8 is not sent.", badTextSent()},
		{"5.8", "Reserved opcodes and bits are not sent.", []tester{
			opened("opcodes that cannot be sent", "", func(t *testing.T, e *end) {
				for op := range 256 {
					switch op := ws.OpCode(op); op {
					case ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong, ws.OpClose:
					default:
						if err := ws.Send(e.c, nil, op); !errors.Is(err, ws.ErrOpCode) {
							t.Errorf("%v: %v", op, err)
						}
					}
				}
				e.gets("Send", nil)
			}),
		}},
		{"6.1", "Nothing is sent before the connection is open.", []tester{
			deed{"frames before the answer", asClient, func(t *testing.T, w *world, _ role) {
				e := w.connect("", nil)
				e.head()
				for _, op := range []ws.OpCode{ws.OpText, ws.OpPing, ws.OpClose} {
					if err := ws.Send(e.c, nil, op); !errors.Is(err, ws.ErrNotOpen) {
						t.Errorf("%v: %v", op, err)
					}
				}
				spin(t, w.m)
				if e.p.pump(); len(e.p.in) > 0 {
					t.Errorf("sent % x", e.p.in)
				}
				e.drop()
			}},
		}},
		{"7.4.1", "Codes that no Close frame may carry are not sent.", []tester{
			opened("codes that cannot be sent", "", func(t *testing.T, e *end) {
				for _, code := range []ws.CloseCode{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
					var pe *ws.ProtocolError
					if err := ws.Close(e.c, code, ""); !errors.As(err, &pe) {
						t.Errorf("%d: %v", code, err)
					}
				}
				must(t, ws.Close(e.c, 4999, ""))
				e.gets("Close", []string{`close 4999 ""`})
			}),
		}},
	}
}

func badTextSent() []tester {
	check := func(t *testing.T, what string, err error) {
		var pe *ws.ProtocolError
		if !errors.As(err, &pe) || pe.Code != ws.CloseInvalidData {
			t.Errorf("%s: %v, want code 1007", what, err)
		}
	}
	return []tester{
		opened("bad text sent", "", func(t *testing.T, e *end) {
			for _, x := range badText {
				check(t, x.name, ws.Send(e.c, []byte(x.text), ws.OpText))
			}
			must(t, ws.Send(e.c, []byte("\xff"), ws.OpBinary))
			must(t, ws.Send(e.c, []byte("€"), ws.OpText))
			e.gets("Send", []string{`binary "\xff"`, `text "€"`})
		}),
		opened("bad text printed", "", func(t *testing.T, e *end) {
			check(t, "Printf", ws.Printf(e.c, ws.OpText, "a%cb%s", 'x', "\xff"))
			e.gets("Printf", nil)
		}),
		opened("bad text wrapped", "", func(t *testing.T, e *end) {
			e.c.Send.AppendString("a\xff")
			ws.Wrap(e.c, 2, ws.OpText)
			if check(t, "Wrap", e.rec.err); e.rec.err == nil {
				return
			}
			await(t, e.m, "CLOSE", func() bool { return e.rec.closed })
		}),
		opened("reason that is not UTF-8", "", func(t *testing.T, e *end) {
			check(t, "Close", ws.Close(e.c, 1000, "\xff"))
			e.gets("Close", nil)
		}),
	}
}
