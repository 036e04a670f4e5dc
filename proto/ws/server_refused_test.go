package ws_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// upgradeRefusals are calls of Upgrade that fail, each with a word of the reason.
var upgradeRefusals = []struct {
	name, request, headers string
	opts                   *ws.Options
	word                   string
}{
	{"no handshake", httpHead("GET / HTTP/1.1", "Host: h"), "", nil, "no Upgrade"},
	{"version", httpHead("GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: "+sampleKey, "Sec-WebSocket-Version: 8"), "", nil, "Sec-WebSocket-Version"},
	{"subprotocol", request, "Sec-WebSocket-Protocol: chat\r\n", nil, "not offered"},
	{"header", request, "X-No-End: y", nil, "CRLF"},
	{"origin", request, "", &ws.Options{CheckOrigin: func(*http.Message) bool { return false }}, "origin"},
	{"Check", request, "", &ws.Options{Check: func(*reactor.Conn, *http.Message) error { return errors.New("not today") }}, "not today"},
	{"status that is none", request, "", &ws.Options{Check: func(*reactor.Conn, *http.Message) error {
		return &ws.HandshakeError{Status: 99, Reason: "odd"}
	}}, "odd"},
}

// eachUpgradeRefusal lets a handler make each call and pass the error to use.
func eachUpgradeRefusal(t *testing.T, use func(error), check func(t *testing.T, w *looptest.Warnings, word string)) {
	for _, row := range upgradeRefusals {
		t.Run(row.name, func(t *testing.T) {
			var warnings looptest.Warnings
			env := newEnv(t, reactor.WithLogger(warnings.Logger()))
			refused := false
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					err := ws.Upgrade(c, data.(*http.Message), row.headers, row.opts)
					if err == nil {
						t.Error("it was not refused")
						return
					}
					use(err)
					refused = true
				}
			})
			tc.peer.WriteIfOpen(row.request)
			await(t, env.manager, "the request", func() bool { return refused })
			spin(t, env.manager)
			check(t, &warnings, row.word)
			tc.closeBoth()
			spin(t, env.manager)
			warnings.WantNone(t)
		})
	}
}

// TestUnusedRefusalIsLogged: a refused upgrade is logged once if the program does not use the
// error.
func TestUnusedRefusalIsLogged(t *testing.T) {
	eachUpgradeRefusal(t, func(error) {}, func(t *testing.T, w *looptest.Warnings, word string) { w.WantOne(t, word) })
}

// TestUsedRefusalIsNotLogged: it is not logged if the program uses the error.
func TestUsedRefusalIsNotLogged(t *testing.T) {
	for how, look := range map[string]func(error){
		"Error":     func(err error) { _ = err.Error() },
		"errors.Is": func(err error) { errors.Is(err, http.ErrNoRequest) },
		"errors.As": func(err error) { errors.As(err, new(*ws.HandshakeError)) },
		"fmt":       func(err error) { _ = fmt.Sprint(err) },
	} {
		t.Run(how, func(t *testing.T) {
			eachUpgradeRefusal(t, look, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
		})
	}
}

// TestRefusalKeepsItsError: the error of a refused upgrade has its reason.
func TestRefusalKeepsItsError(t *testing.T) {
	eachUpgradeRefusal(t, func(err error) {
		var e *ws.HandshakeError
		if errors.As(err, &e) && e.Reason == "" {
			t.Errorf("%v has no reason", err)
		}
	}, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
}
