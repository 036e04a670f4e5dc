package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The loop does not block before it has logged an error that was not handled.
func TestUnhandledErrorIsLoggedBeforeBlocking(t *testing.T) {
	m, b, _ := logging(t)
	closed := false
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) { closed = closed || ev == reactor.EvClose })
	spin(t, m, 2)
	c.Fail(errors.New("the reason"))
	for range turns {
		if m.NextTimeout() > 0 {
			break
		}
		m.Poll(0)
	}
	if !closed || len(b.unhandled(t)) != 1 {
		t.Errorf("closed %v, logged %q, want one record", closed, b.unhandled(t))
	}
}

// logbook is a slog.Handler that keeps its records.
type logbook struct{ records []slog.Record }

func (*logbook) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (b *logbook) WithAttrs([]slog.Attr) slog.Handler             { return b }
func (b *logbook) WithGroup(string) slog.Handler                  { return b }
func (b *logbook) Handle(_ context.Context, r slog.Record) error {
	b.records = append(b.records, r.Clone())
	return nil
}

// unhandled returns the attributes of each record about an error that was not handled.
func (b *logbook) unhandled(t *testing.T) (all []string) {
	t.Helper()
	for _, r := range b.records {
		if r.Message != "error not handled" {
			continue
		}
		if r.Level != slog.LevelWarn {
			t.Errorf("level %v, want Warn", r.Level)
		}
		var text strings.Builder
		r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&text, "%s=%v ", a.Key, a.Value.Any()); return true })
		all = append(all, text.String())
	}
	return all
}

// logging makes a manager that logs to a logbook.
func logging(t *testing.T, opts ...reactor.Option) (*reactor.Manager, *logbook, *looptest.Clock) {
	t.Helper()
	b := &logbook{}
	m, k := timed(t, append(opts, reactor.WithLogger(slog.New(b)))...)
	return m, b, k
}

// failedFor is an error type for errors.As.
type failedFor struct{ why string }

func (e *failedFor) Error() string { return e.why }

var errReason = errors.New("the reason")

// errorUses are what handlers do with the data of EvError, and whether the error counts as
// handled.
var errorUses = map[string]struct {
	use     func(data any)
	handled bool
}{
	"not at all":        {func(any) {}, false},
	"only its type":     {func(data any) { _ = data.(error) }, false},
	"only whether":      {func(data any) { _ = data != nil }, false},
	"Error":             {func(data any) { _ = data.(error).Error() }, true},
	"errors.Is":         {func(data any) { _ = errors.Is(data.(error), errReason) }, true},
	"errors.Is another": {func(data any) { _ = errors.Is(data.(error), io.EOF) }, true},
	"errors.As":         {func(data any) { _ = errors.As(data.(error), new(*failedFor)) }, true},
	"errors.As another": {func(data any) { _ = errors.As(data.(error), new(*net.OpError)) }, true},
	"errors.Unwrap":     {func(data any) { _ = errors.Unwrap(data.(error)) }, true},
	"fmt %v":            {func(data any) { fmt.Fprintf(io.Discard, "%v", data) }, true},
	"fmt %s":            {func(data any) { fmt.Fprintf(io.Discard, "%s", data) }, true},
	"fmt.Fprintln":      {func(data any) { fmt.Fprintln(io.Discard, data) }, true},
	"wrapped by %w":     {func(data any) { _ = fmt.Errorf("failed: %w", data.(error)) }, true},
	"errors.Join, Is":   {func(data any) { _ = errors.Is(errors.Join(data.(error)), errReason) }, true},
	"slog":              {func(data any) { slog.New(slog.NewTextHandler(io.Discard, nil)).Error("x", "error", data) }, true},
}

// An error that no handler uses is logged once. An error that a handler uses is not logged.
func TestUnhandledErrorsAreLoggedOnce(t *testing.T) {
	for name, row := range errorUses {
		for _, when := range []string{"between two Polls", "within a handler", "a timer"} {
			t.Run(name+", "+when, func(t *testing.T) {
				m, book, _ := logging(t)
				r := &recorder{}
				fail := func(c *reactor.Conn) { c.Fail(fmt.Errorf("wrapped: %w", errReason)) }
				c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
					r.Events = append(r.Events, ev)
					switch ev {
					case reactor.EvError:
						row.use(data)
					case reactor.EvRead:
						fail(c)
					}
				})
				spin(t, m, 1)
				switch when {
				case "between two Polls":
					fail(c)
				case "within a handler":
					p.WriteString("x")
				case "a timer":
					m.AddTimer(0, reactor.TimerOnce, func() { fail(c) })
				}
				await(t, m, "EvClose", r.Closed)
				spin(t, m, 5)
				got := book.unhandled(t)
				want := map[bool]int{false: 1}[row.handled]
				if len(got) != want {
					t.Fatalf("%d records, want %d: %q", len(got), want, got)
				}
				if want == 1 && (!strings.Contains(got[0], "wrapped: the reason") || !strings.Contains(got[0], fmt.Sprint("id=", c.ID()))) {
					t.Errorf("the record is %q, want the error and the ID %d", got[0], c.ID())
				}
			})
		}
	}
}

// errorLayer is a layer that uses the error of EvError.
type errorLayer struct{}

func (*errorLayer) Handle(_ *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvError {
		_ = data.(error).Error()
	}
}

// A layer may handle the error, or the handler later in the same turn.
func TestErrorsHandledByLayersOrLater(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(c *reactor.Conn)
		want    int
	}{
		"no handler":             {func(c *reactor.Conn) { c.Fn = nil }, 1},
		"no handler, a layer":    {func(c *reactor.Conn) { c.Fn = nil; c.Stack().Push(&indifferent{}) }, 1},
		"a layer":                {func(c *reactor.Conn) { c.Fn = nil; c.Stack().Push(&errorLayer{}) }, 0},
		"a layer, not a handler": {func(c *reactor.Conn) { c.Stack().Push(&errorLayer{}) }, 0},
		"EvClose": {func(c *reactor.Conn) {
			var kept error
			c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvError:
					kept = data.(error)
				case reactor.EvClose:
					_ = kept.Error()
				}
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, book, _ := logging(t)
			c, _ := wrap(t, m, func(*reactor.Conn, reactor.Event, any) {})
			row.prepare(c)
			spin(t, m, 1)
			m.AddTimer(0, reactor.TimerOnce, func() { c.Fail(errReason) })
			spin(t, m, 5)
			if got := book.unhandled(t); len(got) != row.want {
				t.Errorf("%d records, want %d: %q", len(got), row.want, got)
			}
		})
	}
}

// loopFailures cause errors that the loop raises itself.
var loopFailures = map[string]func(t *testing.T, m *reactor.Manager, k *looptest.Clock, fn reactor.Handler){
	"refused": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, -1) // does not listen
		dial(t, m, urlOf(at.String()), fn)
	},
	"reset": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		_, f := reach(t, m, "tcp server", fn, nil)
		f.Reset()
	},
	"a write": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		c, p := wrap(t, m, fn)
		p.Close()
		c.Write([]byte("x"))
	},
	"a deadline": func(t *testing.T, m *reactor.Manager, k *looptest.Clock, fn reactor.Handler) {
		c, _ := wrap(t, m, fn)
		c.SetDeadlines(reactor.Deadlines{Life: time.Second})
		spin(t, m, 1)
		k.Advance(time.Second)
	},
	"a limit": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		c, _ := wrap(t, m, fn)
		c.SetLimits(reactor.Limits{Send: 1})
		c.Write(make([]byte, moreThanFits))
	},
	"TLS truncated": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		_, f := reach(t, m, "TLS 1.3 server", fn, nil)
		f.Shutdown()
	},
	"no certificate": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		listen(t, m, "tls://127.0.0.1:0", fn).StartTLS(nil)
	},
	"end within a message": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		c, p := wrap(t, m, fn)
		c.Stack().Push(&lines{})
		p.WriteString("x")
		p.Shutdown()
	},
	"Fail of nothing": func(t *testing.T, m *reactor.Manager, _ *looptest.Clock, fn reactor.Handler) {
		c, _ := wrap(t, m, fn)
		c.Fail(nil)
	},
}

// Errors that the loop raises itself are logged if no handler uses them, whatever the
// cause.
func TestUnhandledErrorsOfTheLoop(t *testing.T) {
	for name, cause := range loopFailures {
		for _, handled := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " handled ", handled), func(t *testing.T) {
				m, book, k := logging(t)
				closed, text := false, ""
				cause(t, m, k, func(c *reactor.Conn, ev reactor.Event, data any) {
					switch {
					case ev == reactor.EvError && handled:
						text = data.(error).Error()
					case ev == reactor.EvClose && !c.IsListening() || ev == reactor.EvClose && name == "no certificate":
						closed = true
					}
				})
				await(t, m, "EvClose", func() bool { return closed })
				spin(t, m, 3)
				got := book.unhandled(t)
				if want := map[bool]int{false: 1}[handled]; len(got) != want || handled && text == "" {
					t.Errorf("%d records, want %d: %q", len(got), want, got)
				}
			})
		}
	}
}

// The data of EvError wraps the cause.
func TestErrorDataWrapsTheCause(t *testing.T) {
	m, book, _ := logging(t)
	cause := &failedFor{"too long"}
	raised := 0
	c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev != reactor.EvError {
			return
		}
		raised++
		err := data.(error)
		var as *failedFor
		var timeout net.Error
		if !errors.Is(err, cause) || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &as) || as != cause || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("error %v (%T) does not wrap its cause", err, err)
		}
		if !strings.Contains(err.Error(), "too long") {
			t.Errorf("error %q does not contain its cause", err)
		}
	})
	c.Fail(errors.Join(cause, &reactor.DeadlineError{Deadline: "x"}))
	if spin(t, m, 3); raised != 1 || len(book.unhandled(t)) > 0 {
		t.Errorf("EvError came %d times, want once; logged %q", raised, book.unhandled(t))
	}
}

// The errors of several connections are logged once each, except those that were handled.
func TestUnhandledErrorsOfSeveralConnections(t *testing.T) {
	for _, polls := range []int{0, 1} { // all in one turn, or a turn for each
		m, book, _ := logging(t)
		var want []string
		for i := range 6 {
			fn := func(_ *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvError && i%3 == 0 {
					_ = data.(error).Error()
				}
			}
			c, _ := wrap(t, m, fn)
			c.Fail(fmt.Errorf("reason %d", i))
			c.Fail(errors.New("not the first"))
			if i%3 != 0 {
				want = append(want, fmt.Sprint("reason ", i))
			}
			spin(t, m, polls)
		}
		spin(t, m, 3)
		got := book.unhandled(t)
		if len(got) != len(want) {
			t.Fatalf("records %q, want %q", got, want)
		}
		for i := range got {
			if !strings.Contains(got[i], want[i]) || strings.Contains(got[i], "not the first") {
				t.Errorf("record %d is %q, want %q", i, got[i], want[i])
			}
		}
	}
}
