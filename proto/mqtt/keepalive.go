package mqtt

import (
	"time"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Keep-alive of a client [MQTT-3.1.2-23] [MQTT-3.1.2-20].
//
// A client sends PINGREQ when it has sent nothing for the keep-alive interval, and fails if the
// server does not answer. It also sends PINGREQ when the server has sent nothing for the interval.
// Otherwise a client that only publishes at QoS 0 would not notice that its server has vanished.
//
// The interval between two packets must not exceed the keep-alive, and a timer fires late. So the
// PINGREQ leaves a little earlier, see period.
//
//	what                 CONNECT was   CONNACK       each write     PINGREQ      PINGRESP
//	                     written       arrived       of a packet    written      arrived
//	keepAlive.due        -             starts        moves it       restarts     -
//	keepAlive.overdue    -             -             -              starts       stops
//
// A write does not move a timer. It only stores the time, and the deadline looks at it when it
// passes.

// DefaultPingTimeout is how long a client waits for PINGRESP, if its keep-alive is not shorter.
const DefaultPingTimeout = 10 * time.Second

// keepAlive is the state of the keep-alive of a client. A connection without has none.
type keepAlive struct {
	due     reactor.Deadline // of the next PINGREQ; it also runs in a pause
	overdue reactor.Deadline // of the answer; it stops in a pause, as the answer is not read then

	interval time.Duration // the keep-alive; 0 is off
	timeout  time.Duration // for the answer; not above 0 means that no answer is required

	sentAt   time.Time // when the socket took a packet last; zero before CONNECT
	heardAt  time.Time // not before the last input, apart from what heard says
	unsent   int       // number of bytes in Send up to the end of a PINGREQ; 0 if it is written
	started  bool      // CONNACK has arrived
	heard    bool      // input has arrived since heardAt
	appended bool      // a packet was appended to Send, and nothing was written since
	waiting  bool      // overdue was started, and no answer has arrived
	byHand   bool      // a connection of Login on a WebSocket: PINGREQ needs a frame
	framed   bool      // a WebSocket: not every written byte is MQTT
}

// newKeepAlive returns the keep-alive that opts ask for. A 5.0 server may ask for one if opts do
// not. So newKeepAlive returns nil for 3.1.1 only.
func (l *layer) newKeepAlive(opts *Options, framed bool) *keepAlive {
	if opts.KeepAlive == 0 && opts.version() != 5 {
		return nil
	}
	k := &keepAlive{interval: opts.KeepAlive, timeout: opts.PingTimeout, framed: framed, byHand: framed && l.role == manual}
	k.due = reactor.Deadline{Name: "keep-alive", RunWhilePaused: true, NoRead: true, Expired: l.keepAliveDue}
	k.overdue = reactor.Deadline{Name: "PINGRESP"}
	return k
}

// period returns how long this side may be silent before it sends PINGREQ: a tenth of the interval
// less than that, but at most 1 s less.
func (k *keepAlive) period() time.Duration { return k.interval - min(k.interval/10, time.Second) }

// answerTimeout returns how long the answer may take.
func (k *keepAlive) answerTimeout() time.Duration {
	if k.timeout == 0 {
		return min(k.interval, DefaultPingTimeout)
	}
	return k.timeout
}

// startKeepAlive is called when CONNACK has accepted the connection. A Server Keep Alive in m
// replaces the keep-alive of CONNECT [MQTT-3.2.2-21]. m is nil if the layer does not see CONNACK.
func (l *layer) startKeepAlive(c *reactor.Conn, m *Message) {
	k := l.keepAlive
	if k == nil {
		return
	}
	if m != nil {
		if seconds, ok := m.intProp(PropServerKeepAlive); ok {
			k.interval = time.Duration(seconds) * time.Second
		}
	}
	now := c.Manager().Now()
	if !k.started {
		k.started, k.heardAt = true, now
	}
	switch {
	case k.interval > 0:
		l.awaitDue(c, now)
	case m != nil: // without the CONNACK a Server Keep Alive may still come
		l.stopKeepAlive(c)
	}
}

// stopKeepAlive ends the keep-alive of the connection. It does nothing if there is none.
func (l *layer) stopKeepAlive(c *reactor.Conn) {
	if k := l.keepAlive; k != nil {
		c.Stack().StopDeadline(&k.due)
		c.Stack().StopDeadline(&k.overdue)
		l.keepAlive = nil
	}
}

// awaitDue starts the deadline of the next PINGREQ. If it is due already, it is sent after the
// handlers have returned: a program may be about to frame what it has appended to Send.
func (l *layer) awaitDue(c *reactor.Conn, now time.Time) {
	k := l.keepAlive
	first := k.sentAt
	if k.heardAt.Before(first) {
		first = k.heardAt
	}
	c.Stack().StartDeadline(&k.due, max(k.period()-now.Sub(first), 1))
}

// keepAliveDue is called when this side or the server may have been silent for the interval.
func (l *layer) keepAliveDue(c *reactor.Conn) {
	k := l.keepAlive
	if k == nil || l.phase == disconnected || c.Stack().Draining() {
		return
	}
	now := c.Manager().Now()
	if k.heard {
		k.heard, k.heardAt = false, now
	}
	if now.Sub(k.sentAt) >= k.period() || now.Sub(k.heardAt) >= k.period() {
		if err := l.keepAlivePing(c); err == ws.ErrMessageOpen { // a Writer is in the middle of a message
			c.Stack().StartDeadline(&k.due, min(k.period(), time.Second))
			return
		} else if err != nil {
			l.failIfTooSmall(c, err)
			return
		}
		k.sentAt, k.heardAt = now, now
	}
	l.awaitDue(c, now)
}

// keepAlivePing sends PINGREQ. It does nothing if another is still in Send.
func (l *layer) keepAlivePing(c *reactor.Conn) error {
	k := l.keepAlive
	if k.unsent > 0 {
		return nil
	}
	if k.byHand {
		if err := ws.CheckSend(c); err != nil {
			return err
		}
	}
	start := c.Send.Len()
	err := l.send(c, func(dst []byte) ([]byte, error) { return AppendPingreq(dst), nil })
	if err != nil {
		return err
	}
	if k.byHand {
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
	}
	k.unsent = c.Send.Len()
	return nil
}

// written is called when the socket took n bytes of Send.
func (k *keepAlive) written(c *reactor.Conn, n int) {
	if k.appended || !k.framed { // a WebSocket also sends pongs, which are no packets
		k.appended, k.sentAt = false, c.Manager().Now()
	}
	if k.unsent > 0 {
		if k.unsent = max(k.unsent-n, 0); k.unsent == 0 && !k.waiting {
			k.waiting = k.answerTimeout() > 0
			c.Stack().StartDeadline(&k.overdue, k.answerTimeout())
		}
	}
}

// answered is called when PINGRESP has arrived.
func (k *keepAlive) answered(c *reactor.Conn) {
	if k.waiting {
		k.waiting = false
		c.Stack().StopDeadline(&k.overdue)
	}
}

// mayBeMQTT reports whether bytes that were read may belong to a packet. Over WebSocket the part of
// a frame that is in Recv may. A complete message has an event of its own, and complete control
// frames do not count: a proxy may send pings although the server behind it has vanished.
func (l *layer) mayBeMQTT(c *reactor.Conn) bool { return !l.overWS || c.Recv.Len() > 0 }

// bytesRead is called when bytes of the server have arrived that may belong to a packet. They start
// the time of the answer again: it may wait behind a large message. On a connection of Login they
// count as CONNACK, and as an answer: the layer does not know what they are.
func (l *layer) bytesRead(c *reactor.Conn) {
	k := l.keepAlive
	k.heard = true
	if k.waiting {
		c.Stack().StartDeadline(&k.overdue, k.answerTimeout())
	}
	if l.role == manual {
		k.answered(c)
		if !k.started && !k.sentAt.IsZero() {
			l.startKeepAlive(c, nil)
		}
	}
}

// keepAlivePacket is called for each packet of the server.
func (l *layer) keepAlivePacket(c *reactor.Conn) {
	switch {
	case l.keepAlive == nil:
	case l.msg.Cmd == CmdPingresp:
		l.keepAlive.answered(c)
	case l.msg.Cmd == CmdConnack && l.phase == connected:
		l.startKeepAlive(c, &l.msg)
	}
}
