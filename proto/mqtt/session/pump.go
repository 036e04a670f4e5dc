package session

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

const (
	// sendRoom is how many bytes of packets may wait in Send before the session adds no messages.
	sendRoom = 64 << 10
	// keptScratch is the largest scratch buffer that a manager keeps for its sessions, in bytes.
	keptScratch = 256 << 10
	// maxOutcomes bounds the outcomes that are told at once, and maxRounds how often pump tells
	// some. The rest waits for the next turn. So a Done function that publishes does not stop the
	// loop.
	maxOutcomes = 1000
	maxRounds   = 3
)

// touch makes the loop call tick, in this turn or in the next one. Calls of the program end with
// it.
func (s *Session) touch() {
	switch {
	case s.pumping:
		s.again = true
	case !s.touched && s.phase != ended:
		s.touched = true
		s.timer.Reset(0)
	}
}

// tick is the function of the timer.
func (s *Session) tick() {
	s.touched, s.timerAt = false, time.Time{}
	if s.phase == ended {
		return
	}
	if s.phase == waiting && s.m.Closing() {
		s.end(s.Conn(), true, reactor.ErrClosed)
		return
	}
	now := s.m.Now()
	if s.phase == waiting && !s.closing && !now.Before(s.attemptAt) {
		s.connect()
	}
	if s.phase == ended {
		return
	}
	s.sender.tick(now)
	s.pump()
	if s.phase == waiting && (s.closing || s.failure != nil) {
		s.end(s.Conn(), true, s.failure)
		return
	}
	s.arm()
}

// untouch does what tick would do in this turn. It is called after each read. So a program that
// publishes in a handler of the session does not make the timer fire.
func (s *Session) untouch() {
	s.pump()
	if s.touched && !s.more && !s.pumping && s.phase == up {
		s.touched, s.timerAt = false, time.Time{}
		s.timer.Stop()
		s.arm()
	}
}

// now returns the time for the sender. Without messages that expire it needs none, and the clock is
// not read.
func (s *Session) now() time.Time {
	if !s.sender.expiring {
		return time.Time{}
	}
	return s.m.Now()
}

// arm arms the timer for whatever comes first.
func (s *Session) arm() {
	if s.touched || s.phase == ended {
		return
	}
	at := s.sender.next()
	if s.phase == waiting && (at.IsZero() || s.attemptAt.Before(at)) {
		at = s.attemptAt
	}
	switch {
	case at.Equal(s.timerAt):
	case at.IsZero():
		s.timer.Stop()
	default:
		s.timer.Reset(at.Sub(s.m.Now()))
	}
	s.timerAt = at
}

// pump sends what the state machines have to send, and tells the program what they have to tell.
func (s *Session) pump() {
	if s.pumping || s.phase == ended {
		return
	}
	s.pumping, s.again, s.more = true, false, false
	defer s.unpump() // also if a Done function panics and the program recovers
	s.send()
	for round := 1; s.report(); round++ {
		if s.again = true; round == maxRounds {
			break
		}
		s.again = false
		s.send() // what Done functions have published
	}
	s.depart()
}

// unpump ends pump.
func (s *Session) unpump() {
	s.pumping = s.phase == ended
	if s.more = s.again; s.more {
		s.again = false
		s.touch()
	}
}

// send commits the store and then appends packets to Send. The order matters: no packet leaves
// before the changes that it depends on are durable.
func (s *Session) send() {
	c, sends := s.conn, s.phase == up && s.failure == nil
	if sends {
		sends = mqtt.SendPackets(c, nil) == nil // false after DISCONNECT, for example of Manager.Drain
	}
	var packets []byte
	if sends {
		packets = s.receiver.append(s.shared.scratch[:0])
		if !s.closing {
			packets = s.subscriptions.append(packets)
			if room := sendRoom - c.Send.Len() - len(packets); room > 0 {
				packets = s.sender.append(s.now(), packets, room)
			}
		}
	}
	if err := s.journal.commit(); err != nil {
		s.fail(err)
		return
	}
	if len(packets) == 0 {
		return
	}
	if cap(packets) <= keptScratch {
		s.shared.scratch = packets[:0]
	}
	if err := mqtt.SendPackets(c, packets); err != nil {
		c.Fail(err)
		return
	}
	s.sender.appended(s.written + uint64(c.Send.Len()))
}

// publishDirect appends a message of QoS 0 to Send without a copy in the queue. ok is false if the
// message must wait.
func (s *Session) publishDirect(msg *Message) (h Handle, ok bool, err error) {
	c := s.conn
	room := sendRoom - c.Send.Len()
	if room <= 0 || !s.sender.idle() || mqtt.SendPackets(c, nil) != nil {
		return 0, false, nil
	}
	c.Send.Grow(len(msg.Topic) + len(msg.Data) + 64) // header, WebSocket frame and some properties
	packet, h, ok, err := s.sender.direct(c.Send.AvailableBuffer(), room, msg)
	if !ok || err != nil {
		return h, ok, err
	}
	if s.journal.dirty {
		s.touch()
	}
	if err := mqtt.SendPackets(c, packet); err != nil {
		c.Fail(err) // the message is dropped with the connection
		return h, true, nil
	}
	s.sender.appended(s.written + uint64(c.Send.Len()))
	return h, true, nil
}

// fail ends the session because its store has failed. The connection ends first, if there is one.
func (s *Session) fail(err error) {
	if s.failure != nil {
		return
	}
	s.failure = err
	if s.phase == connecting || s.phase == up {
		s.violation(s.conn, err)
		return
	}
	s.again = true // tick ends the session
}

// report tells outcomes and answers to subscriptions. It returns true if it has told any. After an
// error of the store the final event comes next, and end tells them before it.
func (s *Session) report() (told bool) {
	if s.failure != nil && s.phase != ended {
		return false
	}
	for n := 0; n < maxOutcomes || s.phase == ended; n++ {
		r, done := s.subscriptions.result()
		if r == nil {
			break
		}
		if told = true; done != nil {
			done(r)
		} else {
			s.tell(s.Conn(), reactor.EvSessionSub, r)
		}
	}
	for n := 0; n < maxOutcomes || s.phase == ended; n++ {
		o, done := s.sender.outcome()
		if o == nil {
			break
		}
		if told = true; done != nil {
			done(o)
		} else {
			s.tell(s.Conn(), reactor.EvSessionPub, o)
		}
	}
	return told
}
