package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// connackErrors are calls of Connack that fail.
var connackErrors = []struct {
	name     string
	version  uint8
	connect  bool // CONNECT was received before
	answered bool // CONNECT was answered before
	code     mqtt.ReasonCode
	props    []mqtt.Property
	word     string // part of the error
}{
	{"before CONNECT", 4, false, false, 0, nil, "no CONNECT waits"},
	{"answered already", 4, true, true, 0, nil, "no CONNECT waits"},
	{"code of 5.0", 4, true, false, mqtt.ReasonNotAuthorized, nil, "CONNACK"},
	{"code of 3.1.1", 5, true, false, mqtt.ConnackNotAuthorized, nil, "CONNACK"},
	{"property of PUBLISH", 5, true, false, 0, []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}, "CONNACK"},
}

// eachConnackError makes each call of connackErrors and passes the error to handleErr. Then it
// passes the logged warnings to check.
func eachConnackError(t *testing.T, handleErr func(error), check func(t *testing.T, w *looptest.Warnings, word string)) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, row := range connackErrors {
			t.Run(row.name, func(t *testing.T) {
				var w looptest.Warnings
				x := acceptedConn(t, scheme, nil, reactor.WithLogger(w.Logger()))
				if row.connect {
					x.p.send(connectC[row.version])
					looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
				}
				if row.answered {
					if err := mqtt.Connack(x.c, false, 0); err != nil {
						t.Fatal(err)
					}
				}
				w.WantNone(t)
				err := mqtt.Connack(x.c, false, row.code, row.props...)
				if err == nil {
					t.Fatal("Connack returned no error")
				}
				handleErr(err)
				looptest.Settle(t, x.m)
				check(t, &w, row.word)
				looptest.Settle(t, x.m)
				w.WantNone(t)
			})
		}
	})
}

// If the program ignores an error of Connack, it is logged once. Otherwise the client would wait
// for a CONNACK without a trace of the reason.
func TestIgnoredErrorOfConnackIsLogged(t *testing.T) {
	eachConnackError(t, func(error) {}, func(t *testing.T, w *looptest.Warnings, word string) { w.WantOne(t, word) })
}

// An error of Connack that the program uses is not logged.
func TestUsedErrorOfConnackIsNotLogged(t *testing.T) {
	for how, look := range map[string]func(error){
		"Error":     func(err error) { _ = err.Error() },
		"errors.Is": func(err error) { errors.Is(err, mqtt.ErrNoConnect) },
		"errors.As": func(err error) { errors.As(err, new(*mqtt.ParseError)) },
		"fmt":       func(err error) { _ = fmt.Sprint(err) },
	} {
		t.Run(how, func(t *testing.T) {
			eachConnackError(t, look, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
		})
	}
}

// Ignored errors of Suback and Unsuback are logged too: the client waits for these packets.
func TestIgnoredErrorsOfSubackAreLogged(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, row := range map[string]struct {
			answer func(c *reactor.Conn) error
			word   string
		}{
			"no code":            {func(c *reactor.Conn) error { return mqtt.Suback(c, 1) }, "SUBACK"},
			"an invalid QoS":     {func(c *reactor.Conn) error { return mqtt.Suback(c, 1, 3) }, "SUBACK"},
			"no identifier":      {func(c *reactor.Conn) error { return mqtt.Suback(c, 0, 1) }, "SUBACK"},
			"UNSUBACK, the same": {func(c *reactor.Conn) error { return mqtt.Unsuback(c, 0) }, "UNSUBACK"},
		} {
			t.Run(name, func(t *testing.T) {
				var w looptest.Warnings
				x := acceptedConn(t, scheme, nil, reactor.WithLogger(w.Logger()))
				x.p.send(connectC[4])
				looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
				looptest.Must(t, mqtt.Connack(x.c, false, 0))
				if row.answer(x.c) == nil {
					t.Fatal("the call returned no error")
				}
				looptest.Settle(t, x.m)
				w.WantOne(t, row.word)
			})
		}
	})
}
