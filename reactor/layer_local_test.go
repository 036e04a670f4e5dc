package reactor_test

import (
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// enders are values of Local that note when the manager closes.
type (
	firstEnder  struct{ closed func() }
	secondEnder struct{ closed func() }
)

func (e *firstEnder) ManagerClosed()  { e.closed() }
func (e *secondEnder) ManagerClosed() { e.closed() }

// The values of Local are told once that the manager closes, after all connections have closed.
// They may make any call then.
func TestLocalIsTold(t *testing.T) {
	for _, how := range []string{"Close", "Drain", "in a handler", "after a panic"} {
		t.Run(how, func(t *testing.T) {
			m := newManager(t)
			var got []string
			c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvClose {
					got = append(got, "EvClose")
				}
			})
			told := func() {
				got = append(got, "told")
				if *reactor.Local[int](m) != 0 || !m.Closing() || !c.Stack().Closed() {
					t.Error("the manager is not closing")
				}
				if _, err := m.Connect("tcp://127.0.0.1:1", nil, nil); err == nil {
					t.Error("a connection was made")
				}
			}
			reactor.Local[firstEnder](m).closed = told
			reactor.Local[secondEnder](m).closed = told
			if spin(t, m, 2); m.Closing() {
				t.Error("Closing before Close")
			}
			switch how {
			case "Close":
				looptest.Must(t, m.Close())
			case "Drain":
				m.Drain(0)
			case "in a handler":
				m.Post(func() { m.Close() })
				spin(t, m, 1)
			case "after a panic":
				m.Post(func() { panic("test") })
				func() {
					defer func() { recover() }()
					spin(t, m, 2)
				}()
				if !m.Closing() {
					t.Error("not closing after a panic")
				}
				m.Close()
			}
			if len(got) != 3 || got[0] != "EvClose" || !m.Closing() {
				t.Errorf("got %v", got)
			}
		})
	}
}
