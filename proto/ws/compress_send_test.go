package ws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// chatter returns messages that repeat parts of themselves and of one another, near and
// far.
func chatter() (messages []string) {
	base := fmt.Sprintf("%x", noise(400))
	for i := range 6 {
		messages = append(messages, strings.Repeat(base[:100*(i+1)], i+1))
	}
	return append(messages, strings.Repeat(base, 60), base, "")
}

// talk sends messages both ways with Send, Printf and Writer. The other side must get the
// same.
func (p *pair) talk(t *testing.T, messages []string) {
	t.Helper()
	for _, d := range p.directions() {
		var want []string
		for i, s := range messages {
			want = append(want, "MSG text "+brief(s))
			switch i % 3 {
			case 0:
				must(t, ws.Send(d.from, []byte(s), ws.OpText))
			case 1:
				must(t, ws.Printf(d.from, ws.OpText, "%s", s))
			case 2:
				w, err := ws.NewWriter(d.from, ws.OpText, 100)
				must(t, err)
				w.Write([]byte(s[:len(s)/2]))
				must(t, w.Flush())
				w.Write([]byte(s[len(s)/2:]))
				must(t, w.Close())
			}
		}
		d.to.want(t, want...)
	}
}

// A client and a server exchange messages with every window size, with contexts and without
// [RFC 7692 7.1]. The 24 pairs have each value of each option on each side.
// TestDeflateNegotiation covers all combinations.
func TestCompressOverSockets(t *testing.T) {
	m := looptest.NewStillManager(t)
	messages := chatter()
	for i := range 24 {
		sw, cp, flags := i%8+8, (3*i+i/8)%8+8, i%16
		s := &ws.Deflate{WindowBits: sw, PeerWindowBits: 23 - cp, NoContextTakeover: flags&1 != 0, PeerNoContextTakeover: flags&2 != 0, Threshold: -1}
		c := &ws.Deflate{WindowBits: 23 - sw, PeerWindowBits: cp, NoContextTakeover: flags&4 != 0, PeerNoContextTakeover: flags&8 != 0, Threshold: -1}
		p := newPair(t, m, &ws.Options{Deflate: s}, &ws.Options{Deflate: c})
		if !strings.HasPrefix(p.answer, "permessage-deflate") {
			t.Fatalf("server %+v, client %+v: the offer %q is answered with %q", s, c, p.request, p.answer)
		}
		p.talk(t, messages)
		p.closeBoth(t)
	}
	if _, _, _, spent := ws.Spares(m); spent != 0 {
		t.Errorf("%d bytes of the budget are spent after all connections have closed", spent)
	}
}

// If one side has no Deflate, neither side compresses. Options that are not set are not in
// the header.
func TestCompressOneSided(t *testing.T) {
	m := looptest.NewStillManager(t)
	for _, tt := range []struct {
		server, client  *ws.Deflate
		request, answer string
	}{
		{nil, nil, "", ""},
		{&ws.Deflate{}, nil, "", ""},
		{nil, &ws.Deflate{}, "permessage-deflate; client_max_window_bits", ""},
		{&ws.Deflate{}, &ws.Deflate{}, "permessage-deflate; client_max_window_bits", "permessage-deflate"},
	} {
		p := newPair(t, m, &ws.Options{Deflate: tt.server}, &ws.Options{Deflate: tt.client})
		if p.request != tt.request || p.answer != tt.answer {
			t.Errorf("request %q, answer %q; want %q, %q", p.request, p.answer, tt.request, tt.answer)
		}
		p.talk(t, chatter())
		p.closeBoth(t)
	}
}

// Messages below the threshold, wrapped messages and control frames are not compressed.
func TestCompressThreshold(t *testing.T) {
	for _, tt := range []struct{ set, least int }{{0, ws.DefaultDeflateThreshold}, {1, 1}, {-1, 0}, {10, 10}, {1000, 1000}} {
		eachRole(t, func(t *testing.T, _ *testEnv, r role) {
			tc := newEnvDeflating(t, ws.Options{Deflate: &ws.Deflate{Threshold: tt.set}}).open(r, nil)
			for _, n := range []int{0, tt.least - 1, tt.least, tt.least + 1} {
				if n < 0 {
					continue
				}
				s := strings.Repeat("a", n)
				p, err := ws.Prepare([]byte(s), ws.OpText)
				must(t, err)
				must(t, ws.Send(tc.conn, []byte(s), ws.OpText))
				must(t, ws.Printf(tc.conn, ws.OpText, "%s", s))
				must(t, p.Send(tc.conn))
				for _, f := range tc.sent() {
					if strings.HasPrefix(f, "text~ ") != (n >= tt.least) {
						t.Errorf("threshold %d: a message of %d bytes is sent as %s", tt.set, n, f)
					}
				}
			}
			tc.conn.Send.AppendString(strings.Repeat("a", 2000))
			ws.Wrap(tc.conn, 2000, ws.OpText) // never compressed
			must(t, ws.Ping(tc.conn, make([]byte, 125)))
			tc.wantSent("text "+brief(strings.Repeat("a", 2000)), "ping "+brief(string(make([]byte, 125))))
			tc.closeBoth()
		})
	}
}
