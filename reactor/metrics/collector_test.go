package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/metrics"
)

var _ expvar.Var = (*metrics.Collector)(nil)

// run makes a manager whose loop runs until the test ends.
func run(t *testing.T) *reactor.Manager {
	t.Helper()
	m := looptest.NewManager(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return m
}

// All managers are asked. One that does not answer delays the result by Wait only, and a closed one
// does not.
func TestCollect(t *testing.T) {
	busy := run(t)
	looptest.Must(t, busy.Do(t.Context(), func() {
		_, err := busy.Listen("tcp://127.0.0.1:0", nil, nil)
		looptest.Must(t, err)
	}))
	idle, closed := run(t), looptest.NewManager(t)
	stuck := looptest.NewManager(t) // nobody calls Poll
	closed.Close()
	c := metrics.New("busy", busy)
	c.Wait = 50 * time.Millisecond
	for name, m := range map[string]*reactor.Manager{"idle": idle, "closed": closed, "stuck": stuck} {
		looptest.Must(t, c.Add(name, m))
	}
	if err := c.Add("idle", busy); !errors.Is(err, metrics.ErrDuplicate) {
		t.Errorf("Add of a name in use returned %v", err)
	}
	want := map[string]error{"busy": nil, "idle": nil, "closed": reactor.ErrClosed, "stuck": context.DeadlineExceeded}
	samples := c.Collect(t.Context())
	for _, s := range samples {
		if err, ok := want[s.Name]; !ok || s.Err != err {
			t.Errorf("%s: error %v, want %v", s.Name, s.Err, err)
		}
		if listeners := s.Stats.Listeners; listeners > 0 != (s.Name == "busy") {
			t.Errorf("%s: %d listeners", s.Name, listeners)
		}
	}
	if len(samples) != len(want) || samples[0].Name != "busy" {
		t.Errorf("%d samples, the first of %s", len(samples), samples[0].Name)
	}
	c.Remove("stuck")
	c.Remove("closed")
	if samples := c.Collect(t.Context()); len(samples) != 2 {
		t.Errorf("%d samples after Remove", len(samples))
	}
}

// A handler of a manager may read it: it does not wait for itself.
func TestCollectInHandler(t *testing.T) {
	m := run(t)
	c := metrics.New("own", m)
	looptest.Must(t, m.Do(t.Context(), func() {
		if s := c.Collect(context.Background()); s[0].Err != nil || s[0].Stats.Turns == 0 {
			t.Errorf("%+v", s[0])
		}
	}))
}

// String is JSON with one object for each manager.
func TestString(t *testing.T) {
	m, closed := run(t), looptest.NewManager(t)
	closed.Close()
	c := metrics.New(`a "name"`, m)
	looptest.Must(t, c.Add("closed", closed))
	var got map[string]map[string]any
	text := c.String()
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	own := got[`a "name"`]
	if turns, _ := own["turns"].(float64); turns < 1 || own["connections"] != 0.0 || own["timer_lag"] == nil {
		t.Errorf("%s", text)
	}
	if got["closed"]["error"] != reactor.ErrClosed.Error() || len(got["closed"]) != 1 {
		t.Errorf("%s", text)
	}
	if text := new(metrics.Collector).String(); text != "{}" {
		t.Errorf("without managers: %s", text)
	}
}
