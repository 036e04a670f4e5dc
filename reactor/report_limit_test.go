package reactor_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// noisy cause one record each.
var noisy = map[string]func(t *testing.T, m *reactor.Manager) (once func()){
	"error not handled": func(t *testing.T, m *reactor.Manager) func() {
		return func() {
			c, _ := wrap(t, m, nil)
			c.Fail(errOops)
			spin(t, m, 2)
		}
	},
	"error not handled, from a call of a protocol": func(t *testing.T, m *reactor.Manager) func() {
		c, _ := wrap(t, m, nil)
		return func() {
			_ = c.Stack().Report(errOops)
			spin(t, m, 2)
		}
	},
	"flight recorder": func(t *testing.T, m *reactor.Manager) func() {
		return func() {
			c, _ := wrap(t, m, nil)
			c.SetRecorder(&reactor.Recorder{Entries: 1, Bytes: 1})
			c.Fail(errOops)
			spin(t, m, 2)
		}
	},
	"datagram not sent": func(t *testing.T, m *reactor.Manager) func() {
		l, err := m.ListenFD(boundUnix(t, unix.SOCK_DGRAM, filepath.Join(t.TempDir(), "s")), nil, nil)
		looptest.Must(t, err)
		return func() {
			l.Send.AppendString("to nobody")
			spin(t, m, 2)
		}
	},
	"handler panicked": func(t *testing.T, m *reactor.Manager) func() {
		l := listen(t, m, "udp://127.0.0.1:0", reactor.Recover(func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvUser {
				explode()
			}
		}))
		return func() { l.Call(reactor.EvUser, nil) }
	},
}

// The manager logs a burst of 100 records that connections cause, and 10 in each second after
// that. A second after the first one that it suppresses, it logs how many there were.
func TestRecordsAreLimited(t *testing.T) {
	for name, start := range noisy {
		t.Run(name, func(t *testing.T) {
			var log looptest.Warnings
			clock := looptest.NewClock()
			m := newManager(t, reactor.WithLogger(log.Logger()), reactor.WithClock(clock.Now))
			once := start(t, m)
			want := func(what string, n int) {
				t.Helper()
				lines := log.Take()
				if len(lines) != n {
					t.Fatalf("%s: %d records, want %d", what, len(lines), n)
				}
				if msg, _, _ := strings.Cut(name, ","); n > 0 && !strings.Contains(lines[0], msg) {
					t.Errorf("%s: logged %s", what, lines[0])
				}
			}
			for range 100 {
				once()
			}
			want("the burst", 100)
			if n := m.Stats().Suppressed; n != 0 {
				t.Errorf("%d suppressed", n)
			}
			for range 3 {
				once()
			}
			want("beyond the burst", 0)
			clock.Advance(time.Second - 1)
			spin(t, m, 2)
			want("before a second has passed", 0)
			clock.Advance(1)
			spin(t, m, 2)
			log.WantOne(t, "records suppressed", "count=3")
			for range 11 {
				once()
			}
			want("a second later", 10)
			if n := m.Stats().Suppressed; n != 4 {
				t.Errorf("%d suppressed, want 4", n)
			}
			looptest.Must(t, m.Close())
			log.WantOne(t, "records suppressed", "count=1")
		})
	}
}

// An error that the program handles takes no place in the burst.
func TestHandledErrorsDoNotCount(t *testing.T) {
	var log looptest.Warnings
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithLogger(log.Logger()), reactor.WithClock(clock.Now))
	for range 200 {
		c, _ := wrap(t, m, (&recorder{}).Handle)
		c.Fail(errOops)
		spin(t, m, 2)
	}
	c, _ := wrap(t, m, nil)
	c.Fail(errors.New("the first in the log"))
	spin(t, m, 2)
	log.WantOne(t, "error not handled", "the first in the log")
}
