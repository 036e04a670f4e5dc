package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A prepared message is the one that was sent, on connections of every kind, and
// ordinary messages around it are what they would be without.
func TestPrepared(t *testing.T) {
	long := strings.Repeat("broadcast to all, ", 100)
	m := newManager(t)
	var pairs []*pair
	for _, d := range []*ws.Deflate{
		nil, {}, {NoContextTakeover: true}, {PeerNoContextTakeover: true}, {NoContextTakeover: true, PeerNoContextTakeover: true},
		{WindowBits: 9, PeerWindowBits: 10}, {WindowBits: 8, PeerWindowBits: 8}, {Level: 9}, {Threshold: -1}, {Threshold: 1 << 20},
	} {
		pairs = append(pairs, newPair(t, m, &ws.Options{Deflate: d}, &ws.Options{Deflate: d}))
	}
	for _, payload := range []string{"", "short", long, strings.Repeat(long, 100)} {
		source := []byte(payload)
		p, err := ws.Prepare(source, ws.OpText)
		must(t, err)
		clear(source) // it has a copy
		for range 3 {
			for _, pr := range pairs {
				for _, dir := range pr.directions() {
					before, after := long+"before", long+"after"
					must(t, ws.Send(dir.from, []byte(before), ws.OpText))
					must(t, p.Send(dir.from))
					must(t, ws.Send(dir.from, []byte(after), ws.OpBinary))
					dir.to.want(t, "MSG text "+brief(before), "MSG text "+brief(payload), "MSG binary "+brief(after))
				}
			}
		}
		if n, most := ws.Variants(p), 2*6; n < 2 || n > most {
			t.Errorf("%s was encoded %d times, want at most %d", brief(payload), n, most)
		}
	}
}

// It is encoded once for all connections of a kind, and sending it allocates
// nothing.
func TestPreparedOnce(t *testing.T) {
	payload := []byte(strings.Repeat("broadcast to all, ", 100))
	eachRole(t, func(t *testing.T, w *world, r role) {
		for _, d := range []*ws.Deflate{nil, {}, {NoContextTakeover: true}} {
			w.ext, w.opts = "", &ws.Options{Deflate: d}
			if d != nil {
				w.ext = "permessage-deflate"
			}
			p, err := ws.Prepare(payload, ws.OpText)
			must(t, err)
			ends := []*end{w.open(r, nil), w.open(r, nil), w.open(r, nil)}
			for _, e := range ends {
				must(t, p.Send(e.c))
			}
			if n := ws.Variants(p); n != 1 {
				t.Errorf("encoded %d times", n)
			}
			e := ends[0]
			if n := testing.AllocsPerRun(100, func() {
				e.c.Send.Reset()
				must(t, p.Send(e.c))
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
			for _, e := range ends {
				e.drop()
			}
		}
	})
}

func TestPrepareRefused(t *testing.T) {
	for _, op := range []ws.OpCode{0, 3, 8, 9, 10, 15} {
		if _, err := ws.Prepare(nil, op); !errors.Is(err, ws.ErrOpCode) {
			t.Errorf("%v: %v", op, err)
		}
	}
	var pe *ws.ProtocolError
	if _, err := ws.Prepare([]byte("\xff"), ws.OpText); !errors.As(err, &pe) || pe.Code != ws.CloseInvalidData {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	p, err := ws.Prepare([]byte("\xff"), ws.OpBinary)
	must(t, err)
	w := newWorld(t)
	early := w.connect("", nil)
	if err := p.Send(early.c); !errors.Is(err, ws.ErrNotOpen) {
		t.Errorf("before EvWSOpen: %v", err)
	}
	e := w.open(asServer, nil)
	must(t, ws.Close(e.c, ws.CloseNormal, ""))
	if err := p.Send(e.c); !errors.Is(err, ws.ErrCloseSent) {
		t.Errorf("after a Close frame: %v", err)
	}
	e.drop()
	if err := p.Send(e.c); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("after EvClose: %v", err)
	}
}
