package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// When the budget is spent, new connections have no context takeover. A connection that
// closes returns its share.
func TestDeflateBudget(t *testing.T) {
	const fresh = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	one := 840 << 10 // a context for sending and one for receiving, but not two
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
		env := newEnv(t)
		env.opts, env.extensions = &ws.Options{Deflate: &ws.Deflate{Budget: tt.budget}}, "permessage-deflate"
		for range 2 {
			var ends []*testConn
			for i, want := range tt.want {
				tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
					if ev == reactor.EvHTTPMsg {
						must(t, ws.Upgrade(c, data.(*http.Message), "", env.opts))
					}
				})
				tc.peerSends(strings.TrimSuffix(request, "\r\n") + env.extensionLine() + "\r\n")
				if got := headerField(t, tc.readHead(), "Sec-WebSocket-Extensions"); got != want {
					t.Errorf("budget %d: connection %d is answered with %q, want %q", tt.budget, i, got, want)
				}
				ends = append(ends, tc)
			}
			for _, tc := range ends {
				tc.closeBoth()
			}
			if _, _, _, spent := ws.Spares(env.manager); spent != 0 {
				t.Errorf("budget %d: %d bytes are spent after all connections have closed", tt.budget, spent)
			}
		}
	}
}

// A client offers what is left of its budget. It returns that to the budget in whatever way
// its handshake fails, and also if the connection cannot be made.
func TestDeflateBudgetOfClients(t *testing.T) {
	env := newEnv(t)
	env.opts = &ws.Options{Deflate: &ws.Deflate{Budget: 840 << 10}}
	for _, answer := range []string{"HTTP/1.1 404 Not Found\r\n\r\n", "nonsense", "", "permessage-deflate; x", "deflate", "-", "permessage-deflate; server_max_window_bits=15"} {
		tc := env.connect("", nil)
		head := tc.readHead()
		if got := headerField(t, head, "Sec-WebSocket-Extensions"); got != "permessage-deflate; client_max_window_bits" {
			t.Fatalf("the offer before the response %q is %q", answer, got)
		}
		other := env.connect("", nil)
		if got := headerField(t, other.readHead(), "Sec-WebSocket-Extensions"); !strings.Contains(got, "server_no_context_takeover; client_no_context_takeover") {
			t.Errorf("the offer of a second client is %q, want it without contexts", got)
		}
		other.closeBoth()
		switch {
		case answer == "":
			tc.peer.Shutdown()
		case answer == "-":
			tc.peerSends(looptest.Agreement(headerField(t, head, "Sec-WebSocket-Key"), ""))
			tc.events.WantLines(t, "OPEN")
			if _, _, _, spent := ws.Spares(env.manager); spent != 0 {
				t.Errorf("%d bytes are spent for a connection that does not compress", spent)
			}
		case strings.Contains(answer, "deflate"):
			tc.peer.WriteIfOpen(looptest.Agreement(headerField(t, head, "Sec-WebSocket-Key"), "Sec-WebSocket-Extensions: "+answer+"\r\n"))
		default:
			tc.peer.WriteIfOpen(answer)
		}
		spin(t, env.manager)
		tc.closeBoth()
		if _, _, _, spent := ws.Spares(env.manager); spent != 0 {
			t.Errorf("%d bytes are spent after the response %q", spent, answer)
		}
	}
	m := looptest.NewStillManager(t) // a connection that is refused
	p, addr := looptest.ListenSocket(t)
	p.Close()
	rec := &recorder{}
	_, err := ws.Connect(m, "ws://"+addr+"/", rec.handle, nil, "", env.opts)
	must(t, err)
	await(t, m, "CLOSE", func() bool { return rec.Closed() })
	if _, _, _, spent := ws.Spares(m); spent != 0 || rec.LastErr() == nil {
		t.Errorf("%d bytes are spent after a refused connection: %v", spent, rec.LastErr())
	}
}
