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

// The last words of a peer whose socket keeps message boundaries. Its close makes the next
// write fail, or the next read, before what it sent has been read.

// lastPackets are more than one turn reads.
var lastPackets = func() (all []string) {
	for i := range 100 {
		all = append(all, fmt.Sprint("packet ", i))
	}
	return all
}()

// packetRecorder keeps what each EvRead has.
type packetRecorder struct {
	recorder
	packets []string
}

func newPacketRecorder() *packetRecorder {
	r := &packetRecorder{}
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
		r.packets = append(r.packets, string(c.Recv.Bytes()))
		c.Recv.Reset()
	}}
	return r
}

// leaves sends its last packets and closes its socket.
func (p *peer) leaves() {
	p.t.Helper()
	for _, s := range lastPackets {
		_, err := unix.Write(p.fd, []byte(s))
		looptest.Must(p.t, err)
	}
	p.close()
}

func (r *packetRecorder) wantLastPackets(t *testing.T, m *reactor.Manager) {
	t.Helper()
	await(t, m, "EvClose", r.closed)
	if !slices.Equal(r.packets, lastPackets) {
		t.Errorf("%d of %d packets were delivered", len(r.packets), len(lastPackets))
	}
	if n := len(r.events); len(r.errs) != 1 || r.events[n-2] != reactor.EvError {
		t.Errorf("errors %v; events %s", r.errs, eventList(r.events))
	}
}

// A UNIX-domain datagram socket is left out: the kernel drops what the peer sent.
var lastPacketKinds = []string{"seqpacket", "udp"}

func TestLastPacketsBeforeFailedWrite(t *testing.T) {
	for _, kind := range lastPacketKinds {
		for _, from := range writePlaces {
			t.Run(kind+" from "+from.name, func(t *testing.T) {
				m, _ := timed(t)
				r := newPacketRecorder()
				c, p := wrapPackets(t, m, kind, r.handle)
				spin(t, m, 2)
				from.do(t, m, c, func() {
					p.leaves()
					c.Write([]byte("x"))
					c.Write([]byte("y")) // of udp, the one that fails
				})
				r.wantLastPackets(t, m)
			})
		}
	}
}

// The kernel tells of the error before it hands out what came earlier.
func TestLastPacketsBehindFailedRead(t *testing.T) {
	for _, kind := range lastPacketKinds {
		for _, pause := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, ", paused ", pause), func(t *testing.T) {
				m, _ := timed(t)
				r := newPacketRecorder()
				c, p := wrapPackets(t, m, kind, r.handle)
				spin(t, m, 2)
				c.Write([]byte("never read"))
				spin(t, m, 2)
				if pause { // in each EvRead
					read := r.on[reactor.EvRead]
					r.on[reactor.EvRead] = func(c *reactor.Conn, data any) {
						read(c, data)
						c.Pause()
						m.AddTimer(0, reactor.TimerOnce, c.Resume)
					}
				}
				p.leaves()
				if kind == "udp" {
					c.Write([]byte("nobody is there"))
				}
				r.wantLastPackets(t, m)
			})
		}
	}
}

// Of datagrams the kernel counts the next one only. Those before the one that is waited for
// are more than one turn reads.
func TestLateLoopTakesInManyDatagrams(t *testing.T) {
	for kind := range packetPairs {
		for _, size := range []int{0, 1, 100} {
			if size == 0 && kind == "seqpacket" {
				continue // an empty message is the end
			}
			t.Run(fmt.Sprint(kind, ", ", size), func(t *testing.T) {
				m, k := timed(t)
				r := &recorder{on: hooks{}}
				answer := &reactor.Deadline{Name: "answer"}
				met := false
				r.on[reactor.EvRead] = func(c *reactor.Conn, _ any) {
					if string(c.Recv.Bytes()) == "answer" {
						met = true
						c.Stack().StopDeadline(answer)
					}
				}
				c, p := wrapPackets(t, m, kind, r.handle)
				spin(t, m, 2)
				c.Stack().StartDeadline(answer, time.Second)
				noise := make([]byte, size)
				for range 150 {
					if _, err := unix.Write(p.fd, noise); err != nil {
						t.Skip("the socket holds too few: ", err)
					}
				}
				_, err := unix.Write(p.fd, []byte("answer"))
				looptest.Must(t, err)
				k.advance(5 * time.Second)
				await(t, m, "the answer", func() bool { return met || len(r.errs) > 0 })
				if !met {
					t.Errorf("%v", r.errs)
				}
			})
		}
	}
}

// A peer that never stops sending does not put the judgement off.
func TestDatagramsDoNotPutOffADeadline(t *testing.T) {
	m, k := timed(t)
	r := &recorder{on: hooks{}}
	c, p := wrapPackets(t, m, "udp", r.handle)
	spin(t, m, 2)
	c.Stack().StartDeadline(&reactor.Deadline{Name: "answer"}, time.Second)
	k.advance(5 * time.Second)
	r.on[reactor.EvRead] = func(*reactor.Conn, any) { unix.Write(p.fd, nil) }
	for range 50 {
		unix.Write(p.fd, nil)
	}
	await(t, m, "EvClose", r.closed)
	wantDeadline(t, r.err(t), "answer", time.Second)
}
