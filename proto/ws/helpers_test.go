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

func newManager(t testing.TB) *reactor.Manager {
	t.Helper()
	return looptest.NewManager(t)
}

func await(t testing.TB, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	looptest.Await(t, m, what, done)
}

// spin runs the loop a few times without blocking.
func spin(t testing.TB, m *reactor.Manager) {
	t.Helper()
	looptest.Spin(t, m, 4)
}

// recorder is a handler that notes what it hears, in words.
type recorder struct {
	log    []string
	err    error
	read   int // bytes
	reads  int // events
	closed bool
	hook   func(c *reactor.Conn, ev reactor.Event, data any)
}

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		r.read += *data.(*int)
		r.reads++
	case reactor.EvHTTPMsg:
		r.note("HTTP %s", data.(*http.Message).Method)
	case reactor.EvWSOpen:
		_ = data.(*http.Message)
		r.note("OPEN")
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		what := "MSG"
		if !m.First || !m.Fin {
			what = "PIECE" + map[bool]string{true: " first"}[m.First] + map[bool]string{true: " fin"}[m.Fin]
		}
		r.note("%s %v %s", what, m.Op, brief(string(m.Data)))
	case reactor.EvWSCtl:
		m := data.(*ws.Message)
		if m.Op == ws.OpClose {
			code, reason := m.CloseStatus()
			r.note("CTL close %d %s", code, brief(string(reason)))
		} else {
			r.note("CTL %v %s", m.Op, brief(string(m.Data)))
		}
	case reactor.EvError:
		r.err = data.(error)
		r.note("ERROR")
	case reactor.EvClose:
		r.closed = true
		r.note("CLOSE")
	}
	if r.hook != nil {
		r.hook(c, ev, data)
	}
}

func (r *recorder) note(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

// saw returns a condition for await.
func (r *recorder) saw(what string) func() bool {
	return func() bool { return slices.Contains(r.log, what) }
}

// want compares the log and empties it.
func (r *recorder) want(t testing.TB, lines ...string) {
	t.Helper()
	wantLines(t, "events", r.log, lines)
	r.log = nil
}

func wantLines(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s\n got %s\nwant %s", what, strings.Join(got, " | "), strings.Join(want, " | "))
	}
}

// brief quotes a payload, or tells a long one by its length and a checksum.
func brief(s string) string {
	if len(s) <= 40 {
		return fmt.Sprintf("%q", s)
	}
	sum := uint32(2166136261)
	for i := range len(s) {
		sum = (sum ^ uint32(s[i])) * 16777619
	}
	return fmt.Sprintf("%d bytes %08x", len(s), sum)
}

// contains fails the test unless err's text has each of the words.
func contains(t testing.TB, err error, words ...string) {
	t.Helper()
	looptest.WantErr(t, err, nil, words...)
}

func must(t testing.TB, err error) {
	t.Helper()
	looptest.Must(t, err)
}
