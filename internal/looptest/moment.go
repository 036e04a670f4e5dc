package looptest

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Moments are those at which a program may write to a connection before the loop has
// looked at its socket. Each calls do, at once or in the next turn.
var Moments = map[string]func(t testing.TB, m *reactor.Manager, do func()){
	"between polls": func(_ testing.TB, _ *reactor.Manager, do func()) { do() },
	"in a timer":    func(_ testing.TB, m *reactor.Manager, do func()) { m.AddTimer(0, reactor.TimerOnce, do) },
	"in a post":     func(t testing.TB, m *reactor.Manager, do func()) { Must(t, m.Post(do)) },
}
