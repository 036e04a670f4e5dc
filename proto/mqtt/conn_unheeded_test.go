package mqtt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Refusals of Connack, and a word of the reason.
var connackRefusals = []struct {
	name    string
	version uint8
	asked   bool // CONNECT has come
	answer  bool // and was answered
	code    mqtt.ReasonCode
	props   []mqtt.Property
	word    string
}{
	{"before CONNECT", 4, false, false, 0, nil, "no CONNECT waits"},
	{"answered already", 4, true, true, 0, nil, "no CONNECT waits"},
	{"code of 5.0", 4, true, false, mqtt.ReasonNotAuthorized, nil, "CONNACK"},
	{"code of 3.1.1", 5, true, false, mqtt.ConnackNotAuthorized, nil, "CONNACK"},
	{"property of PUBLISH", 5, true, false, 0, []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}, "CONNACK"},
}

func eachConnackRefusal(t *testing.T, heed func(error), check func(t *testing.T, w *looptest.Warnings, word string)) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, row := range connackRefusals {
			t.Run(row.name, func(t *testing.T) {
				var w looptest.Warnings
				x := served(t, scheme, nil, reactor.WithLogger(w.Logger()))
				if row.asked {
					x.p.send(connectC[row.version])
					await(t, x.m, "CONNECT", x.r.saw("connect"))
				}
				if row.answer {
					if err := mqtt.Connack(x.c, false, 0); err != nil {
						t.Fatal(err)
					}
				}
				w.WantNone(t)
				err := mqtt.Connack(x.c, false, row.code, row.props...)
				if err == nil {
					t.Fatal("it was not refused")
				}
				heed(err)
				spin(t, x.m)
				check(t, &w, row.word)
				spin(t, x.m)
				w.WantNone(t)
			})
		}
	})
}

// A CONNACK that was refused is logged once if the program does not look at the error: the
// client would wait for it.
func TestConnRefusedConnackIsLogged(t *testing.T) {
	eachConnackRefusal(t, func(error) {}, func(t *testing.T, w *looptest.Warnings, word string) { w.WantOne(t, word) })
}

// One that is looked at is not.
func TestConnRefusedConnackThatIsLookedAt(t *testing.T) {
	for how, look := range map[string]func(error){
		"Error":     func(err error) { _ = err.Error() },
		"errors.Is": func(err error) { errors.Is(err, mqtt.ErrNotAsked) },
		"errors.As": func(err error) { errors.As(err, new(*mqtt.ParseError)) },
		"fmt":       func(err error) { _ = fmt.Sprint(err) },
	} {
		t.Run(how, func(t *testing.T) {
			eachConnackRefusal(t, look, func(t *testing.T, w *looptest.Warnings, _ string) { w.WantNone(t) })
		})
	}
}

// The same holds for the other answers that a client waits for.
func TestConnRefusedAnswersAreLogged(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, row := range map[string]struct {
			answer func(c *reactor.Conn) error
			word   string
		}{
			"no code":            {func(c *reactor.Conn) error { return mqtt.Suback(c, 1) }, "SUBACK"},
			"a code of no QoS":   {func(c *reactor.Conn) error { return mqtt.Suback(c, 1, 3) }, "SUBACK"},
			"no identifier":      {func(c *reactor.Conn) error { return mqtt.Suback(c, 0, 1) }, "SUBACK"},
			"UNSUBACK, the same": {func(c *reactor.Conn) error { return mqtt.Unsuback(c, 0) }, "UNSUBACK"},
		} {
			t.Run(name, func(t *testing.T) {
				var w looptest.Warnings
				x := served(t, scheme, nil, reactor.WithLogger(w.Logger()))
				x.p.send(connectC[4])
				await(t, x.m, "CONNECT", x.r.saw("connect"))
				looptest.Must(t, mqtt.Connack(x.c, false, 0))
				if row.answer(x.c) == nil {
					t.Fatal("it was not refused")
				}
				spin(t, x.m)
				w.WantOne(t, row.word)
			})
		}
	})
}
