package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// DefaultWait is the default of Collector.Wait.
const DefaultWait = time.Second

// Collector reads the statistics of managers. Its methods may be called from any goroutine, also
// in handlers of a manager that it reads. The zero Collector has no managers.
type Collector struct {
	// Wait is how long a manager may take to answer. A loop answers between two of its phases, so
	// one that takes longer is blocked by a handler, or nobody calls Poll. The other managers are
	// reported all the same. Zero means DefaultWait, 1 s. It must be set before the first use.
	Wait time.Duration

	mu       sync.Mutex
	managers []named
}

type named struct {
	name string
	m    *reactor.Manager
}

// A Sample is what one manager answered.
type Sample struct {
	Name  string        // as given to Add
	Stats reactor.Stats // zero if there is an error
	Err   error         // context.DeadlineExceeded after Wait; reactor.ErrClosed; nil if it answered
}

// New makes a Collector of one manager.
func New(name string, m *reactor.Manager) *Collector {
	c := new(Collector)
	c.managers = []named{{name, m}}
	return c
}

// ErrDuplicate is wrapped by the error of Add for a name that is in use.
var ErrDuplicate = errors.New("there is a manager with this name already")

// Add adds a manager. Its name becomes the label of its metrics. The error wraps ErrDuplicate if
// the name is in use.
func (c *Collector) Add(name string, m *reactor.Manager) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.managers, func(n named) bool { return n.name == name }) {
		return fmt.Errorf("metrics: name %q: %w", name, ErrDuplicate)
	}
	c.managers = append(c.managers, named{name, m})
	return nil
}

// Remove removes the manager with that name, if there is one. A manager that was closed stays until
// it is removed, and is reported as not up.
func (c *Collector) Remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.managers = slices.DeleteFunc(c.managers, func(n named) bool { return n.name == name })
}

// Collect asks all managers at the same time, and returns their samples in the order of Add. It
// waits for Collector.Wait at most, or until ctx is done.
func (c *Collector) Collect(ctx context.Context) []Sample {
	c.mu.Lock()
	managers := slices.Clone(c.managers)
	wait := c.Wait
	c.mu.Unlock()
	if wait == 0 {
		wait = DefaultWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	samples := make([]Sample, len(managers))
	var all sync.WaitGroup
	for i, n := range managers {
		s := &samples[i]
		s.Name = n.name
		if n.m.InHandler() { // Do would wait for itself
			s.Stats = n.m.Stats()
			continue
		}
		all.Go(func() { s.Err = n.m.Do(ctx, func() { s.Stats = n.m.Stats() }) })
	}
	all.Wait()
	return samples
}

// Prometheus returns the statistics in the text format of Prometheus, see Append.
func (c *Collector) Prometheus(ctx context.Context) []byte { return Append(nil, c.Collect(ctx)...) }

// String implements expvar.Var: it returns the statistics as JSON. The value is an object with one
// member for each manager. Its members are named like the metrics of Prometheus, without rikki_ and
// the unit. A manager that did not answer has the member error instead.
func (c *Collector) String() string {
	b := []byte{'{'}
	for i, s := range c.Collect(context.Background()) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendJSONString(b, s.Name), ": {"...)
		if s.Err != nil {
			b = appendJSONString(append(b, `"error": `...), s.Err.Error())
		} else {
			for k := range table {
				if k > 0 {
					b = append(b, ", "...)
				}
				b = append(appendJSONString(b, table[k].key()), ": "...)
				b = table[k].appendValue(b, &s.Stats)
			}
		}
		b = append(b, '}')
	}
	return string(append(b, '}'))
}

func appendJSONString(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string cannot fail
	return append(b, quoted...)
}
