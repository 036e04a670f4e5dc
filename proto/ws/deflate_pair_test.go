package ws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// chatter are messages that repeat themselves and one another, over any distance.
func chatter() (messages []string) {
	base := fmt.Sprintf("%x", noise(400))
	for i := range 6 {
		messages = append(messages, strings.Repeat(base[:100*(i+1)], i+1))
	}
	return append(messages, strings.Repeat(base, 60), base, "")
}

// talk sends messages both ways, in every manner, and wants to hear them.
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

// terms says an answer in words that can be compared.
func terms(serverFresh, clientFresh bool, serverBits, clientBits int) []string {
	t := []string{"permessage-deflate"}
	if serverFresh {
		t = append(t, "server_no_context_takeover")
	}
	if clientFresh {
		t = append(t, "client_no_context_takeover")
	}
	if serverBits < 15 {
		t = append(t, fmt.Sprint("server_max_window_bits=", serverBits))
	}
	if clientBits < 15 {
		t = append(t, fmt.Sprint("client_max_window_bits=", clientBits))
	}
	slices.Sort(t)
	return t
}

// Two sides of ours agree on what both can do, for every window and with contexts
// or without [RFC 7692 7.1], and understand one another from message to message.
func TestDeflateAgreements(t *testing.T) {
	m := newManager(t)
	messages := chatter()
	for i := range 8 * 8 * 16 {
		if testing.Short() && i%7 != 0 {
			continue
		}
		sw, cp, flags := i%8+8, i/8%8+8, i/64
		cw, sp := 23-sw, 23-cp // the other direction has them all as well
		s := &ws.Deflate{WindowBits: sw, PeerWindowBits: sp, NoContextTakeover: flags&1 != 0, PeerNoContextTakeover: flags&2 != 0, Threshold: -1}
		c := &ws.Deflate{WindowBits: cw, PeerWindowBits: cp, NoContextTakeover: flags&4 != 0, PeerNoContextTakeover: flags&8 != 0, Threshold: -1}
		p := newPair(t, m, &ws.Options{Deflate: s}, &ws.Options{Deflate: c})
		serverBits, clientBits := min(sw, cp), min(cw, sp)
		want := terms(flags&9 != 0 || serverBits == 8, flags&6 != 0 || cw == 8, serverBits, clientBits) // 8 bits need no context
		got := strings.Split(strings.ReplaceAll(p.answer, " ", ""), ";")
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%+v and %+v: %q was answered %q, want %q", s, c, p.request, got, want)
		}
		p.talk(t, messages)
		p.drop(t)
	}
	if _, _, _, spent := ws.Spares(m); spent != 0 {
		t.Errorf("%d bytes of the budget are taken", spent)
	}
}

// Where one side does not compress, neither does; unasked windows stay as they are.
func TestDeflateOneSided(t *testing.T) {
	m := newManager(t)
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
		p.drop(t)
	}
}

// Short messages go as they are.
func TestDeflateThreshold(t *testing.T) {
	for _, tt := range []struct{ set, least int }{{0, ws.DefaultDeflateThreshold}, {1, 1}, {-1, 0}, {10, 10}, {1000, 1000}} {
		eachRole(t, func(t *testing.T, _ *world, r role) {
			e := agreed(t, ws.Options{Deflate: &ws.Deflate{Threshold: tt.set}}).open(r, nil)
			for _, n := range []int{0, tt.least - 1, tt.least, tt.least + 1} {
				if n < 0 {
					continue
				}
				s := strings.Repeat("a", n)
				p, err := ws.Prepare([]byte(s), ws.OpText)
				must(t, err)
				must(t, ws.Send(e.c, []byte(s), ws.OpText))
				must(t, ws.Printf(e.c, ws.OpText, "%s", s))
				must(t, p.Send(e.c))
				for _, f := range e.sent() {
					if strings.HasPrefix(f, "text~ ") != (n >= tt.least) {
						t.Errorf("threshold %d: %d bytes were sent as %s", tt.set, n, f)
					}
				}
			}
			e.c.Send.AppendString(strings.Repeat("a", 2000))
			ws.Wrap(e.c, 2000, ws.OpText) // never compressed
			must(t, ws.Ping(e.c, make([]byte, 125)))
			e.wantSent("text "+brief(strings.Repeat("a", 2000)), "ping "+brief(string(make([]byte, 125))))
			e.drop()
		})
	}
}

// Past the budget connections have no contexts; those that end give theirs back,
// and those that never came about take none.
func TestDeflateBudget(t *testing.T) {
	const fresh = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	one := 840 << 10 // a context for sending and one for receiving, and not another
	for _, tt := range []struct {
		budget int
		want   []string // answers, one connection after the other
	}{
		{0, []string{"permessage-deflate", "permessage-deflate", "permessage-deflate"}},
		{one, []string{"permessage-deflate", fresh, fresh}},
		{one + 32<<10, []string{"permessage-deflate", "permessage-deflate; server_no_context_takeover", fresh}},
		{2 * one, []string{"permessage-deflate", "permessage-deflate", fresh}},
		{1, []string{fresh, fresh}},
		{-1, []string{fresh, fresh}},
	} {
		w := newWorld(t)
		w.opts, w.ext = &ws.Options{Deflate: &ws.Deflate{Budget: tt.budget}}, "permessage-deflate"
		for range 2 {
			var ends []*end
			for i, want := range tt.want {
				e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
					if ev == reactor.EvHTTPMsg {
						must(t, ws.Upgrade(c, data.(*http.Message), "", w.opts))
					}
				})
				e.feed(strings.TrimSuffix(request, "\r\n") + w.extLine() + "\r\n")
				if got := field(t, e.head(), "Sec-WebSocket-Extensions"); got != want {
					t.Errorf("budget %d: connection %d is answered %q, want %q", tt.budget, i, got, want)
				}
				ends = append(ends, e)
			}
			for _, e := range ends {
				e.drop()
			}
			if _, _, _, spent := ws.Spares(w.m); spent != 0 {
				t.Errorf("%d bytes are taken", spent)
			}
		}
	}
}

// A client asks for what its budget has left, and gives it back however its
// handshake ends.
func TestDeflateBudgetOfClients(t *testing.T) {
	w := newWorld(t)
	w.opts = &ws.Options{Deflate: &ws.Deflate{Budget: 840 << 10}}
	for _, answer := range []string{"HTTP/1.1 404 Not Found\r\n\r\n", "nonsense", "", "permessage-deflate; x", "deflate", "-", "permessage-deflate; server_max_window_bits=15"} {
		e := w.connect("", nil)
		head := e.head()
		if got := field(t, head, "Sec-WebSocket-Extensions"); got != "permessage-deflate; client_max_window_bits" {
			t.Fatalf("before the answer %q: %q", answer, got)
		}
		other := w.connect("", nil)
		if got := field(t, other.head(), "Sec-WebSocket-Extensions"); !strings.Contains(got, "server_no_context_takeover; client_no_context_takeover") {
			t.Errorf("another asks for %q meanwhile", got)
		}
		other.drop()
		switch {
		case answer == "":
			e.p.shutdown()
		case answer == "-":
			e.feed(looptest.Agreement(field(t, head, "Sec-WebSocket-Key"), ""))
			e.rec.want(t, "OPEN") // and no more of the budget is taken
			if _, _, _, spent := ws.Spares(w.m); spent != 0 {
				t.Errorf("%d bytes are taken by who does not compress", spent)
			}
		case strings.Contains(answer, "deflate"):
			e.p.write(looptest.Agreement(field(t, head, "Sec-WebSocket-Key"), "Sec-WebSocket-Extensions: "+answer+"\r\n"))
		default:
			e.p.write(answer)
		}
		spin(t, w.m)
		e.drop()
		if _, _, _, spent := ws.Spares(w.m); spent != 0 {
			t.Errorf("%d bytes are taken after the answer %q", spent, answer)
		}
	}
	m := newManager(t) // nor does one that was never connected
	p, port := listenPeer(t)
	p.close()
	rec := &recorder{}
	_, err := ws.Connect(m, fmt.Sprintf("ws://127.0.0.1:%d/", port), rec.handle, nil, "", w.opts)
	must(t, err)
	await(t, m, "CLOSE", func() bool { return rec.closed })
	if _, _, _, spent := ws.Spares(m); spent != 0 || rec.err == nil {
		t.Errorf("%d bytes are taken after %v", spent, rec.err)
	}
}
