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

// Each frame of a client has a masking key of its own, on one connection and on many
// [RFC 6455 5.3].
func TestPreparedKeysDiffer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		deflate *ws.Deflate
		payload string
	}{
		{"short", nil, "x"},
		{"16-bit length", nil, strings.Repeat("x", 300)},
		{"64-bit length", nil, strings.Repeat("x", 1<<16)},
		{"compressed", &ws.Deflate{}, strings.Repeat("x", 300)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if w.opts = (&ws.Options{Deflate: tt.deflate}); tt.deflate != nil {
				w.ext = "permessage-deflate"
			}
			p, err := ws.Prepare([]byte(tt.payload), ws.OpBinary)
			must(t, err)
			const conns, times = 2, 4
			seen := map[string]bool{}
			for range conns {
				e := w.open(asClient, nil)
				for range times {
					e.c.Send.Reset()
					must(t, p.Send(e.c))
					frame := e.c.Send.Bytes()
					at := map[byte]int{126: 4, 127: 10}[frame[1]&0x7f]
					seen[string(frame[max(at, 2):][:4])] = true
				}
			}
			if len(seen) < conns*times-1 {
				t.Errorf("%d keys for %d frames", len(seen), conns*times)
			}
		})
	}
}

// What Prepare has not made is no message, whatever the connection.
func TestPreparedZero(t *testing.T) {
	e := newWorld(t).open(asServer, nil)
	for name, p := range map[string]*ws.Prepared{"nil": nil, "zero": {}} {
		if err := p.Send(e.c); err == nil || !strings.Contains(err.Error(), "Prepare") || e.c.Send.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, e.c.Send.Len())
		}
	}
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
