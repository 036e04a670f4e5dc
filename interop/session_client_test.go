package interop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// sessionClient is a session of package session. It counts what its handlers get.
type sessionClient struct {
	*loop
	*session.Session
	name string

	ups     []bool         // Session Present of each connection
	last    error          // of the last EvSessionDown or EvSessionRetry
	finals  int            // events with Final
	resumed int            // results of subscriptions that the session has repeated
	got     map[string]int // received messages, as "topic=data"
	pending int            // published messages without an outcome
	results map[session.Result]int
	lossy   bool // the server may lose messages that are in flight
	refused bool // the server refuses the login

	onOutcome, onMessage func() // nil, or called with each
}

// session makes a session, which connects soon.
func (l *loop) session(name, url string, version uint8, change ...func(*session.Options)) *sessionClient {
	l.t.Helper()
	c := &sessionClient{loop: l, name: name, got: map[string]int{}, results: map[session.Result]int{}}
	o := &session.Options{
		URLs:    []string{url},
		Login:   mqtt.Options{ClientID: name, Version: version, User: user, Password: password},
		Expiry:  time.Hour,
		Backoff: session.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
	}
	if secure(url) {
		o.Login.TLS = identities().client()
	}
	for _, f := range change {
		f(o)
	}
	var err error
	if c.Session, err = session.New(l.m, o, c.handle, nil); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Logf("%s: Session Present %v, last error %v, %d outcomes missing (Pending %d), results %v, %d messages",
				c.name, c.ups, c.last, c.pending, c.Pending(), c.results, len(c.got))
		}
	})
	return c
}

func (c *sessionClient) handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvSessionUp:
		c.ups = append(c.ups, data.(*session.Up).Present)
	case reactor.EvSessionDown:
		d := data.(*session.Down)
		c.lost(d.Err, d.Final)
	case reactor.EvSessionRetry:
		r := data.(*session.Retry)
		c.lost(r.Err, r.Final)
	case reactor.EvMQTTMsg:
		c.t.Errorf("%s: a message for no subscription: %s", c.name, data.(*mqtt.Message).Topic)
	case reactor.EvSessionPub:
		c.t.Errorf("%s: an outcome without its Done", c.name)
	}
}

func (c *sessionClient) lost(err error, final bool) {
	c.last = err
	if final {
		c.finals++
	}
}

// untilOf is until, and fails at once if the session has ended.
func (c *sessionClient) untilOf(what string, done func() bool) {
	c.t.Helper()
	c.until(c.name+"'s "+what, func() bool {
		if done() {
			return true
		}
		if c.finals > 0 {
			c.t.Fatalf("%s has ended: %v", c.name, c.last)
		}
		return false
	})
}

// up waits until the session is connected for the nth time, and compares Session Present.
func (c *sessionClient) up(n int, present bool) {
	c.t.Helper()
	c.untilOf(fmt.Sprint("connection ", n), func() bool { return len(c.ups) >= n })
	if len(c.ups) != n || c.ups[n-1] != present {
		c.t.Fatalf("%s: Session Present of its connections %v, want %v at number %d", c.name, c.ups, present, n)
	}
}

// down waits until the session has no connection.
func (c *sessionClient) down() {
	c.t.Helper()
	c.untilOf("end of the connection", func() bool { return !c.Connected() })
}

// on subscribes with a handler, and waits for the server's answer.
func (c *sessionClient) on(filter string, qos uint8, then ...func(*mqtt.Message)) {
	c.t.Helper()
	answered := false
	err := c.Subscribe(session.Subscription{Filter: filter, QoS: qos,
		Fn: func(_ *reactor.Conn, _ reactor.Event, data any) { c.received(filter, data.(*mqtt.Message), then) },
		Done: func(r *session.SubResult) {
			if r.Err != nil || uint8(r.Code) != qos {
				c.t.Errorf("%s: subscription to %s: code %d, %v", c.name, filter, r.Code, r.Err)
			}
			if r.Resumed {
				c.resumed++
			}
			answered = true
		}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.untilOf("subscription to "+filter, func() bool { return answered })
}

// received is called by the handler of a filter.
func (c *sessionClient) received(filter string, m *mqtt.Message, then []func(*mqtt.Message)) {
	if !strings.HasPrefix(string(m.Topic), strings.TrimRight(filter, "/+#")) {
		c.t.Errorf("%s: the handler of %s got %s", c.name, filter, m.Topic)
	}
	c.got[fmt.Sprintf("%s=%s", m.Topic, m.Data)]++
	for _, f := range then {
		f(m)
	}
	if c.onMessage != nil {
		c.onMessage()
	}
}

// publish publishes a message, and returns "topic=data".
func (c *sessionClient) publish(topic, data string, qos uint8, props ...mqtt.Property) string {
	c.t.Helper()
	c.pending++
	msg := &session.Message{Topic: topic, Data: []byte(data), QoS: qos, Props: props}
	msg.Done = func(o *session.Outcome) {
		c.pending--
		c.results[o.Result]++
		switch {
		case o.Result == session.Sent && qos == 0, o.Result == session.Acknowledged && qos > 0:
		case c.lossy && qos == 0 && errors.Is(o.Err, session.ErrConnectionLost):
		case c.lossy && qos == 2 && (errors.Is(o.Err, session.ErrSessionLost) || o.Code == mqtt.ReasonPacketIDInUse):
		case c.refused && o.Result == session.Abandoned:
		default:
			c.t.Errorf("%s: %s=%s has outcome %d: code %#x, %v", c.name, topic, data, o.Result, uint8(o.Code), o.Err)
		}
		if c.onOutcome != nil {
			c.onOutcome()
		}
	}
	if _, err := c.Publish(msg); err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
	return topic + "=" + data
}

// settled waits until all messages have their outcome.
func (c *sessionClient) settled() {
	c.t.Helper()
	c.untilOf("outcomes", func() bool { return c.pending == 0 })
	if n := c.Pending(); n != 0 {
		c.t.Errorf("%s: %d messages are pending although each has its outcome", c.name, n)
	}
}

// has waits until each of the messages, as "topic=data", has come.
func (c *sessionClient) has(messages ...string) {
	c.t.Helper()
	missing := func(m string) bool { return c.got[m] == 0 }
	defer func() { // also after Fatalf
		for _, m := range messages {
			if c.t.Failed() && missing(m) {
				c.t.Logf("%s has not got %q", c.name, m)
			}
		}
	}()
	c.untilOf("messages", func() bool { return !slices.ContainsFunc(messages, missing) })
}

// once checks that each message has come once, except for the topics in again.
func (c *sessionClient) once(again ...string) {
	c.t.Helper()
	for m, n := range c.got {
		if topic, _, _ := strings.Cut(m, "="); n != 1 && !slices.Contains(again, topic) {
			c.t.Errorf("%s got %q %d times", c.name, m, n)
		}
	}
}

// end closes the session and waits for its last event.
func (c *sessionClient) end() {
	c.t.Helper()
	c.Close()
	c.until(c.name+"'s last event", func() bool { return c.finals > 0 })
	if c.last != nil || c.finals != 1 {
		c.t.Errorf("%s: after Close %d final events, error %v", c.name, c.finals, c.last)
	}
}
