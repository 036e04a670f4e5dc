//go:build !race

package session_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// After a warm-up, messages do not allocate, at any QoS. A store allocates what it needs itself.
func TestMemoryAllocs(t *testing.T) {
	for _, scheme := range []string{"mqtt", "ws"} {
		for _, version := range []uint8{4, 5} {
			for qos := range uint8(3) {
				t.Run(scheme+string('0'+version)+" publish "+string('0'+qos), func(t *testing.T) {
					m, s, srv := allocPair(t, scheme, version)
					done := 0
					count := func(*session.Outcome) { done++ }
					msg := &session.Message{Topic: "topic", Data: make([]byte, 100), QoS: qos, Done: count}
					srv.expect = 0
					looptest.WantNoAllocs(t, "10 messages", func() {
						before := done
						for range 10 {
							if _, err := s.Publish(msg); err != nil {
								t.Fatal(err)
							}
						}
						for done < before+10 {
							if err := m.Poll(time.Second); err != nil {
								t.Fatal(err)
							}
						}
					})
				})
				t.Run(scheme+string('0'+version)+" receive "+string('0'+qos), func(t *testing.T) {
					m, s, srv := allocPair(t, scheme, version)
					got := 0
					looptest.Must(t, s.Subscribe(session.Subscription{Filter: "topic/#", QoS: 2, Fn: func(*reactor.Conn, reactor.Event, any) { got++ }}))
					looptest.Await(t, m, "SUBACK", func() bool { return srv.subscribed })
					looptest.WantNoAllocs(t, "10 messages", func() {
						before := got
						for i := range 10 {
							srv.publish(qos, uint16(i+1))
						}
						for got < before+10 || srv.expect > 0 {
							if err := m.Poll(time.Second); err != nil {
								t.Fatal(err)
							}
						}
					})
				})
			}
		}
	}
}

// allocServer is a server that does not allocate: the layer of mqtt.Listen answers.
type allocServer struct {
	c          *reactor.Conn
	opts       mqtt.Options
	subscribed bool
	expect     int // acknowledgements that are outstanding
}

func (s *allocServer) handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvMQTTCmd {
		return
	}
	s.c = c
	switch m := data.(*mqtt.Message); m.Cmd {
	case mqtt.CmdConnect:
		mqtt.Connack(c, false, 0)
	case mqtt.CmdSubscribe:
		mqtt.Suback(c, m.ID, 2)
		s.subscribed = true
	case mqtt.CmdPuback, mqtt.CmdPubcomp:
		s.expect--
	}
}

func (s *allocServer) publish(qos uint8, _ uint16) {
	s.opts.Topic, s.opts.QoS = "topic/a", qos
	if s.opts.Message == nil {
		s.opts.Message = make([]byte, 100)
	}
	if _, err := mqtt.Pub(s.c, &s.opts); err != nil {
		panic(err)
	}
	if qos > 0 {
		s.expect++
	}
}

func allocPair(t *testing.T, scheme string, version uint8) (*reactor.Manager, *session.Session, *allocServer) {
	t.Helper()
	m := looptest.NewManager(t)
	srv := new(allocServer)
	l, err := mqtt.Listen(m, scheme+"://127.0.0.1:0", srv.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.New(m, &session.Options{URLs: []string{scheme + "://" + l.LocalAddr().String()},
		Login: mqtt.Options{ClientID: "c", Version: version}}, func(*reactor.Conn, reactor.Event, any) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "the connection", s.Connected)
	return m, s, srv
}
