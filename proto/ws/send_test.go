package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

func TestSendAndPrintf(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		full := strings.Repeat("f", 125)
		must(t, ws.CheckSend(tc.conn))
		must(t, ws.Send(tc.conn, []byte("a"), ws.OpText))
		must(t, ws.Send(tc.conn, nil, ws.OpBinary))
		must(t, ws.Printf(tc.conn, ws.OpText, "%d-%s", 7, "x"))
		must(t, ws.Printf(tc.conn, ws.OpBinary, ""))
		must(t, ws.Send(tc.conn, []byte(full), ws.OpPing))
		must(t, ws.Printf(tc.conn, ws.OpPong, "%s", full))
		must(t, ws.Send(tc.conn, []byte(full+"f"), ws.OpText))
		tc.wantSent(`text "a"`, `binary ""`, `text "7-x"`, `binary ""`, "ping "+brief(full), "pong "+brief(full), "text "+brief(full+"f"))
		tc.events.WantLines(t)
	})
}

func TestPrintfClose(t *testing.T) {
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		must(t, ws.Printf(tc.conn, ws.OpClose, "%sbye", closePayload(4000, "")))
		tc.wantSent(`close 4000 "bye"`)
		tc.events.WantLines(t)
		tc.peerSends(tc.frame(fin|opClose, closePayload(4000, "")))
		tc.awaitEnd()
		tc.events.WantLines(t, `CTL close 4000 ""`, "CLOSE")
	})
}

// TestControlTooLong: a control frame that is too long is an error and sends nothing. The
// connection stays open [RFC 6455 5.5].
func TestControlTooLong(t *testing.T) {
	long := strings.Repeat("x", 126)
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, nil)
		for _, op := range []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose} {
			if err := ws.Send(tc.conn, []byte(long), op); !errors.Is(err, ws.ErrControlTooLong) {
				t.Errorf("Send of %v: %v", op, err)
			}
			if err := ws.Printf(tc.conn, op, "%s", long); !errors.Is(err, ws.ErrControlTooLong) {
				t.Errorf("Printf of %v: %v", op, err)
			}
			if n := tc.conn.Send.Len(); n != 0 {
				t.Errorf("%v left %d bytes in Send", op, n)
			}
		}
		must(t, ws.Send(tc.conn, []byte("still open"), ws.OpText))
		tc.wantSent(`text "still open"`)
		tc.events.WantLines(t)
	})
}

// TestMaskingKeysDiffer: a client uses a new key for each frame [RFC 6455 5.3].
func TestMaskingKeysDiffer(t *testing.T) {
	env := newEnv(t)
	tc := env.open(asClient, nil)
	seen := map[string]bool{}
	for range 8 {
		must(t, ws.Send(tc.conn, []byte("x"), ws.OpText))
		spin(t, env.manager)
		tc.peer.Receive()
		seen[string(tc.peer.In[2:6])] = true
		tc.peer.In = nil
	}
	if len(seen) < 7 {
		t.Errorf("%d keys for 8 frames", len(seen))
	}
}

// unsendable is a frame that cannot be sent.
type unsendable struct {
	name    string
	op      ws.OpCode
	payload []byte
	is      error // nil: a *ws.ProtocolError
}

func (r *unsendable) check(t *testing.T, err error) {
	t.Helper()
	var bad *ws.ProtocolError
	if r.is != nil && !errors.Is(err, r.is) || r.is == nil && !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
}

var unsendables = []unsendable{
	{"continuation", 0, []byte("x"), ws.ErrOpCode},
	{"empty continuation", 0, nil, ws.ErrOpCode},
	{"reserved data frame 3", 3, []byte("x"), ws.ErrOpCode},
	{"reserved data frame 7", 7, []byte("x"), ws.ErrOpCode},
	{"reserved control frame 11", 11, nil, ws.ErrOpCode},
	{"reserved control frame 15", 15, nil, ws.ErrOpCode},
	{"RSV1", 0x12, []byte("x"), ws.ErrOpCode},
	{"RSV1 and reserved", 0x13, []byte("x"), ws.ErrOpCode},
	{"FIN", 0x82, []byte("x"), ws.ErrOpCode},
	{"Close with one byte", ws.OpClose, []byte{3}, nil},
	{"Close 1005", ws.OpClose, []byte(closePayload(1005, "")), nil},
	{"Close 1006", ws.OpClose, []byte(closePayload(1006, "why")), nil},
	{"Close 999", ws.OpClose, []byte(closePayload(999, "")), nil},
	{"Close with bad UTF-8", ws.OpClose, []byte(closePayload(1000, "\xff")), nil},
}

// TestSendRefused: a frame that is no message and no control frame, or that a peer would refuse,
// is an error. Nothing is sent, and the connection stays open.
func TestSendRefused(t *testing.T) {
	for _, row := range unsendables {
		t.Run(row.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, nil)
				row.check(t, ws.Send(tc.conn, row.payload, row.op))
				if n := tc.conn.Send.Len(); n > 0 {
					t.Errorf("%d bytes were left", n)
				}
				must(t, ws.CheckSend(tc.conn))
				must(t, ws.Send(tc.conn, []byte("before"), ws.OpText))
				before := tc.conn.Send.Len()
				tc.events.WantLines(t)

				tc.conn.Send.Append(row.payload)
				if n := ws.Wrap(tc.conn, len(row.payload), row.op); n != before || tc.conn.Send.Len() != before {
					t.Errorf("Wrap left %d bytes, said %d, want %d", tc.conn.Send.Len(), n, before)
				}
				row.check(t, tc.events.LastErr())
				tc.wantSent(`text "before"`)
				tc.awaitEnd()
				tc.events.WantLines(t, "ERROR", "CLOSE")
			})
		})
	}
}

// TestPrintfRefused: if Printf fails, it removes what it has written to Send.
func TestPrintfRefused(t *testing.T) {
	for _, row := range unsendables {
		t.Run(row.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, env *testEnv, r role) {
				tc := env.open(r, nil)
				must(t, ws.Send(tc.conn, []byte("before"), ws.OpText))
				before := tc.conn.Send.Len()
				row.check(t, ws.Printf(tc.conn, row.op, "%s", row.payload))
				if n := tc.conn.Send.Len(); n != before {
					t.Errorf("Send has %d bytes, had %d", n, before)
				}
				if err := ws.CheckSend(tc.conn); err != nil {
					t.Fatal(err)
				}
				tc.wantSent(`text "before"`)
				tc.events.WantLines(t)
			})
		})
	}
}
