package ws_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// sendingRules are about the frames that we send. decode reads them. It demands that each
// is final, is masked as the role demands, has no reserved bits, and has the shortest form
// of the length.
func sendingRules() []rule {
	return []rule{
		{"5.1", "A client masks each frame. A server masks none.", []tester{
			opened("frames of all kinds sent", "", func(t *testing.T, tc *testConn) {
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong} {
					must(t, ws.Send(tc.conn, []byte("abc"), op))
				}
				must(t, ws.Close(tc.conn, 1000, "bye"))
				tc.gets("Send", []string{`text "abc"`, `binary "abc"`, `ping "abc"`, `pong "abc"`, `close 1000 "bye"`})
			}),
			opened("frames of all kinds wrapped", "", func(t *testing.T, tc *testConn) {
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong} {
					tc.conn.Send.AppendString("abc")
					ws.Wrap(tc.conn, 3, op)
				}
				tc.gets("Wrap", []string{`text "abc"`, `binary "abc"`, `ping "abc"`, `pong "abc"`})
			}),
			opened("empty frames sent", "", func(t *testing.T, tc *testConn) {
				must(t, ws.Send(tc.conn, nil, ws.OpText))
				must(t, ws.Send(tc.conn, nil, ws.OpPing))
				must(t, ws.Send(tc.conn, nil, ws.OpClose))
				tc.gets("Send", []string{`text ""`, `ping ""`, `close ""`})
			}),
		}},
		{"5.2", "The payload length of a sent frame has its shortest form.", []tester{
			opened("lengths around each limit sent", "", func(t *testing.T, tc *testConn) {
				for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537} {
					p := pattern(n)
					must(t, ws.Send(tc.conn, []byte(p), ws.OpBinary))
					tc.gets("Send", []string{"binary " + brief(p)})
				}
			}),
		}},
		{"5.3", "A client uses a new unpredictable masking key for each frame.", []tester{
			opened("keys of 64 frames", asClient, func(t *testing.T, tc *testConn) {
				const n = 64
				for range n {
					must(t, ws.Send(tc.conn, []byte("same"), ws.OpText))
				}
				await(t, tc.manager, "frames", func() bool { tc.peer.Receive(); return count(tc.peer.In) == n })
				keys := map[string]bool{}
				for f := range slices.Chunk(tc.peer.In, 2+4+len("same")) {
					keys[string(f[2:6])] = true
				}
				if len(keys) < n-4 { // a few may be equal by chance
					t.Errorf("%d different keys for %d frames", len(keys), n)
				}
			}),
			opened("keys of a prepared message sent 16 times", asClient, func(t *testing.T, tc *testConn) {
				p, err := ws.Prepare([]byte("same"), ws.OpText)
				must(t, err)
				const n = 16
				for range n {
					must(t, p.Send(tc.conn))
				}
				await(t, tc.manager, "frames", func() bool { tc.peer.Receive(); return count(tc.peer.In) == n })
				keys := map[string]bool{}
				for f := range slices.Chunk(tc.peer.In, 2+4+len("same")) {
					keys[string(f[2:6])] = true
				}
				if len(keys) < n-4 { // a few may be equal by chance
					t.Errorf("%d different keys for %d frames", len(keys), n)
				}
			}),
		}},
		{"5.5", "A control frame of more than 125 bytes is not sent.", []tester{
			opened("control frames that are too long to send", "", func(t *testing.T, tc *testConn) {
				for _, op := range []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose} {
					if err := ws.Send(tc.conn, []byte(closePayload(1000, pattern(124))), op); !errors.Is(err, ws.ErrControlTooLong) {
						t.Errorf("Send of opcode %v: %v", op, err)
					}
				}
				must(t, ws.Send(tc.conn, []byte(pattern(125)), ws.OpPing))
				tc.gets("Send", []string{"ping " + brief(pattern(125))})
			}),
		}},
		{"5.5.1", "Nothing is sent after a Close frame.", []tester{
			opened("frames after our Close frame", "", func(t *testing.T, tc *testConn) {
				must(t, ws.Close(tc.conn, 1000, "bye"))
				for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpClose} {
					if err := ws.Send(tc.conn, nil, op); !errors.Is(err, ws.ErrCloseSent) {
						t.Errorf("Send of opcode %v: %v", op, err)
					}
				}
				tc.gets("Close", []string{`close 1000 "bye"`})
			}),
		}},
		{"5.6", "A text that is not UTF-8 is not sent.", badTextSent()},
		{"5.8", "Reserved opcodes and bits are not sent.", []tester{
			opened("opcodes that cannot be sent", "", func(t *testing.T, tc *testConn) {
				for op := range 256 {
					switch op := ws.OpCode(op); op {
					case ws.OpText, ws.OpBinary, ws.OpPing, ws.OpPong, ws.OpClose:
					default:
						if err := ws.Send(tc.conn, nil, op); !errors.Is(err, ws.ErrOpCode) {
							t.Errorf("Send of opcode %v: %v", op, err)
						}
					}
				}
				tc.gets("Send", nil)
			}),
		}},
		{"6.1", "No frame is sent before the handshake is complete.", []tester{
			action{"frames before the response", asClient, func(t *testing.T, env *testEnv, _ role) {
				tc := env.connect("", nil)
				tc.readHead()
				for _, op := range []ws.OpCode{ws.OpText, ws.OpPing, ws.OpClose} {
					if err := ws.Send(tc.conn, nil, op); !errors.Is(err, ws.ErrNotOpen) {
						t.Errorf("Send of opcode %v: %v", op, err)
					}
				}
				spin(t, env.manager)
				if tc.peer.Receive(); len(tc.peer.In) > 0 {
					t.Errorf("sent % x before the response, want nothing", tc.peer.In)
				}
				tc.closeBoth()
			}},
		}},
		{"7.4.1", "Codes that must not appear in a Close frame are not sent.", []tester{
			opened("codes that cannot be sent", "", func(t *testing.T, tc *testConn) {
				for _, code := range []ws.StatusCode{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
					var pe *ws.ProtocolError
					if err := ws.Close(tc.conn, code, ""); !errors.As(err, &pe) {
						t.Errorf("Close with code %d: %v", code, err)
					}
				}
				must(t, ws.Close(tc.conn, 4999, ""))
				tc.gets("Close", []string{`close 4999 ""`})
			}),
		}},
	}
}

// badTextSent are calls with texts that are not UTF-8.
func badTextSent() []tester {
	check := func(t *testing.T, what string, err error) {
		var pe *ws.ProtocolError
		if !errors.As(err, &pe) || pe.Code != ws.StatusInvalidFramePayloadData {
			t.Errorf("%s: %v, want code 1007", what, err)
		}
	}
	return []tester{
		opened("bad text sent", "", func(t *testing.T, tc *testConn) {
			for _, x := range badText {
				check(t, x.name, ws.Send(tc.conn, []byte(x.text), ws.OpText))
			}
			must(t, ws.Send(tc.conn, []byte("\xff"), ws.OpBinary))
			must(t, ws.Send(tc.conn, []byte("€"), ws.OpText))
			tc.gets("Send", []string{`binary "\xff"`, `text "€"`})
		}),
		opened("bad text printed", "", func(t *testing.T, tc *testConn) {
			check(t, "Printf", ws.Printf(tc.conn, ws.OpText, "a%cb%s", 'x', "\xff"))
			tc.gets("Printf", nil)
		}),
		opened("bad text wrapped", "", func(t *testing.T, tc *testConn) {
			tc.conn.Send.AppendString("a\xff")
			ws.Wrap(tc.conn, 2, ws.OpText)
			if check(t, "Wrap", tc.events.LastErr()); tc.events.LastErr() == nil {
				return
			}
			await(t, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
		}),
		opened("reason that is not UTF-8", "", func(t *testing.T, tc *testConn) {
			check(t, "Close", ws.Close(tc.conn, 1000, "\xff"))
			tc.gets("Close", nil)
		}),
	}
}
