package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// greeting is a row of the opening handshake. The input is a request to a server or a
// response to a client. In a response, ACCEPT stands for the correct value.
type handshakeRow struct {
	name    string
	role    role
	in      string
	headers string // of our request or response
	opts    *ws.Options
	status  int      // of the error and of our response; 0: the handshake succeeds
	fault   string   // HandshakeError.Header
	says    []string // lines of our response; "!x": no line begins with x
	events  []string // events after EvWSOpen
}

func (g handshakeRow) title() string { return g.name }
func (g handshakeRow) sides() []role { return []role{g.role} }

func (g handshakeRow) run(t *testing.T, env *testEnv, r role) {
	play := g.asServer
	if r == asClient {
		play = g.asClient
	}
	play(t, env, "whole", func(s string) []string { return []string{s} })
	play(t, env, "byte by byte", func(s string) []string { return strings.Split(s, "") })
	play(t, env, "cut", func(s string) []string { return cutTwice(g.name, s) })
}

// asServer sends the request to a server.
func (g handshakeRow) asServer(t *testing.T, env *testEnv, how string, cut func(string) []string) {
	t.Helper()
	var err error
	asked := 0
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			asked++
			err = ws.Upgrade(c, data.(*http.Message), g.headers, g.opts)
		}
	})
	tc.peerSends(cut(g.in)...)
	answer := tc.readHead()
	status := 101
	if g.status != 0 {
		status = g.status
	}
	if want := fmt.Sprintf("HTTP/1.1 %d ", status); !strings.HasPrefix(answer, want) || asked != 1 {
		t.Fatalf("%s: EvHTTPMsg for %d requests, response %q; want one request and %s", how, asked, answer, want)
	}
	g.answered(t, how, answer)
	if g.status == 0 {
		must(t, err)
		wantLines(t, how+": events", tc.events.Lines, append([]string{"HTTP GET", "OPEN"}, g.events...))
	} else {
		g.refused(t, how, err)
	}
	tc.closeBoth()
}

// answered checks the lines of the response.
func (g handshakeRow) answered(t *testing.T, how, answer string) {
	t.Helper()
	for _, line := range g.says {
		if begins, not := strings.CutPrefix(line, "!"); not {
			if strings.Contains(strings.ToLower(answer), "\r\n"+strings.ToLower(begins)) {
				t.Errorf("%s: response %q has a line that begins with %s", how, answer, begins)
			}
		} else if !strings.Contains(answer, "\r\n"+line+"\r\n") {
			t.Errorf("%s: response %q has no line %s", how, answer, line)
		}
	}
}

// refused checks the error of a handshake that fails.
func (g handshakeRow) refused(t *testing.T, how string, err error) {
	t.Helper()
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != g.status || he.Header != g.fault {
		t.Fatalf("%s: error is %T %+v, want status %d, header %s", how, err, err, g.status, g.fault)
	}
}

// asClient sends the response to a client.
func (g handshakeRow) asClient(t *testing.T, env *testEnv, how string, cut func(string) []string) {
	t.Helper()
	tc := env.connectWith(g.opts, g.headers, nil)
	tc.peerSends(cut(strings.ReplaceAll(g.in, "ACCEPT", looptest.AcceptKey(headerField(t, tc.readHead(), "Sec-WebSocket-Key"))))...)
	if g.status == 0 {
		wantLines(t, how+": events", tc.events.Lines, append([]string{"OPEN"}, g.events...))
		tc.closeBoth()
		return
	}
	g.refused(t, how, tc.events.LastErr())
	tc.awaitEnd()
	wantLines(t, how+": events", tc.events.Lines, []string{"ERROR", "CLOSE"})
	if tc.peer.Receive(); len(tc.peer.In) > 0 {
		t.Errorf("%s: sent %q after a refused response, want nothing", how, tc.peer.In)
	}
}
