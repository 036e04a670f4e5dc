package mqtt_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// readSome reads what is in a socket.
func readSome(fd int, buf []byte) int {
	n, _ := unix.Read(fd, buf)
	return n
}

// A server that does not answer PINGREQ in time fails the connection. The error says so.
func TestPingTimeout(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for _, row := range []struct{ interval, set, timeout time.Duration }{
			{60 * time.Second, 0, 10 * time.Second},
			{11 * time.Second, 0, 10 * time.Second},
			{9 * time.Second, 0, 9 * time.Second},
			{time.Second, 0, time.Second},
			{60 * time.Second, 3 * time.Second, 3 * time.Second},
			{60 * time.Second, 30 * time.Second, 30 * time.Second},
			{2 * time.Second, time.Millisecond, time.Millisecond},
		} {
			t.Run(fmt.Sprint(row.interval, row.set), func(t *testing.T) {
				h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: row.interval, PingTimeout: row.set}, connack4, nil)
				h.Advance(row.interval - min(row.interval/10, time.Second))
				h.wantAlive("PINGREQ is due")
				h.p.wantGot(h.m, "c0 00")
				if row.timeout < row.interval {
					h.wantDeadline("PINGRESP", row.timeout)
				} else {
					h.Advance(row.timeout)
					looptest.Settle(t, h.m)
				}
				looptest.WantErr(t, h.r.Err(t), os.ErrDeadlineExceeded, "PINGRESP deadline of "+row.timeout.String())
			})
		}
	})
}

// A PingTimeout that is longer than the keep-alive counts from the first PINGREQ without an answer.
func TestPingTimeoutBeyondKeepAlive(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 10 * time.Second, PingTimeout: 25 * time.Second}, connack4, nil)
		for range 3 {
			h.wantPing(9 * time.Second)
		}
		h.wantDeadline("PINGRESP", 7*time.Second)
	})
}

// With a negative PingTimeout no answer is required.
func TestNoPingTimeout(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second, PingTimeout: -1}, connack4, nil)
		for range 5 {
			h.wantPing(59 * time.Second)
		}
	})
}

// Other bytes from the server start the time of the answer again: the server is alive, and the
// answer may wait behind a large message. They are no answer, except on a connection of Login.
func TestBytesMovePingTimeout(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 600 * time.Second}, connack4, nil)
		h.wantPing(599 * time.Second)
		packet := h.p.framed(pack("30 07 00 03'a/b''hi'"))
		for i := range packet { // slowly
			h.Advance(9 * time.Second)
			h.writeRead(packet[i : i+1])
			h.wantAlive("a message arrives")
		}
		if byHand {
			h.wantQuiet(60 * time.Second)
			return
		}
		h.wantDeadline("PINGRESP", 10*time.Second)
	})
}

// Control frames of the WebSocket are no sign of life of the server: a proxy may send them. They
// neither delay PINGREQ nor start the time of the answer again.
func TestWebSocketPingsDoNotMovePingTimeout(t *testing.T) {
	h := keptAlive(t, "ws", false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
	ping := func() {
		t.Helper()
		before := len(h.p.frames)
		h.p.Write(h.p.frame(9, nil))
		looptest.Await(t, h.m, "the pong", func() bool { h.p.readAll(); return len(h.p.frames) > before })
	}
	h.Advance(30 * time.Second)
	ping()
	h.wantPing(29 * time.Second)
	h.Advance(6 * time.Second)
	ping()
	h.wantDeadline("PINGRESP", 4*time.Second)
}

// If the loop is late, and not the server, the answer in the socket counts.
func TestLatePingrespIsRead(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		h.wantPing(59 * time.Second)
		h.p.send(pack(pingresp))
		h.Advance(30 * time.Second) // before the loop looks at the socket
		h.wantAlive("the answer was in the socket")
		h.wantPing(29 * time.Second)
	})
}

// A paused connection sends PINGREQ in each interval. It does not fail for an answer that it has
// not read. After the pause the time for the answer goes on.
func TestKeepAliveInPause(t *testing.T) {
	eachKeepAlive(t, func(t *testing.T, scheme string, byHand bool) {
		for _, answered := range []bool{true, false} {
			t.Run(fmt.Sprint("answered ", answered), func(t *testing.T) {
				h := keptAlive(t, scheme, byHand, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
				h.c.Pause()
				for range 5 {
					h.wantPing(59 * time.Second)
					if answered {
						h.p.send(pack(pingresp))
					}
				}
				h.wantQuiet(30 * time.Second)
				h.c.Resume()
				h.wantAlive("after the pause")
				if answered {
					h.wantPing(29 * time.Second)
				} else {
					h.wantDeadline("PINGRESP", 10*time.Second)
				}
			})
		}
	})
}

// fillSend publishes until the socket takes nothing more, because the peer does not read. It
// returns how many bytes are in Send then.
func (h *clockPair) fillSend() (last int) {
	h.t.Helper()
	looptest.Must(h.t, h.c.SetLimits(reactor.Limits{Backpressure: -1}))
	looptest.NarrowReceive(h.t, h.p.FD)
	looptest.NarrowSend(h.t, h.c)
	_, err := mqtt.Pub(h.c, &mqtt.Options{Topic: "a/b", Message: make([]byte, 4<<20)})
	looptest.Must(h.t, err)
	for same := 0; same < 20; same++ {
		looptest.Must(h.t, h.m.Poll(5*time.Millisecond))
		if n := h.c.Send.Len(); n != last {
			last, same = n, 0
		}
	}
	return last
}

// A connection that drains gets no PINGREQ, although its peer does not read for long.
func TestNoPingreqWhileDraining(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		before := h.fillSend()
		h.c.Drain()
		h.Advance(time.Hour)
		h.wantAlive("the peer does not read")
		if h.c.Send.Len() > before {
			t.Errorf("%d bytes were added to Send", h.c.Send.Len()-before)
		}
	})
}

// While the peer does not read, PINGREQ waits in Send. There is one, and the time for its answer
// counts from when the socket took it.
func TestPingreqBehindFullSend(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		h := keptAlive(t, scheme, false, mqtt.Options{KeepAlive: 60 * time.Second}, connack4, nil)
		last := h.fillSend()
		for range 10 {
			h.Advance(60 * time.Second)
			h.wantAlive("the peer does not read")
		}
		if added := h.c.Send.Len() - last; added > 8 {
			t.Errorf("%d bytes were added to Send, want one PINGREQ", added)
		}
		buf := make([]byte, 1<<16)
		for i := 0; h.c.Send.Len() > 0 && i < looptest.Turns; i++ {
			for readSome(h.p.FD, buf) > 0 {
			}
			looptest.Must(t, h.m.Poll(time.Millisecond))
		}
		h.wantDeadline("PINGRESP", 10*time.Second)
	})
}
