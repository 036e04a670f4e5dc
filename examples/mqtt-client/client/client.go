// Package client is the program mqtt-client. It is a package so that store/bolt/mqtt-client can be
// the same program with a durable store.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// maxPending is the number of messages without an outcome above which -n publishes no more.
const maxPending = 1000

// drainTime is how long the program waits for acknowledgements after SIGINT.
const drainTime = 5 * time.Second

// client is the state of the handler. It is the connection's FnData.
type client struct {
	opts           session.Options
	topic, message string
	qos            uint8
	count          int           // messages to publish; 0: one for each connection
	timeout        time.Duration // for -n; 0: none
	log, limited   *slog.Logger  // limited: for what a server can cause often

	session   *session.Session
	published int // including those of an earlier run that were in the store
	good      int // acknowledged; at QoS 0: sent
	bad       int // other outcomes
	kept      int // of bad: a store still has the message
	connected bool
	stopping  bool
	last      error // why the last connection or attempt has ended
	err       error // the first error that ends the program
	done      bool
}

// handler is the handler of the session. It gets the events of each of its connections.
func handler(c *reactor.Conn, ev reactor.Event, data any) {
	cl := c.FnData.(*client)
	switch ev {
	case reactor.EvSessionUp:
		cl.up(data.(*session.Up))
	case reactor.EvSessionDown:
		down := data.(*session.Down)
		cl.lost("DISCONNECTED", down.Err, down.Final, down.Next)
	case reactor.EvSessionRetry:
		retry := data.(*session.Retry)
		cl.lost("NOT CONNECTED to "+retry.URL, retry.Err, retry.Final, retry.Next)
	case reactor.EvSessionSub:
		cl.subscribed(data.(*session.SubResult))
	case reactor.EvMQTTMsg:
		m := data.(*mqtt.Message)
		cl.limited.Info(fmt.Sprintf("RECEIVED %s <- %s", m.Data, m.Topic))
	case reactor.EvSessionPub:
		cl.outcome(data.(*session.Outcome))
	}
}

// up is called for each new connection of the session.
func (cl *client) up(up *session.Up) {
	cl.connected = true
	cl.log.Info("CONNECTED to "+up.URL, "session", map[bool]string{true: "resumed", false: "new"}[up.Present])
	if cl.count == 0 {
		cl.publish()
	}
}

// lost is called when a connection or an attempt has ended.
func (cl *client) lost(what string, err error, final bool, next time.Duration) {
	cl.connected, cl.last = false, err
	switch {
	case final:
		cl.err, cl.done = cmp.Or(cl.err, err), true
	case err != nil:
		cl.limited.Warn(fmt.Sprintf("%s: %v", what, err), "retry in", next.Round(time.Millisecond))
	}
}

func (cl *client) subscribed(r *session.SubResult) {
	if errors.Is(r.Err, session.ErrClosed) {
		return // the session has ended: the final event says why
	}
	if r.Err != nil {
		cl.err = cmp.Or(cl.err, r.Err)
		cl.stop()
		return
	}
	cl.log.Info("SUBSCRIBED to "+r.Filter, "qos", uint8(r.Code))
}

// progress returns the level of the records about single messages. With -n there are many.
func (cl *client) progress() slog.Level {
	if cl.count > 0 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// publish publishes one message. It returns false if the queue is full or the message is invalid.
// If the queue is full with -n, the message waits for the next outcome.
func (cl *client) publish() bool {
	_, err := cl.session.Publish(&session.Message{Topic: cl.topic, Data: []byte(cl.message), QoS: cl.qos})
	switch {
	case err != nil && cl.count > 0 && errors.Is(err, session.ErrQueueFull) && cl.session.Pending() > 0:
		return false
	case err != nil:
		cl.err = cmp.Or(cl.err, err)
		cl.stop()
		return false
	}
	cl.published++
	cl.log.Log(context.Background(), cl.progress(), fmt.Sprintf("PUBLISHED %s -> %s", cl.message, cl.topic))
	return true
}

// publishAll publishes the messages of -n, but not too many at once.
func (cl *client) publishAll() {
	for !cl.stopping && cl.published < cl.count && cl.published-cl.good-cl.bad < maxPending && cl.publish() {
	}
	if cl.count > 0 && cl.good+cl.bad == cl.count {
		cl.stop()
	}
}

// outcome is called once for each message.
func (cl *client) outcome(o *session.Outcome) {
	switch o.Result {
	case session.Sent, session.Acknowledged:
		cl.good++
		cl.log.Log(context.Background(), cl.progress(), map[session.Result]string{
			session.Sent: "SENT", session.Acknowledged: "ACKNOWLEDGED"}[o.Result], "message", uint64(o.Handle))
	default:
		cl.bad++
		if o.Stored {
			cl.kept++
		} else {
			cl.limited.Warn("LOST", "message", uint64(o.Handle), "reason", o.Err)
		}
	}
	cl.publishAll()
}

// stop ends the session when each message has its outcome.
func (cl *client) stop() {
	if !cl.stopping {
		cl.stopping = true
		cl.session.Drain()
	}
}

// loop runs the event loop until the session has ended.
func (cl *client) loop() error {
	m, err := reactor.New(reactor.WithLogger(cl.log))
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	context.AfterFunc(ctx, func() { m.Post(func() { cl.interrupt(m) }) })
	if cl.session, err = session.New(m, &cl.opts, handler, cl); err != nil {
		return err
	}
	if n := cl.session.Pending(); n > 0 {
		cl.log.Info("RESUMED messages of an earlier run", "count", n)
		cl.published += n
		cl.count += min(cl.count, 1) * n
	}
	if cl.count == 0 {
		if err := cl.session.Subscribe(session.Subscription{Filter: cl.topic, QoS: cl.qos}); err != nil {
			return err
		}
	}
	cl.publishAll()
	if cl.timeout > 0 {
		m.AddTimer(cl.timeout, reactor.TimerOnce, func() {
			cl.err = fmt.Errorf("not all messages had their outcome within %v", cl.timeout)
			if !cl.connected && cl.last != nil {
				cl.err = fmt.Errorf("%w; the last attempt: %w", cl.err, cl.last)
			}
			cl.session.Close()
		})
	}
	for !cl.done {
		if err := m.Poll(time.Second); err != nil {
			return err
		}
	}
	return cl.result()
}

// interrupt ends the session after SIGINT. It waits for acknowledgements, but not for long, and not
// for a server that is not connected.
func (cl *client) interrupt(m *reactor.Manager) {
	cl.log.Info("interrupted")
	if cl.count > cl.published {
		cl.err = fmt.Errorf("interrupted after %d of %d messages", cl.published, cl.count)
	}
	if !cl.connected {
		if cl.count+cl.published == 0 {
			cl.err = errors.New("interrupted while not connected")
			if cl.last != nil {
				cl.err = fmt.Errorf("%w: %w", cl.err, cl.last)
			}
		}
		cl.session.Close()
		return
	}
	m.AddTimer(drainTime, reactor.TimerOnce, func() { cl.session.Close() })
	cl.stop()
}

// result logs the counts and returns the error of the program.
func (cl *client) result() error {
	what := "acknowledged"
	if cl.qos == 0 {
		what = "sent"
	}
	cl.log.Info("CLOSED", "published", cl.published, what, cl.good)
	switch {
	case cl.err != nil:
		return cl.err
	case cl.kept > 0:
		return fmt.Errorf("%d of %d messages were not %s; %d of them are in the store", cl.bad, cl.published, what, cl.kept)
	case cl.good < cl.published:
		return fmt.Errorf("%d of %d messages were not %s", cl.published-cl.good, cl.published, what)
	}
	return nil
}
