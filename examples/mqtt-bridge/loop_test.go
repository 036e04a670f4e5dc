package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// refusing starts a server that refuses each client.
func refusing(t *testing.T) string {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := mqtt.Listen(m, "mqtt://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
			mqtt.Connack(c, false, mqtt.ReasonBadUserNameOrPassword)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(t.Context())
		m.Close()
	}()
	t.Cleanup(func() { <-done })
	return "mqtt://" + l.LocalAddr().String()
}

// A refusal that will not heal, of either broker, ends the program, and says which.
func TestBrokerRefuses(t *testing.T) {
	good, bad := startBroker(t, "mqtt://127.0.0.1:0").url, refusing(t)
	for _, row := range []struct{ from, to, words string }{
		{bad, good, "the source: "}, {good, bad, "the destination: "},
	} {
		r := looptest.Run(t, run, "-id", "x", "-from", row.from, "-to", row.to, "-to-user", "me", "-to-password", "s3cret")
		if r.WantFailure(t, row.words, "user name or password"); strings.Contains(r.Stdout+r.Stderr, "s3cret") {
			t.Errorf("the password is in %s%s", r.Stdout, r.Stderr)
		}
	}
}

// If only one of the sessions can be made, the error is that of the other.
func TestStartFails(t *testing.T) {
	f := newFixture(t)
	f.b.destination.URLs = []string{"mqtt://127.0.0.1:1"}
	looptest.WantErr(t, f.b.start(f.m), nil, "Options.URLs")
	looptest.Must(t, f.m.Close()) // raises the final event of the destination's session
}

// A source that refuses the subscription ends the program.
func TestSubscriptionRefused(t *testing.T) {
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	source.suback = mqtt.ReasonUnspecified
	f.start(source.url, destination.url, flags{filter: "t", qos: 1, version: 4})
	f.until("the end", func() bool { return f.b.ended == 2 })
	if f.b.err == nil || !strings.Contains(f.b.err.Error(), "the source: ") {
		t.Error(f.b.err)
	}
}

// A lower QoS than asked for is a warning.
func TestLowerQoS(t *testing.T) {
	f := newFixture(t)
	source := f.peer()
	source.suback = 1
	f.start(source.url, f.peer().url, flags{filter: "t", qos: 2, version: 4})
	f.until("the warning", func() bool { return f.logged("grants less than -qos") })
}

// After SIGINT the destination's messages get their outcome before the source's connection ends.
// Messages that come meanwhile are not acknowledged.
func TestInterrupt(t *testing.T) {
	f := newFixture(t)
	source, destination := f.peer(), f.peer()
	destination.mute = true
	source.send = []mqtt.PublishPacket{{Topic: "t", QoS: 1}}
	f.start(source.url, destination.url, flags{filter: "t", qos: 1, version: 4})
	f.until("the message", func() bool { return destination.got("PUBLISH") == 1 })
	f.b.interrupt(f.m)
	source.c.Write(source.must(mqtt.AppendPublish(nil, 4, &mqtt.PublishPacket{Topic: "late", QoS: 1, ID: 9})))
	looptest.Settle(t, f.m)
	if f.b.ended != 0 || source.got("PUBACK") != 0 {
		t.Errorf("%d sessions ended, %d acknowledgements", f.b.ended, source.got("PUBACK"))
	}
	destination.acknowledge()
	f.until("the end", func() bool { return f.b.ended == 2 && source.got("DISCONNECT") == 1 })
	if source.got("PUBACK") != 1 || destination.got("DISCONNECT") != 1 || destination.got("PUBLISH") != 1 || f.b.err != nil {
		t.Errorf("source %v, destination %v, error %v", source.packets, destination.packets, f.b.err)
	}
}

// A destination that is not connected is not waited for.
func TestInterruptUnconnected(t *testing.T) {
	f := newFixture(t)
	source := f.peer()
	source.send = []mqtt.PublishPacket{{Topic: "t", QoS: 1}}
	f.start(source.url, "mqtt://"+looptest.UsedAddr(t), flags{filter: "t", qos: 1, version: 4})
	f.until("the message", func() bool { return f.b.held > 0 })
	f.b.interrupt(f.m)
	f.until("the end", func() bool { return f.b.ended == 2 })
	if looptest.Settle(t, f.m); source.got("PUBACK") != 0 || f.b.passed+f.b.lost != 0 {
		t.Errorf("%v", source.packets)
	}
}
