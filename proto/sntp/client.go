package sntp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Server is the server that Connect uses if the URL is empty.
const Server = "udp://time.google.com:123"

// Timeout is how long a request waits for its answer, from the moment when it is sent.
const Timeout = 3 * time.Second

// Time is the data of reactor.EvSNTPTime.
type Time struct {
	Time    time.Time     // the server's time at the event, in UTC
	Offset  time.Duration // what must be added to the manager's clock to get the server's time
	Delay   time.Duration // round trip of request and answer; Offset is off by half of it at most
	Stratum uint8         // 1 to 15: distance of the server to a reference clock
	Leap    uint8         // 1 or 2: the last minute of the day has 61 or 59 seconds
	Packet  Packet        // the answer
}

// ErrPending is returned by Request if the request before has no result yet.
var ErrPending = errors.New("sntp: a request waits for its answer")

// ErrUnsynchronized means that the server does not know the time: its packet has the leap alarm, or
// a stratum above 15 [RFC 5905 7.3].
var ErrUnsynchronized = errors.New("sntp: the server's clock is not synchronized")

// ErrBadTimes means that the answer has no time, or was sent before the request arrived.
var ErrBadTimes = errors.New("sntp: the server's answer has impossible times")

// A KissError is a kiss-o'-death: the server wants no requests, or fewer [RFC 5905 7.4].
type KissError struct {
	Code string // four characters, for example RATE
}

// kisses are the codes that have a meaning for a client.
var kisses = map[string]string{
	"DENY": "the server denies access; do not ask it again",
	"RSTR": "the server denies access by its policy; do not ask it again",
	"RATE": "the server is asked too often; ask it more seldom",
	"INIT": "the server is not synchronized yet",
	"STEP": "the server's clock has just been stepped",
}

func (e *KissError) Error() string {
	text := fmt.Sprintf("sntp: kiss-o'-death %q", e.Code)
	if meaning := kisses[e.Code]; meaning != "" {
		text += ": " + meaning
	}
	return text
}

// Connect makes a connection to a time server, udp://host or udp://host:port. The port is 123 if
// there is none. An empty URL means Server. Connect sends nothing: call Request, at once or later.
// The error is the one of Manager.Connect.
func Connect(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	if url == "" {
		url = Server
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "udp" && !u.HasPort && u.Path == "" {
		url = u.Socket("udp", 123)
	}
	if u.Scheme != "udp" {
		return nil, fmt.Errorf("sntp: bad URL %q: want udp://host or udp://host:port", u.Redacted())
	}
	c, err := m.Connect(url, fn, fnData)
	if err != nil {
		return nil, err
	}
	l := &layer{}
	l.answer.Name = "SNTP answer"
	c.Stack().Push(l)
	return c, nil
}

// Request asks the server for the time. If the connection is not established yet, the request
// leaves after EvConnect. The error is ErrPending if another request has no result yet,
// reactor.ErrClosed if the connection is closed, and another one if c is not a connection of
// Connect.
func Request(c *reactor.Conn) error {
	l, ok := reactor.Find[*layer](c)
	switch {
	case !ok && c.Stack().Closed():
		return reactor.ErrClosed
	case !ok:
		return c.Stack().Report(errors.New("sntp: Request on a connection that Connect has not made"))
	case c.Stack().Closed():
		return reactor.ErrClosed
	case l.state != idle:
		return ErrPending
	}
	l.state = waitsToSend
	if l.connected {
		return l.send(c)
	}
	return nil
}

// state is where a request is.
type state uint8

const (
	idle        state = iota // there is none
	waitsToSend              // it waits for EvConnect
	sent                     // it waits for the answer
)

// layer is the protocol of one connection.
type layer struct {
	connected bool
	state     state
	cookie    Timestamp // Transmit of the request: a random number
	sentAt    time.Time
	answer    reactor.Deadline
	time      Time // data of the event
}

// Handle implements reactor.Protocol.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	switch ev {
	case reactor.EvConnect:
		if l.connected = true; l.state == waitsToSend {
			if err := l.send(c); err != nil {
				c.Fail(err)
			}
		}
	case reactor.EvRead:
		p, _, err := ParsePacket(c.Recv.Bytes())
		c.Recv.Reset()
		if err == nil && l.isAnswer(&p) {
			l.receive(c, &p)
		}
	}
}

// send sends a request. Its transmit timestamp is a random number instead of the time: the server
// only repeats it, and a forger cannot guess it.
func (l *layer) send(c *reactor.Conn) error {
	var cookie [8]byte
	rand.Read(cookie[:])
	cookie[0] |= 0x80 // not 0, which means that there is no time
	l.cookie = Timestamp(binary.BigEndian.Uint64(cookie[:]))
	var buf [Size]byte
	_, err := c.Write(AppendPacket(buf[:0], Packet{Version: 4, Mode: ModeClient, Transmit: l.cookie}))
	if err != nil {
		return err
	}
	l.state, l.sentAt = sent, c.Manager().Now()
	c.Stack().StartDeadline(&l.answer, Timeout)
	return nil
}

// isAnswer reports whether p answers the request. What does not is ignored: it may be forged, or
// the answer to an earlier request [RFC 4330 5].
func (l *layer) isAnswer(p *Packet) bool {
	return l.state == sent && p.Origin == l.cookie && p.Mode == ModeServer && p.Version >= 1 && p.Version <= 4
}

// receive handles the answer.
func (l *layer) receive(c *reactor.Conn, p *Packet) {
	l.state = idle
	c.Stack().StopDeadline(&l.answer)
	t, err := Evaluate(p, l.sentAt, c.Manager().Now())
	if err != nil {
		c.Fail(err)
		return
	}
	l.time = t
	c.Call(reactor.EvSNTPTime, &l.time)
}

// Evaluate computes the time from an answer. The times are those of the client's clock when the
// request was sent and the answer arrived. The error is a *KissError, ErrUnsynchronized or
// ErrBadTimes [RFC 4330 5].
func Evaluate(p *Packet, sent, arrived time.Time) (Time, error) {
	switch {
	case p.Stratum == 0 && p.RefID != [4]byte{}:
		return Time{}, &KissError{string(p.RefID[:])}
	case p.Leap == LeapAlarm, p.Stratum == 0, p.Stratum > 15:
		return Time{}, ErrUnsynchronized
	case p.Receive == 0, p.Transmit == 0:
		return Time{}, ErrBadTimes
	}
	received, transmitted := p.Receive.Time(), p.Transmit.Time()
	processing := transmitted.Sub(received)
	if processing < 0 {
		return Time{}, ErrBadTimes
	}
	offset := received.Sub(sent)/2 + transmitted.Sub(arrived)/2 // halves, so that the sum cannot overflow
	return Time{
		Time:    arrived.Add(offset).UTC(),
		Offset:  offset,
		Delay:   max(arrived.Sub(sent)-processing, 0), // below 0 if the clocks are coarse
		Stratum: p.Stratum,
		Leap:    p.Leap,
		Packet:  *p,
	}, nil
}
