package ws_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// A prepared message arrives unchanged on connections with all kinds of options. The
// messages before and after it do too. It is encoded once for each kind.
func TestPrepared(t *testing.T) {
	long := strings.Repeat("broadcast to all, ", 100)
	m := looptest.NewStillManager(t)
	var pairs []*pair
	for _, d := range []*ws.Deflate{
		nil, {}, {NoContextTakeover: true}, {PeerNoContextTakeover: true}, {NoContextTakeover: true, PeerNoContextTakeover: true},
		{WindowBits: 9, PeerWindowBits: 10}, {WindowBits: 8, PeerWindowBits: 8}, {Level: 9}, {Threshold: -1}, {Threshold: 1 << 20},
	} {
		pairs = append(pairs, newPair(t, m, &ws.Options{Deflate: d}, &ws.Options{Deflate: d}))
	}
	for _, payload := range []string{"", "short", long, strings.Repeat(long, 40)} {
		source := []byte(payload)
		p, err := ws.Prepare(source, ws.OpText)
		must(t, err)
		clear(source) // Prepare has copied it
		for range 2 {
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
		if n, most := ws.Variants(p), 2*6-1; n < 1 || n > most {
			t.Errorf("%s was compressed %d times, want 1 to %d", brief(payload), n, most)
		}
	}
}

// A prepared message is compressed once for all connections with the same options. Sending it
// does not allocate.
func TestPreparedOnce(t *testing.T) {
	payload := []byte(strings.Repeat("broadcast to all, ", 100))
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		for _, d := range []*ws.Deflate{nil, {}, {NoContextTakeover: true}} {
			env.extensions, env.opts = "", &ws.Options{Deflate: d}
			if d != nil {
				env.extensions = "permessage-deflate"
			}
			p, err := ws.Prepare(payload, ws.OpText)
			must(t, err)
			ends := []*testConn{env.open(r, nil), env.open(r, nil), env.open(r, nil)}
			for _, tc := range ends {
				must(t, p.Send(tc.conn))
			}
			want := 0
			if d != nil {
				want = 1
			}
			if n := ws.Variants(p); n != want {
				t.Errorf("compressed %d times, want %d", n, want)
			}
			tc := ends[0]
			if n := testing.AllocsPerRun(100, func() {
				tc.conn.Send.Reset()
				must(t, p.Send(tc.conn))
			}); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
			for _, tc := range ends {
				tc.closeBoth()
			}
		}
	})
}

// Each frame of a client has a new masking key, on one connection and on several [RFC 6455
// 5.3].
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
			env := newEnv(t)
			if env.opts = (&ws.Options{Deflate: tt.deflate}); tt.deflate != nil {
				env.extensions = "permessage-deflate"
			}
			p, err := ws.Prepare([]byte(tt.payload), ws.OpBinary)
			must(t, err)
			const conns, times = 2, 4
			seen := map[string]bool{}
			for range conns {
				tc := env.open(asClient, nil)
				for range times {
					tc.conn.Send.Reset()
					must(t, p.Send(tc.conn))
					frame := tc.conn.Send.Bytes()
					at := map[byte]int{126: 4, 127: 10}[frame[1]&0x7f]
					seen[string(frame[max(at, 2):][:4])] = true
				}
			}
			if len(seen) < conns*times/2+1 { // a few may be equal by chance
				t.Errorf("%d different keys for %d frames", len(seen), conns*times)
			}
		})
	}
}

// Set replaces the message on all kinds of connections: shorter and longer ones, and ones that are
// not compressed in between. What was sent before stays as it was.
func TestPreparedSet(t *testing.T) {
	m := looptest.NewStillManager(t)
	var pairs []*pair
	for _, d := range []*ws.Deflate{nil, {}, {NoContextTakeover: true}, {WindowBits: 9, PeerWindowBits: 9}} {
		pairs = append(pairs, newPair(t, m, &ws.Options{Deflate: d}, &ws.Options{Deflate: d}))
	}
	var p ws.Prepared
	long := strings.Repeat("broadcast to all, ", 100)
	for _, payload := range []string{"", "short", long, "x", "", strings.Repeat(long, 40), long + "again", "last"} {
		op := []ws.OpCode{ws.OpText, ws.OpBinary}[len(payload)%2]
		source := []byte(payload)
		must(t, p.Set(source, op))
		clear(source)
		for _, pr := range pairs {
			for _, dir := range pr.directions() {
				must(t, p.Send(dir.from))
			}
		}
		want := "MSG " + ws.OpName(op) + " " + brief(payload)
		must(t, p.Set([]byte(strings.Repeat("#", len(payload))), op)) // before the loop writes
		for _, pr := range pairs {
			for _, dir := range pr.directions() {
				must(t, p.Send(dir.from))
				dir.to.want(t, want, "MSG "+ws.OpName(op)+" "+brief(strings.Repeat("#", len(payload))))
			}
		}
	}
}

// A Prepared that is used again for messages of about the same size does not allocate, compressed
// or not, and also if some of them are too short for compression.
func TestPreparedSetAllocatesNothing(t *testing.T) {
	payload := []byte(strings.Repeat("broadcast to all, ", 100))
	eachRole(t, func(t *testing.T, env *testEnv, r role) {
		var p ws.Prepared
		var ends []*testConn
		for _, d := range []*ws.Deflate{nil, {}, {Level: 9}} {
			env.extensions, env.opts = "", &ws.Options{Deflate: d}
			if d != nil {
				env.extensions = "permessage-deflate"
			}
			ends = append(ends, env.open(r, nil))
		}
		looptest.WantNoAllocs(t, "Set and Send", func() {
			for _, n := range []int{len(payload), 10, len(payload) / 2} {
				must(t, p.Set(payload[:n], ws.OpText))
				for _, tc := range ends {
					must(t, p.Send(tc.conn))
					tc.conn.Send.Reset()
				}
			}
		})
		for _, tc := range ends {
			tc.closeBoth()
		}
	})
}

// A Prepared does not keep the memory of a large message for small ones.
func TestPreparedSetReleasesMemory(t *testing.T) {
	env := newEnv(t)
	env.extensions, env.opts = "permessage-deflate", &ws.Options{Deflate: &ws.Deflate{}}
	tc := env.open(asServer, nil)
	random := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(random)
	var p ws.Prepared
	send := func(n int) int {
		must(t, p.Set(random[:n], ws.OpBinary))
		must(t, p.Send(tc.conn))
		tc.conn.Send.Reset()
		return ws.KeptBytes(&p)
	}
	large := send(len(random))
	if kept := send(len(random) / 2); kept != large {
		t.Errorf("%d bytes for half of a message, %d for the message", kept, large)
	}
	if kept := send(10); kept > 1024 {
		t.Errorf("%d bytes for a message of 10", kept)
	}
	tc.closeBoth()
}

// After a message that Set has refused, there is none.
func TestPreparedSetRefused(t *testing.T) {
	tc := newEnv(t).open(asServer, nil)
	for name, set := range map[string]func(p *ws.Prepared) error{
		"ping":  func(p *ws.Prepared) error { return p.Set(nil, ws.OpPing) },
		"UTF-8": func(p *ws.Prepared) error { return p.Set([]byte("\xff"), ws.OpText) },
	} {
		var p ws.Prepared
		must(t, p.Set([]byte("before"), ws.OpText))
		if set(&p) == nil || p.Send(tc.conn) == nil || tc.conn.Send.Len() > 0 {
			t.Errorf("%s: no error, or the message before was sent", name)
		}
		must(t, p.Set([]byte("after"), ws.OpText))
		must(t, p.Send(tc.conn))
		tc.conn.Send.Reset()
	}
}

// A Prepared without a message cannot be sent. The error says that.
func TestPreparedZero(t *testing.T) {
	tc := newEnv(t).open(asServer, nil)
	for name, p := range map[string]*ws.Prepared{"nil": nil, "zero": {}} {
		if err := p.Send(tc.conn); err == nil || !strings.Contains(err.Error(), "Prepare") || tc.conn.Send.Len() > 0 {
			t.Errorf("%s: error %v, %d bytes in Send", name, err, tc.conn.Send.Len())
		}
	}
}

// Prepare and Send refuse wrong types, bad texts and connections that are not open.
func TestPrepareRefused(t *testing.T) {
	for _, op := range []ws.OpCode{0, 3, 8, 9, 10, 15} {
		if _, err := ws.Prepare(nil, op); !errors.Is(err, ws.ErrOpCode) {
			t.Errorf("%v: %v", op, err)
		}
	}
	var pe *ws.ProtocolError
	if _, err := ws.Prepare([]byte("\xff"), ws.OpText); !errors.As(err, &pe) || pe.Code != ws.StatusInvalidFramePayloadData {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	p, err := ws.Prepare([]byte("\xff"), ws.OpBinary)
	must(t, err)
	env := newEnv(t)
	early := env.connect("", nil)
	if err := p.Send(early.conn); !errors.Is(err, ws.ErrNotOpen) {
		t.Errorf("before EvWSOpen: %v", err)
	}
	tc := env.open(asServer, nil)
	must(t, ws.Close(tc.conn, ws.StatusNormalClosure, ""))
	if err := p.Send(tc.conn); !errors.Is(err, ws.ErrCloseSent) {
		t.Errorf("after a Close frame: %v", err)
	}
	tc.closeBoth()
	if err := p.Send(tc.conn); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("after EvClose: %v", err)
	}
}
