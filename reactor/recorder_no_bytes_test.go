package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A recorder with a negative Bytes keeps no bytes, and does not panic.
func TestRecorderWithoutBytes(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	c.SetRecorder(&reactor.Recorder{Entries: 3, Bytes: -1})
	p.WriteString("x")
	harmless(t, "the recorder", func() { await(t, m, "EvRead", r.Saw(reactor.EvRead)) })
}
