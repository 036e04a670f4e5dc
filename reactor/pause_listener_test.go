package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// follower is a layer of a listener that those it accepts inherit.
type follower struct{}

func (f *follower) Handle(*reactor.Conn, reactor.Event, any) {}
func (f *follower) Accept(*reactor.Conn) reactor.Protocol    { return &follower{} }

// A listener has no input to be offered again, with layers or without.
func TestResumedListenerHearsNoEvRead(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix", "udp4"} {
		for _, layered := range []bool{false, true} {
			m := newManager(t)
			r := &recorder{}
			l := listen(t, m, listenURL(t, transport), r.handle)
			if layered {
				l.Stack().Push(&follower{})
			}
			spin(t, m, 1)
			l.Pause()
			spin(t, m, 1)
			l.Resume()
			spin(t, m, 2)
			if got := eventList(r.events); got != "OPEN" {
				t.Errorf("%s, layers %v: events %s, want OPEN", transport, layered, got)
			}
		}
	}
}
