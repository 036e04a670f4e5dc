package ws_test

import (
	"fmt"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Short names for what most tests use.
var (
	await = looptest.Await
	spin  = looptest.Settle
	must  = looptest.Must

	buildFrame = looptest.Frame
	wantLines  = looptest.WantLines
)

// recorder is a handler that writes down its events, one line each.
type recorder struct {
	looptest.Recorder
	hook func(c *reactor.Conn, ev reactor.Event, data any)
}

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	r.Record(c, ev, data)
	switch ev {
	case reactor.EvHTTPMsg:
		r.Note("HTTP %s", data.(*http.Message).Method)
	case reactor.EvWSOpen:
		_ = data.(*http.Message)
		r.Note("OPEN")
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		what := "MSG"
		if !m.First || !m.Fin {
			what = "PIECE" + map[bool]string{true: " first"}[m.First] + map[bool]string{true: " fin"}[m.Fin]
		}
		r.Note("%s %v %s", what, ws.OpName(m.Op), brief(string(m.Data)))
	case reactor.EvWSCtl:
		m := data.(*ws.Message)
		if m.Op == ws.OpClose {
			code, reason := m.CloseStatus()
			r.Note("CTL close %d %s", code, brief(string(reason)))
		} else {
			r.Note("CTL %v %s", ws.OpName(m.Op), brief(string(m.Data)))
		}
	case reactor.EvError:
		r.Note("ERROR")
	case reactor.EvClose:
		r.Note("CLOSE")
	}
	if r.hook != nil {
		r.hook(c, ev, data)
	}
}

// brief quotes a short payload. It describes a long one by its length and a checksum.
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
