package mqtt_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// keptAlive is a client with a clock. The peer has read CONNECT, and sends connack unless it is
// empty. By hand it is a connection of Login.
func keptAlive(t *testing.T, scheme string, byHand bool, opts mqtt.Options, connack string, on hooks) *clockPair {
	t.Helper()
	h := &clockPair{Clock: looptest.NewClock()}
	opts.ClientID, opts.Clean = "c", true
	mo := []reactor.Option{reactor.WithClock(h.Now), reactor.WithDeadlines(reactor.Deadlines{Handshake: -1, Message: -1, Stall: -1})}
	if byHand {
		h.pair = loggedIn(t, scheme, &opts, on, mo...)
	} else {
		x := &pair{t: t, m: looptest.NewManager(t, mo...), r: newRecorder(t, on)}
		h.pair = x
		l, addr := looptest.ListenSocket(t)
		x.c = mustConn(t)(mqtt.Connect(x.m, scheme+"://"+addr, &opts, x.r.handle, nil))
		x.p = &peer{Socket: l.AwaitAccept(x.m), ws: scheme == "ws"}
		if x.p.ws {
			x.p.agree(x.m, answerMQTT)
		}
		looptest.Await(t, x.m, "CONNECT", func() bool { x.p.readAll(); return len(x.p.got) > 0 })
	}
	h.p.got, h.p.frames = nil, nil
	if connack != "" {
		h.p.send(pack(connack))
		looptest.Settle(t, h.m)
	}
	return h
}

// hear makes the server send PINGRESP, or another packet.
func (h *clockPair) hear(packet string) {
	h.t.Helper()
	h.p.send(pack(packet))
	looptest.Settle(h.t, h.m)
}

// wantQuiet moves the clock and checks that the client sends nothing.
func (h *clockPair) wantQuiet(d time.Duration) {
	h.t.Helper()
	h.Advance(d)
	h.wantAlive("quiet")
	if h.p.readAll(); len(h.p.got) > 0 {
		h.t.Fatalf("the peer got % x, want nothing", h.p.got)
	}
}

// wantPing checks that the client sends one PINGREQ after d, and not a nanosecond earlier.
func (h *clockPair) wantPing(d time.Duration) {
	h.t.Helper()
	h.wantQuiet(d - 1)
	h.Advance(1)
	h.wantAlive("PINGREQ is due")
	before := len(h.p.frames)
	for i := 0; i < 100 && len(h.p.got) < 2; i++ {
		h.p.readAll()
		looptest.Must(h.t, h.m.Poll(time.Millisecond))
	}
	if string(h.p.got) != "\xc0\x00" {
		h.t.Fatalf("the peer got % x, want PINGREQ", h.p.got)
	}
	h.p.got = nil
	if h.p.ws && len(h.p.frames) != before+1 {
		h.t.Errorf("%d frames for PINGREQ, want 1", len(h.p.frames)-before)
	}
}

const (
	connack4 = "20 02 00 00"
	connack5 = "20 03 00 00 00"
	pingresp = "d0 00"
)

// eachKeepAlive runs a test over each transport, with connections of Connect and of Login.
func eachKeepAlive(t *testing.T, test func(t *testing.T, scheme string, byHand bool)) {
	for _, scheme := range transports {
		for _, byHand := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by hand %v", scheme, byHand), func(t *testing.T) { test(t, scheme, byHand) })
		}
	}
}

// A client that has nothing to send sends PINGREQ in each interval. The time between two packets is
// shorter than the interval, because timers are late [MQTT-3.1.2-23] [MQTT-3.1.2-20].
func TestKeepAliveSendsPingreq(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for interval, period := range map[time.Duration]time.Duration{
			time.Second:             900 * time.Millisecond,
			1200 * time.Millisecond: 1080 * time.Millisecond,
			60 * time.Second:        59 * time.Second,
			65535 * time.Second:     65534 * time.Second,
		} {
			h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: interval}, connack4, nil)
			for range 3 {
				h.wantPing(period)
				h.hear(pingresp)
			}
		}
	})
}

// Without a keep-alive a client sends no PINGREQ, and no deadline runs.
func TestNoKeepAlive(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for version, connack := range map[uint8]string{4: connack4, 5: connack5} {
			h := keptAlive(t, scheme, byHand, mqtt.Options{Version: version}, connack, nil)
			h.wantQuiet(100 * time.Hour)
			if next := h.m.NextTimeout(); next < 1000*time.Hour {
				t.Errorf("a timer runs, due in %v", next)
			}
		}
	})
}

// The packets of the program move PINGREQ. A client that sends often enough, and hears the server,
// sends none.
func TestPacketsMovePingreq(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		for i := range 10 {
			h.Advance(50 * time.Second)
			h.wantAlive("busy")
			start := h.c.Send.Len()
			if _, err := mqtt.Pub(h.c, pubOptions(0)); err != nil {
				t.Fatal(err)
			}
			if byHand && scheme == "ws" {
				ws.Wrap(h.c, h.c.Send.Len()-start, ws.OpBinary)
			}
			h.p.wantGot(h.m, "30 07 00 03'a/b''hi'")
			if i < 9 {
				h.hear("30 06 00 03'a/b''x'")
			}
		}
		h.wantPing(59 * time.Second)
	})
}

// A client that publishes, but hears nothing from the server, sends PINGREQ within two intervals:
// the server may have vanished, and at QoS 0 nothing else would tell.
func TestPingreqIfServerIsSilent(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		for waited := time.Duration(0); ; waited += 10 * time.Second {
			if waited > 2*time.Minute {
				t.Fatal("no PINGREQ within two intervals")
			}
			h.Advance(10 * time.Second)
			h.wantAlive("publishing")
			if h.p.readAll(); len(h.p.got) > 0 {
				h.p.wantGot(h.m, "c0 00")
				break
			}
			if _, err := mqtt.Pub(h.c, pubOptions(0)); err != nil {
				t.Fatal(err)
			}
			h.p.wantGot(h.m, "30 07 00 03'a/b''hi'")
		}
		h.wantDeadline("PINGRESP", 10*time.Second)
	})
}

// Server Keep Alive replaces the keep-alive of CONNECT: with a smaller value, a larger one, or 0,
// which turns it off [MQTT-3.2.2-21].
func TestServerKeepAlive(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		for _, row := range []struct {
			asked, server, period time.Duration
		}{
			{60 * time.Second, 10 * time.Second, 9 * time.Second},
			{60 * time.Second, 100 * time.Second, 99 * time.Second},
			{60 * time.Second, 65535 * time.Second, 65534 * time.Second},
			{60 * time.Second, 0, 0},
			{0, 10 * time.Second, 9 * time.Second},
			{0, 0, 0},
		} {
			t.Run(fmt.Sprintf("by hand %v, %v %v", byHand, row.asked, row.server), func(t *testing.T) {
				on := hooks{}
				if byHand {
					on[reactor.EvRead] = parsing(5)
				}
				connack := fmt.Sprintf("20 06 00 00 03 13 %04x", int(row.server/time.Second))
				h := keptAlive(t, "mqtt", byHand, mqtt.Options{KeepAlive: row.asked, Version: 5}, connack, on)
				if row.period == 0 {
					h.wantQuiet(100 * time.Hour)
					return
				}
				h.wantPing(row.period)
				h.hear(pingresp)
				h.wantPing(row.period)
			})
		}
	}
}

// parsing returns a handler of EvRead that parses the packets and acknowledges them with Ack.
func parsing(version uint8) func(c *reactor.Conn, _ any) {
	return func(c *reactor.Conn, _ any) {
		var msg mqtt.Message
		for c.Recv.Len() > 0 {
			n, err := mqtt.Parse(c.Recv.Bytes(), version, &msg)
			if err != nil {
				return
			}
			mqtt.Ack(c, &msg)
			c.Recv.Consume(n)
		}
	}
}

// While CONNACK is outstanding, no PINGREQ is sent. The interval counts from the last packet: if it
// has passed when CONNACK arrives, PINGREQ follows at once.
func TestNoPingreqBeforeConnack(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for waited, left := range map[time.Duration]time.Duration{
			0:                59 * time.Second,
			20 * time.Second: 39 * time.Second,
			58 * time.Second: time.Second,
		} {
			h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, "", nil)
			h.wantQuiet(waited)
			h.hear(connack4)
			h.wantPing(left)
		}
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, "", nil)
		h.wantQuiet(time.Hour)
		h.hear(connack4)
		h.wantPing(1)
	})
}

// Pongs of the WebSocket are no packets of MQTT: they do not move PINGREQ.
func TestWebSocketPongsDoNotMovePingreq(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		h := keptAlive(t, "ws", byHand, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		for range 5 {
			h.Advance(10 * time.Second)
			before := len(h.p.frames)
			h.p.Write(h.p.frame(9, nil))
			looptest.Await(t, h.m, "the pong", func() bool { h.p.readAll(); return len(h.p.frames) > before })
		}
		h.wantPing(9 * time.Second)
	}
}

// After DISCONNECT, and while the connection drains, no PINGREQ is sent, and no answer is awaited.
func TestNoPingreqAfterOwnEnd(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for name, end := range map[string]func(c *reactor.Conn) error{
			"Disconnect": func(c *reactor.Conn) error {
				start := c.Send.Len()
				err := mqtt.Disconnect(c, nil)
				if byHand && scheme == "ws" {
					ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
				}
				return err
			},
			"AwaitEnd": func(c *reactor.Conn) error { c.Stack().AwaitEnd(); return nil },
		} {
			for _, pinged := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, PINGREQ sent %v", name, pinged), func(t *testing.T) {
					h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
					if pinged { // and not answered
						h.wantPing(59 * time.Second)
					}
					if err := end(h.c); err != nil {
						t.Fatal(err)
					}
					looptest.Settle(t, h.m)
					h.p.readAll()
					h.p.got = nil
					h.Advance(time.Hour)
					looptest.Settle(t, h.m)
					if h.p.readAll(); len(h.p.got) > 0 || len(h.r.Errs) > 0 {
						t.Errorf("the peer got % x, errors %v, want nothing", h.p.got, h.r.Errs)
					}
				})
			}
		}
	})
}

// While a ws.Writer is in the middle of a message, PINGREQ waits.
func TestPingreqWaitsForWriter(t *testing.T) {
	h := keptAlive(t, "ws", true, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
	w, err := ws.NewWriter(h.c, ws.OpBinary, 100)
	looptest.Must(t, err)
	h.wantQuiet(59*time.Second + 500*time.Millisecond)
	looptest.Must(t, w.Close())
	looptest.Settle(t, h.m)
	h.p.readAll()
	h.p.got = nil
	h.Advance(59 * time.Second)
	h.wantAlive("the message is complete")
	h.p.wantGot(h.m, "c0 00")
}

// A PINGREQ of the program is a packet like others.
func TestOwnPing(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		h.wantQuiet(30 * time.Second)
		looptest.Must(t, mqtt.Ping(h.c))
		h.p.wantGot(h.m, "c0 00")
		h.wantQuiet(20 * time.Second) // its answer is not awaited
		h.hear(pingresp)
		h.wantPing(39 * time.Second)
		looptest.Must(t, mqtt.Ping(h.c))
		h.p.wantGot(h.m, "c0 00")
		h.hear(pingresp)
		h.hear(pingresp)
		h.wantPing(59 * time.Second)
		var d *reactor.DeadlineError
		h.Advance(10 * time.Second)
		looptest.Settle(t, h.m)
		if err := h.r.Err(t); !errors.As(err, &d) || d.Deadline != "PINGRESP" {
			t.Errorf("error %v, want the PINGRESP deadline", err)
		}
	})
}

// With keep-alive, Pub and the turn that sends the packet allocate nothing.
func TestKeepAliveDoesNotAllocate(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		h.c.Fn = func(*reactor.Conn, reactor.Event, any) {}
		in, buf, opts := h.p.framed(pack("30 06 00 03'a/b''x'")), make([]byte, 4096), pubOptions(0)
		looptest.WantNoAllocs(t, "Pub", func() {
			h.Advance(time.Second)
			h.p.Write(in)
			if _, err := mqtt.Pub(h.c, opts); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				h.m.Poll(0)
			}
			for n := 1; n > 0; n = readSome(h.p.FD, buf) {
			}
		})
	})
}
