package relay

import (
	"context"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// grace is how long connections may go on after a signal. Then they are reset.
const grace = 2 * time.Second

// Listen accepts the connections of clients, with the bounds of the options. fn is the handler of
// the listener and of each connection.
func Listen(m *reactor.Manager, url string, o *Options, fn reactor.Handler) (*reactor.Conn, error) {
	l, err := m.Listen(url, fn, nil)
	if err != nil {
		return nil, err
	}
	l.SetWater(low, high)
	return l, l.SetLimits(reactor.Limits{Conns: o.Conns, WhenFull: reactor.RefuseNew})
}

// Forward accepts connections and forwards each to the URL to.
func Forward(m *reactor.Manager, url, to string, o *Options) (*reactor.Conn, error) {
	log := termlog.Limit(m.Logger())
	return Listen(m, url, o, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			connect(c, to, o, log)
		}
	})
}

// connect makes a connection to the target and joins it with c.
func connect(c *reactor.Conn, to string, o *Options, log *slog.Logger) {
	d, err := c.Manager().Connect(to, nil, nil)
	if err != nil {
		log.Error("cannot connect", "id", c.ID(), "remote", c.RemoteAddr(), "url", to, "error", err)
		c.Abort()
		return
	}
	Join(c, d, o.Idle, log)
	c.Pause() // until d is connected
}

// RunThenShutDown runs the loop until ctx ends, and then shuts down as [ShutDown] does.
func RunThenShutDown(ctx context.Context, m *reactor.Manager, l *reactor.Conn) error {
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	return ShutDown(m, l)
}

// ShutDown closes the listener and waits until the connections have closed, for at most two
// seconds. It does not drain them: both peers would read an end of stream that the other has not
// sent.
func ShutDown(m *reactor.Manager, l *reactor.Conn) error {
	l.Close()
	late := false
	defer m.AddTimer(grace, reactor.TimerOnce, func() { late = true }).Stop()
	for !late && m.Stats().Conns > 0 {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	for c := range m.Conns() {
		c.Abort()
	}
	return m.Poll(0)
}
