package ws_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// greeting is a row of the opening handshake: a request as a server gets it, or
// an answer as a client does, in which ACCEPT stands for the right value.
type greeting struct {
	name    string
	role    role
	in      string
	headers string // of our side
	opts    *ws.Options
	status  int      // of our answer, or of the error; 0: it is the agreement
	fault   string   // the header that the error names
	says    []string // lines that our answer has; "!x": it has no line that begins with x
	hears   []string // events behind OPEN
}

func (g greeting) title() string { return g.name }
func (g greeting) sides() []role { return []role{g.role} }

func (g greeting) run(t *testing.T, w *world, r role) {
	h := fnv.New64a()
	io.WriteString(h, g.name)
	rnd := rand.New(rand.NewPCG(h.Sum64(), 6455))
	cut := func(s string) []string { i := 1 + rnd.IntN(len(s)-1); return []string{s[:i], s[i:]} }
	play := g.asServer
	if r == asClient {
		play = g.asClient
	}
	play(t, w, "whole", func(s string) []string { return []string{s} })
	play(t, w, "byte by byte", func(s string) []string { return strings.Split(s, "") })
	play(t, w, "cut", cut)
	play(t, w, "cut again", cut)
}

func (g greeting) asServer(t *testing.T, w *world, how string, cut func(string) []string) {
	t.Helper()
	var err error
	asked := 0
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			asked++
			err = ws.Upgrade(c, data.(*http.Message), g.headers, g.opts)
		}
	})
	e.feed(cut(g.in)...)
	answer := e.head()
	status := 101
	if g.status != 0 {
		status = g.status
	}
	if want := fmt.Sprintf("HTTP/1.1 %d ", status); !strings.HasPrefix(answer, want) || asked != 1 {
		t.Fatalf("%s: %d requests, answer %q, want %s", how, asked, answer, want)
	}
	g.answered(t, how, answer)
	if g.status == 0 {
		must(t, err)
		wantLines(t, how+": events", e.rec.log, append([]string{"HTTP GET", "OPEN"}, g.hears...))
	} else {
		g.refused(t, how, err)
	}
	e.drop()
}

func (g greeting) answered(t *testing.T, how, answer string) {
	t.Helper()
	for _, line := range g.says {
		if begins, not := strings.CutPrefix(line, "!"); not {
			if strings.Contains(strings.ToLower(answer), "\r\n"+strings.ToLower(begins)) {
				t.Errorf("%s: answer %q has a line %s", how, answer, begins)
			}
		} else if !strings.Contains(answer, "\r\n"+line+"\r\n") {
			t.Errorf("%s: answer %q has no line %s", how, answer, line)
		}
	}
}

func (g greeting) refused(t *testing.T, how string, err error) {
	t.Helper()
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != g.status || he.Header != g.fault {
		t.Fatalf("%s: error is %T %+v, want status %d, header %s", how, err, err, g.status, g.fault)
	}
}

func (g greeting) asClient(t *testing.T, w *world, how string, cut func(string) []string) {
	t.Helper()
	e := w.connectWith(g.opts, g.headers, nil)
	e.feed(cut(strings.ReplaceAll(g.in, "ACCEPT", accept(field(t, e.head(), "Sec-WebSocket-Key"))))...)
	if g.status == 0 {
		wantLines(t, how+": events", e.rec.log, append([]string{"OPEN"}, g.hears...))
		e.drop()
		return
	}
	g.refused(t, how, e.rec.err)
	e.ends()
	wantLines(t, how+": events", e.rec.log, []string{"ERROR", "CLOSE"})
	if e.p.pump(); len(e.p.in) > 0 {
		t.Errorf("%s: sent %q", how, e.p.in)
	}
}
