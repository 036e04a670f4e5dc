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

// Refusals of Upgrade, and a word of the reason.
var upgradeRefusals = []struct {
	name, request, headers string
	opts                   *ws.Options
	word                   string
}{
	{"no handshake", lines("GET / HTTP/1.1", "Host: h"), "", nil, "no Upgrade"},
	{"version", lines("GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: "+sampleKey, "Sec-WebSocket-Version: 8"), "", nil, "Sec-WebSocket-Version"},
	{"subprotocol", request, "Sec-WebSocket-Protocol: chat\r\n", nil, "not offered"},
	{"header", request, "X-No-End: y", nil, "CRLF"},
	{"origin", request, "", &ws.Options{CheckOrigin: func(*http.Message) bool { return false }}, "origin"},
	{"Check", request, "", &ws.Options{Check: func(*reactor.Conn, *http.Message) error { return errors.New("not today") }}, "not today"},
	{"status that is none", request, "", &ws.Options{Check: func(*reactor.Conn, *http.Message) error {
		return &ws.HandshakeError{Status: 99, Reason: "odd"}
	}}, "odd"},
}

// eachUpgradeRefusal has a handler make the refused call.
func eachUpgradeRefusal(t *testing.T, heed func(error), check func(t *testing.T, w *looptest.Warnings, word string)) {
	for _, row := range upgradeRefusals {
		t.Run(row.name, func(t *testing.T) {
			var warnings looptest.Warnings
			w := newWorld(t, reactor.WithLogger(warnings.Logger()))
			refused := false
			e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					err := ws.Upgrade(c, data.(*http.Message), row.headers, row.opts)
					if err == nil {
						t.Error("it was not refused")
						return
					}
					heed(err)
					refused = true
				}
			})
			e.p.write(row.request)
			await(t, w.m, "the request", func() bool { return refused })
			spin(t, w.m)
			check(t, &warnings, row.word)
			e.drop()
			spin(t, w.m)
			warnings.WantNone(t)
		})
	}
}

// An upgrade that was refused is logged once if the program does not look at the error.
func TestRefusedUpgradeIsLogged(t *testing.T) {
	eachUpgradeRefusal(t, func(error) {}, func(t *testing.T, w *looptest.Warnings, word string) { w.WantOne(t, word) })
}

// One that is looked at is not.
func TestRefusedUpgradeThatIsLookedAt(t *testing.T) {
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

// What is wrong with it is in the error all the same.
func TestRefusedUpgradeKeepsItsError(t *testing.T) {
	eachUpgradeRefusal(t, func(err error) {
		var e *ws.HandshakeError
		if errors.As(err, &e) && e.Reason == "" {
			t.Errorf("%v has no reason", err)
		}
	}, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
}

// Listen answers requests that are no handshakes by itself: that is no fault of the
// program's.
func TestListenRefusesQuietly(t *testing.T) {
	var warnings looptest.Warnings
	m := looptest.NewManager(t, reactor.WithLogger(warnings.Logger()))
	closed := false
	l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		closed = closed || ev == reactor.EvClose && !c.IsListening()
	}, nil)
	must(t, err)
	p := dialPeer(t, l.LocalAddr())
	p.write(lines("GET / HTTP/1.1", "Host: h", "Connection: close"))
	await(t, m, "the end", p.ended)
	p.shutdown()
	await(t, m, "CLOSE", func() bool { return closed })
	spin(t, m)
	warnings.WantNone(t)
}
