package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// TestMain lets the test binary run as the program.
func TestMain(m *testing.M) {
	looptest.Main(main)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts a goroutine that stays, and is no leak
	signal.Stop(signals)
	m.Run()
}

// testBroker is a broker with a loop of its own. It ends with the test.
type testBroker struct {
	url  string
	stop func() // ends it at once, with all that it has kept
}

func startBroker(t *testing.T, url string) *testBroker {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := broker.New(m, slog.New(slog.DiscardHandler)).Listen(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b := &testBroker{url: "mqtt://" + l.LocalAddr().String(), stop: func() { cancel(); <-done }}
	go func() {
		defer close(done)
		defer m.Close()
		m.Run(ctx)
	}()
	t.Cleanup(b.stop)
	return b
}

// The program passes messages on through a restart of each broker. At the end it waits for
// acknowledgements. The messages are retained, so that a subscriber that comes later sees them.
func TestRestarts(t *testing.T) {
	source, destination := startBroker(t, "mqtt://127.0.0.1:0"), startBroker(t, "mqtt://127.0.0.1:0")
	p := looptest.Start(t, "-id", "bridge", "-from", source.url, "-to", destination.url, "-prefix", "p/", "-v")
	p.Await(`SUBSCRIBED to # qos=2`)
	m := looptest.NewManager(t)
	publish(t, m, source.url, "one", 30)
	for range 30 {
		p.Await(`PASSED p/one/`)
	}

	destination.stop()
	p.Await(`DISCONNECTED from the destination: .* retry in=`)
	publish(t, m, source.url, "two", 30) // the source has them, and waits
	startBroker(t, destination.url)
	for range 30 {
		p.Await(`PASSED p/two/`)
	}

	source.stop()
	p.Await(`DISCONNECTED from the source: .* retry in=`)
	startBroker(t, source.url)
	p.Await(`SUBSCRIBED to # qos=2`)
	publish(t, m, source.url, "three", 30)
	for range 30 {
		p.Await(`PASSED p/three/`)
	}
	p.Signal(syscall.SIGINT)
	p.Await(`CLOSED passed=90 lost=0`)
	p.WantEnd()

	got := map[string]int{}
	s := connect(t, m, destination.url)
	err := s.Subscribe(session.Subscription{Filter: "#", QoS: 2, Fn: func(_ *reactor.Conn, _ reactor.Event, data any) {
		got[string(data.(*mqtt.Message).Topic)]++
	}})
	if err != nil {
		t.Fatal(err)
	}
	looptest.Await(t, m, "the retained messages", func() bool { return len(got) == 60 })
	for topic, n := range got {
		if n != 1 || !strings.HasPrefix(topic, "p/two/") && !strings.HasPrefix(topic, "p/three/") {
			t.Errorf("%s: %d times", topic, n)
		}
	}
}

func connect(t *testing.T, m *reactor.Manager, url string) *session.Session {
	t.Helper()
	s, err := session.New(m, &session.Options{URLs: []string{url}, Backoff: quick}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish publishes retained messages of each QoS, and waits until the broker has them.
func publish(t *testing.T, m *reactor.Manager, url, topic string, count int) {
	t.Helper()
	s, good := connect(t, m, url), 0
	for i := range count {
		_, err := s.Publish(&session.Message{Topic: fmt.Sprintf("%s/%d", topic, i), Data: []byte("x"), QoS: uint8(1 + i%2), Retain: true,
			Done: func(o *session.Outcome) {
				if o.Result == session.Acknowledged {
					good++
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	looptest.Await(t, m, "the acknowledgements", func() bool { return good == count })
	s.Close()
	looptest.Await(t, m, "the end", func() bool { return !s.Connected() })
}

// A failure that will not heal ends the program.
func TestExitStatus(t *testing.T) {
	looptest.WantExit(t, []string{"-h"}, 0, "Usage of mqtt-bridge")
	looptest.WantExit(t, []string{"-id", "x"}, 2, "mqtt-bridge: -to is missing")
}
