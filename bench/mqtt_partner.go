//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A client that only publishes or only receives has a partner: another connection to mosquitto, in
// a process on the core of the load. It uses package mqtt.

// partnerMain runs the partner of a client.
func partnerMain(addr string, args []string) error {
	l, err := parseLoad(args)
	if err != nil {
		return err
	}
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	if l.kind == mqttPublish {
		return runSink(m, addr, l)
	}
	return runFeeder(m, addr, l)
}

// sink verifies the messages of a client that only publishes. Its standard input has the number of
// messages that were published.
type sink struct {
	l       mqttLoad
	c       *reactor.Conn
	checker checker
	want    int // or -1, while it is not known
	done    bool
	err     error
}

func runSink(m *reactor.Manager, addr string, l mqttLoad) (err error) {
	s := &sink{l: l, want: -1}
	if s.c, err = mqtt.Connect(m, "mqtt://"+addr, nil, s.handle, nil); err != nil {
		return err
	}
	go func() {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		n, bad := strconv.Atoi(strings.TrimSpace(line))
		m.Post(func() {
			if s.err = errors.Join(err, bad); s.err == nil {
				s.want = n
				s.end()
			}
		})
	}()
	for !s.done && s.err == nil {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	if s.err == nil {
		fmt.Println("verified")
	}
	return s.err
}

// end ends the sink when all messages have arrived. If one does not arrive, the parent process ends
// the wait.
func (s *sink) end() {
	if s.want >= 0 && s.checker.messages >= s.want {
		s.err, s.done = s.checker.end(s.want), true
	}
}

func (s *sink) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTOpen:
		// With QoS 0 mosquitto does not drop what it has written to the socket.
		_, s.err = mqtt.Sub(c, &mqtt.Options{Topic: mqttTopic})
	case reactor.EvMQTTCmd:
		if data.(*mqtt.Message).Cmd == mqtt.CmdSuback {
			fmt.Println("ready")
		}
	case reactor.EvMQTTMsg:
		if err := s.checker.check(data.(*mqtt.Message).Data); err != nil {
			s.err = err
			return
		}
		if s.l.credited() && s.checker.messages%s.l.window == 0 {
			_, s.err = mqtt.Pub(c, &mqtt.Options{Topic: mqttCredit})
		}
		s.end()
	case reactor.EvError:
		s.err = data.(error)
	case reactor.EvClose:
		s.done = true
	}
}

// feeder publishes the messages of a client that only receives. It has subscribed to them too, and
// publishes the next message when its own copy of one has arrived.
type feeder struct {
	*handClient
	ahead int // messages that the client may not have got yet
	held  int // messages that wait until the client has got more
}

func runFeeder(m *reactor.Manager, addr string, l mqttLoad) error {
	own := l
	own.kind, own.scheme = mqttOwn, "tcp"
	p, err := newHandClient(m, addr, own, func() {})
	if err != nil {
		return err
	}
	f := &feeder{handClient: p}
	p.c.Fn = f.handle
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			m.Post(f.credit)
		}
		os.Exit(0)
	}()
	for f.err == nil {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
	return f.err
}

func (f *feeder) feed(n int) {
	f.held += n
	n = min(f.held, mqttAhead-f.ahead)
	f.held -= n
	f.ahead += n
	f.publish(n)
}

// credit is called for each line of standard input: the client has got creditEvery messages.
func (f *feeder) credit() {
	f.ahead -= creditEvery
	f.feed(0)
}

func (f *feeder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvMQTTOpen:
		if _, err := mqtt.Sub(c, &mqtt.Options{Topic: mqttTopic}); err != nil {
			f.err = err
		}
	case reactor.EvMQTTCmd:
		if data.(*mqtt.Message).Cmd == mqtt.CmdSuback {
			f.feed(f.l.window)
		}
	case reactor.EvMQTTMsg:
		f.feed(1)
	case reactor.EvError:
		f.err = data.(error)
	}
}
