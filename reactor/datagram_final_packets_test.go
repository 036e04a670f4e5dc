package reactor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The final bytes of a peer whose socket keeps message boundaries. Its close makes the next
// write fail, or the next read, before what it sent has been read.

// The final bytes of a peer whose socket keeps message boundaries. Its close makes the
// next write or read fail before the packets that it sent have been read. finalPackets
// are more than one turn reads.
var finalPackets = func() (all []string) {
	for i := range 100 {
		all = append(all, fmt.Sprint("packet ", i))
	}
	return all
}()

// packetRecorder keeps the message of each EvRead.
type packetRecorder struct {
	recorder
	packets []string
}

// newPacketRecorder makes a handler that keeps each message.
func newPacketRecorder() *packetRecorder {
	r := &packetRecorder{}
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		r.packets = append(r.packets, string(c.Recv.Bytes()))
		c.Recv.Reset()
	}}
	return r
}

// sendFinalPackets sends the final packets and closes the socket.
func sendFinalPackets(p *peer) {
	p.T.Helper()
	for _, s := range finalPackets {
		_, err := unix.Write(p.FD, []byte(s))
		looptest.Must(p.T, err)
	}
	p.Close()
}

func (r *packetRecorder) wantLastPackets(t *testing.T, m *reactor.Manager) {
	t.Helper()
	await(t, m, "EvClose", r.Closed)
	if !slices.Equal(r.packets, finalPackets) {
		t.Errorf("%d of %d packets were delivered", len(r.packets), len(finalPackets))
	}
	if n := len(r.Events); len(r.Errs) != 1 || r.Events[n-2] != reactor.EvError {
		t.Errorf("errors %v; events %s", r.Errs, eventList(r.Events))
	}
}

// UNIX-domain datagram sockets are left out, because the kernel drops what the peer sent.
var finalPacketKinds = []string{"seqpacket", "udp"}

func TestFinalPacketsBeforeWriteError(t *testing.T) {
	for _, kind := range finalPacketKinds {
		for _, from := range writePlaces {
			t.Run(kind+" from "+from.name, func(t *testing.T) {
				m, _ := timed(t)
				r := newPacketRecorder()
				c, p := wrapPackets(t, m, kind, r.Handle)
				spin(t, m, 2)
				from.do(t, m, c, func() {
					sendFinalPackets(p)
					c.Write([]byte("x"))
					c.Write([]byte("y")) // with udp this write fails
				})
				r.wantLastPackets(t, m)
			})
		}
	}
}

// The kernel reports the error before it delivers what came earlier.
func TestFinalPacketsAfterReadError(t *testing.T) {
	for _, kind := range finalPacketKinds {
		for _, pause := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, ", paused ", pause), func(t *testing.T) {
				m, _ := timed(t)
				r := newPacketRecorder()
				c, p := wrapPackets(t, m, kind, r.Handle)
				spin(t, m, 2)
				c.Write([]byte("never read"))
				spin(t, m, 2)
				if pause { // in each EvRead
					read := r.On[reactor.EvRead]
					r.On[reactor.EvRead] = func(c *reactor.Conn, data any) {
						read(c, data)
						c.Pause()
						m.AddTimer(0, reactor.TimerOnce, c.Resume)
					}
				}
				sendFinalPackets(p)
				if kind == "udp" {
					c.Write([]byte("nobody is there"))
				}
				r.wantLastPackets(t, m)
			})
		}
	}
}

// The kernel reports the size of the next datagram only. There are more datagrams before
// the one that a deadline waits for than one turn reads.
func TestLateLoopReadsManyDatagrams(t *testing.T) {
	for kind := range packetPairs {
		for _, size := range []int{0, 1, 100} {
			if size == 0 && kind == "seqpacket" {
				continue // an empty message is the end of the stream
			}
			t.Run(fmt.Sprint(kind, ", ", size), func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{On: hooks{}}
				answer := &reactor.Deadline{Name: "answer"}
				met := false
				r.On[reactor.EvRead] = func(c *reactor.Conn, _ any) {
					if string(c.Recv.Bytes()) == "answer" {
						met = true
						c.Stack().StopDeadline(answer)
					}
				}
				c, p := wrapPackets(t, m, kind, r.Handle)
				spin(t, m, 2)
				c.Stack().StartDeadline(answer, time.Second)
				noise := make([]byte, size)
				for range 150 {
					if _, err := unix.Write(p.FD, noise); err != nil {
						t.Skip("the socket holds too few: ", err)
					}
				}
				_, err := unix.Write(p.FD, []byte("answer"))
				looptest.Must(t, err)
				k.Advance(5 * time.Second)
				await(t, m, "the answer", func() bool { return met || len(r.Errs) > 0 })
				if !met {
					t.Errorf("%v", r.Errs)
				}
			})
		}
	}
}

// A peer that never stops sending does not delay a deadline.
func TestDatagramsDoNotDelayADeadline(t *testing.T) {
	m, k := timed(t)
	r := &recorder{On: hooks{}}
	c, p := wrapPackets(t, m, "udp", r.Handle)
	spin(t, m, 2)
	c.Stack().StartDeadline(&reactor.Deadline{Name: "answer"}, time.Second)
	k.Advance(5 * time.Second)
	r.On[reactor.EvRead] = func(*reactor.Conn, any) { unix.Write(p.FD, nil) }
	for range 50 {
		unix.Write(p.FD, nil)
	}
	await(t, m, "EvClose", r.Closed)
	wantDeadline(t, r.Err(t), "answer", time.Second)
}
