package interop

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// timeout limits every wait. Only a test that fails waits so long.
const timeout = 3 * time.Minute

// loop is the event loop of a test's clients.
type loop struct {
	t       *testing.T
	m       *reactor.Manager
	clients []*client
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		t.Fatal(err)
	}
	l := &loop{t: t, m: m}
	t.Cleanup(func() {
		m.Close()
		for _, c := range l.clients {
			if t.Failed() {
				c.report()
			}
			if !c.closed {
				t.Errorf("%s got no EvClose", c.name)
			}
		}
	})
	return l
}

// until polls until done returns true.
func (l *loop) until(what string, done func() bool) {
	l.t.Helper()
	for end := time.Now().Add(timeout); !done(); {
		if time.Now().After(end) {
			l.t.Fatalf("timeout: no %s", what)
		}
		if err := l.m.Poll(100 * time.Millisecond); err != nil {
			l.t.Fatal(err)
		}
	}
}

// open connects a client and waits for the CONNACK that accepts it.
func (l *loop) open(name string, tg target, opts mqtt.Options) *client {
	l.t.Helper()
	return l.start(name, tg, opts).connected()
}

// clean returns the options of a client without a session.
func clean() mqtt.Options { return mqtt.Options{Clean: true} }
