package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// drainTime is how long the program waits for acknowledgements after SIGINT.
const drainTime = 5 * time.Second

// bridge is the state of the program. It is the FnData of both sessions.
type bridge struct {
	from, to     *session.Session
	prefix       string
	held, limit  int          // bytes of messages that wait for the destination
	passed, lost int          // messages with an outcome
	log, limited *slog.Logger // limited: for what a broker can cause often

	source, destination session.Options
	subscription        session.Subscription
	ended               int   // sessions
	err                 error // the first error that ends the program
}

// handler is the handler of both sessions.
func handler(c *reactor.Conn, ev reactor.Event, data any) {
	b := c.FnData.(*bridge)
	switch ev {
	case reactor.EvSessionUp:
		up := data.(*session.Up)
		b.log.Info(fmt.Sprintf("CONNECTED to %s %s", b.name(up.Session), up.URL),
			"session", map[bool]string{true: "resumed", false: "new"}[up.Present])
		if up.Session == b.from && b.held > b.limit {
			c.Pause() // as the last connection was
		}
	case reactor.EvSessionDown:
		down := data.(*session.Down)
		b.down(down.Session, "DISCONNECTED from "+b.name(down.Session), down.Err, down.Final, down.Next)
	case reactor.EvSessionRetry:
		retry := data.(*session.Retry)
		b.down(retry.Session, fmt.Sprintf("NOT CONNECTED to %s %s", b.name(retry.Session), retry.URL),
			retry.Err, retry.Final, retry.Next)
	case reactor.EvMQTTMsg:
		b.receive(c, ev, data)
	case reactor.EvSessionSub:
		b.subscribed(data.(*session.SubResult))
	}
}

func (b *bridge) name(s *session.Session) string {
	if s == b.from {
		return "the source"
	}
	return "the destination"
}

// down is called when a connection or an attempt has ended.
func (b *bridge) down(s *session.Session, what string, err error, final bool, next time.Duration) {
	if !final {
		b.limited.Warn(fmt.Sprintf("%s: %v", what, err), "retry in", next.Round(time.Millisecond))
		return
	}
	if b.ended++; err != nil {
		b.err = cmp.Or(b.err, fmt.Errorf("%s: %w", b.name(s), err))
	}
	if b.from == nil { // start has failed
		return
	}
	b.from.Close() // the destination ends first, so that its acknowledgements reach the source
	b.to.Close()
}

func (b *bridge) subscribed(r *session.SubResult) {
	switch {
	case errors.Is(r.Err, session.ErrClosed): // the session has ended: the final event says why
	case r.Err != nil:
		b.err = cmp.Or(b.err, fmt.Errorf("the source: %w", r.Err))
		b.to.Close()
	case uint8(r.Code) < b.subscription.QoS:
		b.log.Warn("SUBSCRIBED to "+r.Filter+": the source grants less than -qos", "qos", uint8(r.Code))
	default:
		b.log.Info("SUBSCRIBED to "+r.Filter, "qos", uint8(r.Code))
	}
}

// count counts a message that the destination has, or that it will never have.
func (b *bridge) count(topic string, err error) {
	if err != nil {
		b.lost++
		b.limited.Warn("LOST "+topic, "reason", err)
		return
	}
	b.passed++
	b.log.Debug("PASSED " + topic)
}

// loop runs the event loop until both sessions have ended.
func (b *bridge) loop() error {
	m, err := reactor.New(reactor.WithLogger(b.log))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(func() { b.interrupt(m) }) })
	if err := b.start(m); err != nil {
		return err
	}
	for b.ended < 2 {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	b.log.Info("CLOSED", "passed", b.passed, "lost", b.lost)
	return b.err
}

// start makes both sessions.
func (b *bridge) start(m *reactor.Manager) (err error) {
	if b.to, err = session.New(m, &b.destination, handler, b); err != nil {
		return err
	}
	if b.from, err = session.New(m, &b.source, handler, b); err != nil {
		return err
	}
	return b.from.Subscribe(b.subscription)
}

// interrupt ends the sessions after SIGINT: first the destination's, when all messages have their
// outcome, but it does not wait long, and not for a broker that is not connected.
func (b *bridge) interrupt(m *reactor.Manager) {
	b.log.Info("interrupted")
	if !b.to.Connected() {
		b.to.Close()
		return
	}
	b.to.Drain()
	m.AddTimer(drainTime, reactor.TimerOnce, b.to.Close)
}
