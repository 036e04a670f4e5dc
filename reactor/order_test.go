package reactor_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// EvOpen is what anyone hears first of a connection, wherever in a turn of
// the loop it was made, and whatever is ready for it already.

func TestEvOpenPrecedesWhatFollows(t *testing.T) {
	type arranger func(m *reactor.Manager, do func())
	phases := []struct {
		name    string
		in      reactor.Event // the event whose handler makes the connection, or
		arrange arranger
	}{
		{"EvOpen", reactor.EvOpen, nil},
		{"EvPoll", reactor.EvPoll, nil},
		{"EvRead", reactor.EvRead, nil},
		{"EvWrite", reactor.EvWrite, nil},
		{"EvWakeup", reactor.EvWakeup, nil},
		{"EvClose", reactor.EvClose, nil},
		{"timer", -1, func(m *reactor.Manager, do func()) { m.AddTimer(0, reactor.TimerOnce, do) }},
		{"post", -1, func(m *reactor.Manager, do func()) { m.Post(do) }},
	}
	for _, phase := range phases {
		t.Run(phase.name, func(t *testing.T) {
			m := newManager(t)
			later, made := &recorder{}, false
			do := func() {
				if made {
					return
				}
				made = true
				c, p := wrap(t, m, later.handle)
				p.write("early")
				c.SetPoll(true)
				m.Wakeup(c.ID(), []byte("early"))
			}
			first := &recorder{}
			c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
				first.handle(c, ev, data)
				if ev == phase.in {
					do()
				}
			})
			if phase.arrange != nil {
				phase.arrange(m, do)
			}
			c.SetPoll(true)
			c.Write([]byte("x"))
			p.write("y")
			m.Wakeup(c.ID(), nil)
			await(t, m, "the first connection's input", first.saw(reactor.EvRead))
			c.Close()
			await(t, m, "what was early", func() bool {
				return later.count(reactor.EvRead)*later.count(reactor.EvWakeup)*later.count(reactor.EvPoll) > 0
			})
			if later.events[0] != reactor.EvOpen {
				t.Errorf("events %v, want OPEN first", later.events)
			}
			if n := later.count(reactor.EvOpen); n != 1 {
				t.Errorf("%d EvOpen", n)
			}
		})
	}
}

// EvOpen's handler has the last word on what it is followed by: what was ready
// already waits if it pauses, and is lost if it closes.
func TestEvOpenMayPauseOrClose(t *testing.T) {
	for _, end := range []bool{false, true} {
		m := newManager(t)
		later, layer := &recorder{}, &lines{}
		later.on = hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Pause() }}
		if end {
			later.on[reactor.EvOpen] = func(c *reactor.Conn, _ any) { c.Close() }
		}
		var c *reactor.Conn
		wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvOpen {
				var p *peer
				c, p = wrap(t, m, later.handle)
				c.Stack().Push(layer)
				p.write("early\n")
				p.shutdown()
			}
		})
		spin(t, m, 5)
		if end {
			later.want(t, "OPEN CLOSE")
		} else {
			later.want(t, "OPEN")
			c.Resume()
			await(t, m, "EvClose", later.closed)
		}
		if got := len(layer.got); got != map[bool]int{false: 1}[end] || layer.ended != got {
			t.Errorf("closed in EvOpen %v: lines %q, End called %d times", end, layer.got, layer.ended)
		}
	}
}

// What is asked for right after Connect, within a handler, comes after EvOpen.
func TestEvOpenPrecedesEvPoll(t *testing.T) {
	m := newManager(t)
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	later := &recorder{}
	m.Post(func() {
		dial(t, m, "tcp://"+l.LocalAddr().String(), later.handle).SetPoll(true)
	})
	await(t, m, "EvConnect", later.saw(reactor.EvConnect))
	if later.events[0] != reactor.EvOpen {
		t.Errorf("events %v, want OPEN first", later.events)
	}
}

// No event comes before Poll, and the orders are those of doc.go.
func TestOrderOfEvents(t *testing.T) {
	for _, scheme := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(scheme, func(t *testing.T) {
			m := newManager(t)
			accepted, listener := &recorder{}, &recorder{}
			var l *reactor.Conn
			url := listenURL(t, scheme)
			l = listen(t, m, url, func(c *reactor.Conn, ev reactor.Event, data any) {
				if c == l {
					listener.handle(c, ev, data)
				} else {
					accepted.handle(c, ev, data)
				}
			})
			client := &recorder{}
			if scheme != "unix" {
				url = urlOf(l.LocalAddr().String())
			}
			c := dial(t, m, url, client.handle)
			if n := len(client.events) + len(listener.events); n != 0 {
				t.Fatalf("%d events before Poll", n)
			}
			await(t, m, "EvConnect and EvAccept", func() bool {
				return client.count(reactor.EvConnect)+accepted.count(reactor.EvAccept) == 2
			})
			c.Write([]byte("hello"))
			await(t, m, "the server's input", accepted.saw(reactor.EvRead))
			c.Close()
			await(t, m, "EvClose", accepted.closed)
			l.Close()
			await(t, m, "the listener's EvClose", listener.closed)
			if scheme == "unix" {
				client.want(t, "OPEN CONNECT WRITE CLOSE")
			} else {
				client.want(t, "OPEN RESOLVE CONNECT WRITE CLOSE")
			}
			accepted.want(t, "OPEN ACCEPT READ CLOSE")
			listener.want(t, "OPEN CLOSE")
		})
	}
}

// What is answered in a turn is written at its end, with one write per
// connection, but never later than 256 KiB and the read that came to them were read.
func TestAnswersLeaveBeforeTheyAreCold(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int // of the request on each connection
		most int // bytes that are read before answers are written
	}{
		{"little", 16, 80 * 16},
		{"much", 8 << 10, 256<<10 + 64<<10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newManager(t)
			read, unanswered, most, writes := 0, 0, 0, 0
			var peers []*peer
			for range 80 {
				_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvRead:
						n := *data.(*int)
						read += n
						unanswered += n
						most = max(most, unanswered)
						c.Write(c.Recv.Bytes())
						c.Recv.Reset()
					case reactor.EvWrite:
						unanswered = 0
						writes++
					}
				})
				peers = append(peers, p)
			}
			spin(t, m, 2)
			for _, p := range peers {
				p.write(strings.Repeat("x", tt.size))
			}
			spin(t, m, 1)
			if read != 80*tt.size || writes != 80 || unanswered != 0 {
				t.Errorf("%d bytes read, %d writes, %d bytes not answered in one turn", read, writes, unanswered)
			}
			if most > tt.most || tt.size < 1<<10 && most != tt.most {
				t.Errorf("%d bytes were read before answers were written, want %d", most, tt.most)
			}
		})
	}
}
