package ws_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// unsendable is a frame that must not be sent.
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
	{"Close 1005", ws.OpClose, []byte(closing(1005, "")), nil},
	{"Close 1006", ws.OpClose, []byte(closing(1006, "why")), nil},
	{"Close 999", ws.OpClose, []byte(closing(999, "")), nil},
	{"Close with bad UTF-8", ws.OpClose, []byte(closing(1000, "\xff")), nil},
}

// What is no message and no control frame, and what a peer would have to
// refuse, is an error: nothing is appended, and the connection stays open.
func TestSendRefused(t *testing.T) {
	for _, row := range unsendables {
		t.Run(row.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, w *world, r role) {
				e := w.open(r, nil)
				row.check(t, ws.Send(e.c, row.payload, row.op))
				if n := e.c.Send.Len(); n > 0 {
					t.Errorf("%d bytes were left", n)
				}
				must(t, ws.Ready(e.c))
				must(t, ws.Send(e.c, []byte("before"), ws.OpText))
				before := e.c.Send.Len()
				e.rec.want(t)

				e.c.Send.Append(row.payload)
				if n := ws.Wrap(e.c, len(row.payload), row.op); n != before || e.c.Send.Len() != before {
					t.Errorf("Wrap left %d bytes, said %d, want %d", e.c.Send.Len(), n, before)
				}
				row.check(t, e.rec.err)
				e.wantSent(`text "before"`)
				e.ends()
				e.rec.want(t, "ERROR", "CLOSE")
			})
		})
	}
}

// Printf takes what it has written out again, as if nothing had been.
func TestPrintfRefused(t *testing.T) {
	for _, row := range unsendables {
		t.Run(row.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, w *world, r role) {
				e := w.open(r, nil)
				must(t, ws.Send(e.c, []byte("before"), ws.OpText))
				before := e.c.Send.Len()
				row.check(t, ws.Printf(e.c, row.op, "%s", row.payload))
				if n := e.c.Send.Len(); n != before {
					t.Errorf("Send has %d bytes, had %d", n, before)
				}
				if err := ws.Ready(e.c); err != nil {
					t.Fatal(err)
				}
				e.wantSent(`text "before"`)
				e.rec.want(t)
			})
		})
	}
}
