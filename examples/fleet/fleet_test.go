package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// Each device receives what it has published, over all transports, versions and QoS.
func TestFleet(t *testing.T) {
	a := looptest.NewAuthority(t)
	_, _, ca := a.Files(t, a.Issue(t, nil))
	for _, url := range []string{"mqtt://127.0.0.1:0", "ws://127.0.0.1:0/mqtt", "wss://127.0.0.1:0/mqtt"} {
		args := []string{"-n", "20", "-attempts", "3", "-rate", "2000", "-d", "100ms"}
		var b *server
		if strings.HasPrefix(url, "wss") {
			b = startBroker(t, url, a.Server(t))
			args = append(args, "-ca", ca)
		} else {
			b = startBroker(t, url, nil)
		}
		for qos := range 3 {
			for _, version := range []int{4, 5} {
				t.Run(fmt.Sprint(b.url, " QoS ", qos, " version ", version), func(t *testing.T) {
					s, r := runJSON(t, 0, append(args, "-url", b.url, "-qos", fmt.Sprint(qos), "-version", fmt.Sprint(version))...)
					good := s.Acknowledged
					if qos == 0 {
						good = s.Sent
					}
					if s.Devices != 20 || s.Connected != 20 || s.Subscribed != 20 || s.Published == 0 ||
						good != s.Published || s.Received != s.Published || s.Duplicates+s.Lost+s.Refused+s.Foreign+s.Reconnects != 0 ||
						s.Acknowledged+s.Sent != good || s.Rejected+s.Dropped+s.Expired+s.Abandoned != 0 || len(s.Errors) != 0 {
						t.Errorf("%+v", s)
					}
					if !(s.P50 > 0 && s.P50 <= s.P99 && s.P99 <= s.Max) || s.HeapPerSession <= 0 || s.ConnectsPerSecond <= 0 {
						t.Errorf("%+v", s)
					}
					if !strings.Contains(r.Stderr, "subscribed devices=20") { // the log
						t.Errorf("stderr %q", r.Stderr)
					}
				})
			}
		}
	}
}

// Without -json log and summary are on standard output.
func TestText(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	r := looptest.Run(t, run, "-url", b.url, "-n", "3", "-rate", "100", "-d", "50ms", "-v", "-seed", "7", "-topic", "a/b")
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("%+v", r)
	}
	for _, words := range []string{"connected device=a/b/fleet-00000007-2", "draining reason=\"the time is over\"",
		"\ndevices       3, 3 subscribed", "\nlost          0\n", "\nlatency       p50 "} {
		if !strings.Contains(r.Stdout, words) {
			t.Errorf("no %q in\n%s", words, r.Stdout)
		}
	}
}

// With -rate 0 nothing is published.
func TestNoMessages(t *testing.T) {
	b := startBroker(t, "mqtt://127.0.0.1:0", nil)
	if s, _ := runJSON(t, 0, "-url", b.url, "-n", "3", "-rate", "0", "-d", "10ms"); s.Published+s.Received != 0 || s.Connected != 3 {
		t.Errorf("%+v", s)
	}
}

// The devices are spread over the URLs. If one does not answer, the others take its devices.
func TestSeveralURLs(t *testing.T) {
	gone := startBroker(t, "mqtt://127.0.0.1:0", nil)
	gone.stop()
	a, b := startBroker(t, "mqtt://127.0.0.1:0", nil), startBroker(t, "mqtt://127.0.0.1:0", nil)
	args := []string{"-n", "6", "-rate", "0", "-d", "1ms", "-v", "-backoff", "1ms", "-url", a.url, "-url", b.url}
	_, r := runJSON(t, 0, args...)
	if na, nb := strings.Count(r.Stderr, "url="+a.url), strings.Count(r.Stderr, "url="+b.url); na != 3 || nb != 3 {
		t.Errorf("%d and %d devices, want 3 and 3\n%s", na, nb, r.Stderr)
	}
	s, r := runJSON(t, 0, append(args, "-url", gone.url)...)
	if na, nb := strings.Count(r.Stderr, "url="+a.url), strings.Count(r.Stderr, "url="+b.url); na != 4 || nb != 2 || len(s.Errors) != 1 {
		t.Errorf("%d and %d devices, want 4 and 2\n%s", na, nb, r.Stderr)
	}
}

// No more devices connect at once than -attempts says.
func TestAttempts(t *testing.T) {
	var waiting []*reactor.Conn // without CONNACK
	most, all := 0, 0
	s := startHandler(t, func(c *reactor.Conn, ev reactor.Event, data any) {
		m, _ := data.(*mqtt.Message)
		if ev != reactor.EvMQTTCmd || m.Cmd != mqtt.CmdConnect {
			accept(c, ev, data)
			return
		}
		all++
		waiting = append(waiting, c)
		most = max(most, len(waiting))
		if len(waiting) == 3 || all >= 19 { // no answer before as many as are allowed have asked
			for _, c := range waiting {
				mqtt.Connack(c, false, 0)
			}
			waiting = nil
		}
	})
	runJSON(t, 0, "-url", s.url, "-n", "20", "-attempts", "3", "-rate", "0", "-d", "1ms")
	s.stop()
	if most != 3 || all != 20 {
		t.Errorf("%d of %d devices connected at once, want 3", most, all)
	}
}

// SIGINT ends the run when each message has its outcome and was received.
func TestInterrupt(t *testing.T) {
	b := startBroker(t, "ws://127.0.0.1:0/mqtt", nil)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := looptest.Start(t, "-url", b.url, "-n", "50", "-rate", "5000", "-qos", "2", "-d", "0")
		p.Await("subscribed devices=50")
		p.Signal(sig)
		p.Await("interrupted")
		p.Await("draining reason=interrupted")
		status, stdout, stderr := p.Wait()
		if status != 0 || stderr != "" || !strings.Contains(stdout, "\nlost          0\n") ||
			!strings.Contains(stdout, "\nnot sent      0 dropped, 0 expired, 0 abandoned\n") {
			t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
		}
	}
}

// A second SIGINT ends the program at once, also if outcomes are missing.
func TestSecondInterrupt(t *testing.T) {
	arrived := make(chan bool, 5)
	s := startHandler(t, func(c *reactor.Conn, ev reactor.Event, data any) {
		accept(c, ev, data)
		if ev == reactor.EvMQTTMsg {
			c.Pause() // so PUBREL is not read, and PUBCOMP is not sent
			arrived <- true
		}
	})
	p := looptest.Start(t, "-url", s.url, "-n", "5", "-rate", "1000", "-qos", "2", "-size", "100000", "-d", "0", "-drain", "0")
	p.Await("subscribed devices=5")
	<-arrived
	p.Signal(syscall.SIGINT)
	p.Await("draining")
	p.Signal(syscall.SIGINT)
	if status, stdout, _ := p.Wait(); status != -1 || strings.Contains(stdout, "acknowledged") { // -1: by a signal
		t.Errorf("status %d\n%s", status, stdout)
	}
}

// SIGINT while the devices connect ends the program too. The status is 1: the run was not complete.
func TestInterruptedConnecting(t *testing.T) {
	p := looptest.Start(t, "-url", "mqtt://"+looptest.UsedAddr(t), "-n", "5")
	p.Await("connecting devices=5")
	p.Signal(syscall.SIGINT)
	if status, stdout, stderr := p.Wait(); status != 1 || !strings.Contains(stderr, "5 of 5 devices have not subscribed") {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
}

// All devices survive a restart of the broker. In 5.0 with -expiry 0 the broker forgets the
// sessions, and may lose messages that it has acknowledged. What it says must add up.
func TestBrokerRestart(t *testing.T) {
	b := startBroker(t, "ws://127.0.0.1:0/mqtt", nil)
	p := looptest.Start(t, "-url", b.url, "-n", "30", "-rate", "500", "-d", "0", "-v", "-backoff", "50ms")
	p.Await("subscribed devices=30")
	b.stop()
	p.Await("not connected device=")
	startBroker(t, b.url, nil)
	for range 30 {
		p.Await(`\d  connected device=`)
	}
	p.Signal(syscall.SIGINT)
	status, stdout, stderr := p.Wait()
	var devices, subscribed, connected, published, refused, acknowledged, reconnects int
	_, rest, _ := strings.Cut(stdout, "\ndevices ")
	for format, into := range map[string][]any{
		"\nconnected %d": {&connected}, "\npublished %d, %d refused": {&published, &refused},
		"\nacknowledged %d": {&acknowledged}, "\nreconnects %d": {&reconnects}, "\ndevices %d, %d subscribed": {&devices, &subscribed},
	} {
		_, line, _ := strings.Cut("\ndevices "+rest, format[:strings.IndexByte(format, ' ')])
		if n, err := fmt.Sscanf(line, format[strings.IndexByte(format, ' '):], into...); err != nil {
			t.Fatalf("%q: %d, %v\n%s", format, n, err, stdout)
		}
	}
	if connected != 30 || reconnects < 30 || refused != 0 || published == 0 || acknowledged != published ||
		!strings.Contains(stdout, "seconds since the first loss, attempts to connect, reconnects\n") ||
		!strings.Contains(stdout, "connection closed by the server") {
		t.Errorf("status %d, stderr %q\n%s", status, stderr, stdout)
	}
	if lost := !strings.Contains(stdout, "\nlost          0\n"); (status == 1) != lost {
		t.Errorf("status %d, but lost %v, stderr %q\n%s", status, lost, stderr, stdout)
	}
}

// The status is 1 if a message is lost, rejected or comes twice at QoS 2. Each is counted.
func TestBadServers(t *testing.T) {
	publish := func(c *reactor.Conn, m *mqtt.Message, qos uint8) {
		mqtt.Pub(c, &mqtt.Options{Topic: string(m.Topic), Message: m.Data, QoS: qos})
	}
	for _, row := range []struct {
		name   string
		args   []string
		serve  func(c *reactor.Conn, m *mqtt.Message, n int)
		status int
		stderr string
		want   func(s *summary) bool
	}{
		{"does not forward every third", nil, func(c *reactor.Conn, m *mqtt.Message, n int) {
			if n%3 > 0 {
				publish(c, m, 0)
			}
		}, 1, "messages were lost", func(s *summary) bool {
			return s.Lost == s.Published/3 && s.Received == s.Published-s.Lost && s.Acknowledged == s.Published
		}},
		{"rejects all, and forwards them", []string{"-version", "5"}, func(c *reactor.Conn, m *mqtt.Message, n int) {
			publish(c, m, 0)
			mqtt.AckCode(c, m, mqtt.ReasonNotAuthorized)
		}, 1, "were not acknowledged; the most frequent error: ", func(s *summary) bool {
			return s.Rejected == s.Published && s.Received == s.Published && s.Lost == 0 && len(s.Errors) == 1
		}},
		{"rejects every second, forwards these only", []string{"-version", "5"}, func(c *reactor.Conn, m *mqtt.Message, n int) {
			if n%2 == 0 {
				mqtt.AckCode(c, m, mqtt.ReasonQuotaExceeded)
				publish(c, m, 0)
			}
		}, 1, "messages were lost", func(s *summary) bool {
			return s.Rejected == s.Published/2 && s.Received == s.Rejected && s.Lost == s.Acknowledged && s.Lost > 0
		}},
		{"forwards twice, QoS 1", nil, func(c *reactor.Conn, m *mqtt.Message, n int) {
			publish(c, m, 1)
			publish(c, m, 1)
		}, 0, "", func(s *summary) bool { return s.Duplicates == s.Published && s.Received == s.Published }},
		{"forwards twice, QoS 2", []string{"-qos", "2"}, func(c *reactor.Conn, m *mqtt.Message, n int) {
			publish(c, m, 1)
			publish(c, m, 1)
		}, 1, "messages of QoS 2 came again", func(s *summary) bool { return s.Duplicates == s.Published && s.Lost == 0 }},
		{"forwards others", nil, func(c *reactor.Conn, m *mqtt.Message, n int) {
			publish(c, m, 0)
			for _, other := range []*mqtt.Message{
				{Topic: m.Topic, Data: m.Data[:stampSize-1]},
				{Topic: m.Topic, Data: append([]byte{^m.Data[0]}, m.Data[1:]...)},
				{Topic: m.Topic, Data: append(m.Data[:4:4], make([]byte, 16)...)},
				{Topic: append(m.Topic[:len(m.Topic):len(m.Topic)], 'x'), Data: m.Data},
			} {
				publish(c, other, 0)
			}
		}, 0, "", func(s *summary) bool {
			return s.Foreign == 4*s.Published && s.Received == s.Published && s.Duplicates == 0
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := 0
			b := startHandler(t, func(c *reactor.Conn, ev reactor.Event, data any) {
				accept(c, ev, data)
				if ev == reactor.EvMQTTMsg {
					n++
					row.serve(c, data.(*mqtt.Message), n)
				}
			})
			s, r := runJSON(t, row.status, append(row.args, "-url", b.url, "-n", "2", "-rate", "300", "-d", "50ms")...)
			if !row.want(&s) || s.Published == 0 {
				t.Errorf("%+v", s)
			}
			if !strings.Contains(r.Stderr, row.stderr) {
				t.Errorf("stderr %q", r.Stderr)
			}
		})
	}
}

// A refusal that will not heal ends the program when it has hit all devices.
func TestRefused(t *testing.T) {
	b := startHandler(t, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTCmd && data.(*mqtt.Message).Cmd == mqtt.CmdConnect {
			mqtt.Connack(c, false, 4)
		}
	})
	s, r := runJSON(t, 1, "-url", b.url, "-n", "9", "-user", "me", "-password", "s3cret", "-d", "0")
	if s.Connected != 0 || s.Published != 0 || len(s.Errors) != 1 || !strings.Contains(r.Stderr, "all sessions have ended") ||
		!strings.Contains(r.Stderr, "9 of 9 devices have not subscribed; the most frequent error: 9 ") || strings.Contains(r.Stderr, "s3cret") {
		t.Errorf("%+v\n%s", s, r.Stderr)
	}
}

// A refused subscription has status 1.
func TestSubscriptionRefused(t *testing.T) {
	b := startHandler(t, func(c *reactor.Conn, ev reactor.Event, data any) {
		if m, _ := data.(*mqtt.Message); ev == reactor.EvMQTTCmd && m.Cmd == mqtt.CmdSubscribe {
			mqtt.Suback(c, m.ID, 0x80)
			return
		}
		accept(c, ev, data)
	})
	s, r := runJSON(t, 1, "-url", b.url, "-n", "2", "-d", "1ms", "-rate", "0")
	if s.Connected != 2 || s.Subscribed != 0 || len(s.Errors) != 1 || !strings.Contains(r.Stderr, "2 of 2 devices have not subscribed") {
		t.Errorf("%+v\n%s", s, r.Stderr)
	}
}

// With -ready the run begins without the devices that have not subscribed. Their messages are
// abandoned after -drain.
func TestReady(t *testing.T) {
	s, r := runJSON(t, 1, "-url", "mqtt://"+looptest.UsedAddr(t), "-n", "3", "-attempts", "2", "-ready", "20ms",
		"-rate", "1000", "-d", "20ms", "-drain", "20ms")
	if s.Published == 0 || s.Abandoned != s.Published || s.Connected != 0 || !strings.Contains(r.Stderr, "within -ready subscribed=0 devices=3") {
		t.Errorf("%+v\n%s", s, r.Stderr)
	}
}

// Messages do not allocate in the program itself.
func TestAllocations(t *testing.T) {
	o := &options{devices: 1, qos: 1, size: 64, seed: 1, urls: []string{"mqtt://h"}, topic: "t", attempts: 1}
	f := newFleet(o, nil, looptest.NewStillManager(t), newScreen(io.Discard), slog.New(slog.DiscardHandler))
	d := &device{fleet: f, topic: "t/x", published: 1 << 40}
	m := &mqtt.Message{Topic: []byte(d.topic), Data: f.payload}
	n := uint64(0)
	looptest.WantNoAllocs(t, "receive", func() {
		n++
		stamp(f.payload, n, 1)
		d.receive(m)
	})
}
