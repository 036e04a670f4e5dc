package reactor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Answers are written at the end of a turn, with one write per connection. After 256 KiB of
// input they are written earlier, before the next read.
func TestAnswersAreWrittenAfterABoundedAmountOfInput(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int // of the request on each connection
		most int // bytes that are read before answers are written
	}{
		{"little", 16, 80 * 16},
		{"much", 8 << 10, 256<<10 + 64<<10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := timed(t) // no turn is cut short
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
				p.WriteString(strings.Repeat("x", tt.size))
			}
			spin(t, m, 1)
			if read != 80*tt.size || writes != 80 || unanswered != 0 {
				t.Errorf("one turn read %d bytes, made %d writes, and left %d bytes without an answer", read, writes, unanswered)
			}
			if most > tt.most || tt.size < 1<<10 && most != tt.most {
				t.Errorf("%d bytes were read before answers were written, want %d", most, tt.most)
			}
		})
	}
}

// A descriptor is closed and its number used again while a batch is delivered. What the
// batch reports about the old descriptor must not reach the new connection. Here two
// attempts of a dialer end in one batch: the first wins, the second is closed, and the
// handler of EvConnect makes a socket that gets its number.
func TestStaleReadinessIsNotDelivered(t *testing.T) {
	k := looptest.NewClock()
	m := newManager(t, reactor.WithDeadlines(reactor.Deadlines{Resolve: -1, Connect: -1}),
		reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2")),
		reactor.WithClock(func() time.Time { // at each reading the next attempt is due
			k.Advance(time.Second)
			return k.Now()
		}))
	port := reserve(t)
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		listenAt(t, netipAddrPort(host, port), 8)
	}

	successor := &recorder{}
	client := &recorder{On: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) {
		files := looptest.OpenFiles()
		_, p := wrap(t, m, successor.Handle) // takes the lowest free number
		p.WriteString("for the successor")
		if now := looptest.OpenFiles(); len(now) != len(files)+2 {
			t.Errorf("descriptors %v, before %v: want two more", now, files)
		}
	}}}
	dial(t, m, urlOf(hostPort("both.test", port)), client.Handle)
	await(t, m, "EvConnect", client.Saw(reactor.EvConnect))
	if len(successor.Events) > 1 {
		t.Errorf("events %v in the turn that made the new connection", successor.Events)
	}
	await(t, m, "input of the new connection", successor.Saw(reactor.EvRead))
	successor.Want(t, "OPEN READ")
}

// A handler closes all other connections that are ready in the same batch. They have
// EvClose and no EvRead. Connections that get their descriptors have no events of theirs.
func TestHandlerClosesOthersOfTheSameBatch(t *testing.T) {
	m := newManager(t)
	const n = 8
	var conns []*reactor.Conn
	var recs []*recorder
	reads, successor := 0, &recorder{}
	for range n {
		r := &recorder{}
		r.On = hooks{
			reactor.EvRead: func(c *reactor.Conn, _ any) {
				reads++
				c.Recv.Reset()
				for _, o := range conns {
					if o != c {
						o.Close()
					}
				}
			},
		}
		c, p := wrap(t, m, r.Handle)
		p.WriteString("ready")
		conns, recs = append(conns, c), append(recs, r)
	}
	made := false
	succeed := func(*reactor.Conn, any) {
		if !made {
			made = true
			wrap(t, m, successor.Handle)
		}
	}
	recs[0].On[reactor.EvClose] = succeed // one of the two is closed
	recs[1].On[reactor.EvClose] = succeed
	await(t, m, "EvClose of the other connections", func() bool {
		closed := 0
		for _, r := range recs {
			closed += r.Count(reactor.EvClose)
		}
		return closed == n-1
	})
	spin(t, m, 5)
	if reads != 1 {
		t.Errorf("%d connections had EvRead, want 1", reads)
	}
	if c := successor.Count(reactor.EvRead) + successor.Count(reactor.EvError); c != 0 {
		t.Errorf("the new connection has the events %v", successor.Events)
	}
}
